//! Why a rule makes no sense.

use std::fmt;

/// Why a rule of `ACL SETUSER` makes no sense. `Display` is Redis' text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleError {
    Unknown,
    Syntax,
    AllKeys,
    AllChannels,
    NoSuchPassword,
    BadHash,
    ArgumentOfSubcommand,
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RuleError::Unknown => "Unknown command or category name in ACL",
            RuleError::Syntax => "Syntax error",
            RuleError::AllKeys => {
                "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any \
                 effect. Try 'resetkeys' to start with an empty list of patterns"
            }
            RuleError::AllChannels => {
                "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have \
                 any effect. Try 'resetchannels' to start with an empty list of channels"
            }
            RuleError::NoSuchPassword => "The password you are trying to remove from the user does not exist",
            RuleError::BadHash => {
                "The password hash must be exactly 64 characters and contain only lowercase hexadecimal \
                 characters"
            }
            RuleError::ArgumentOfSubcommand => "Allowing first-arg of a subcommand is not supported",
        })
    }
}

/// Puts the words of selectors together: `(`, `+get`, `~a)` is one rule.
///
/// # Errors
/// The place of a parenthesis that is never closed.
pub fn merge_selectors(words: &[bytes::Bytes]) -> Result<Vec<bytes::Bytes>, usize> {
    let mut merged: Vec<bytes::Bytes> = Vec::with_capacity(words.len());
    let mut open: Option<(usize, Vec<u8>)> = None;
    for (place, word) in words.iter().enumerate() {
        if word.starts_with(b"(") && !word.ends_with(b")") {
            // One that is open already is forgotten, as in Redis.
            open = Some((place, word.to_vec()));
            continue;
        }
        match open.take() {
            Some((start, mut selector)) => {
                selector.push(b' ');
                selector.extend_from_slice(word);
                if word.ends_with(b")") {
                    merged.push(selector.into());
                } else {
                    open = Some((start, selector));
                }
            }
            None => merged.push(word.clone()),
        }
    }
    match open {
        Some((start, _)) => Err(start),
        None => Ok(merged),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn merged(words: &[&str]) -> Result<Vec<Bytes>, usize> {
        merge_selectors(&words.iter().map(|word| Bytes::copy_from_slice(word.as_bytes())).collect::<Vec<_>>())
    }

    #[test]
    fn a_selector_may_be_several_words() {
        assert_eq!(merged(&["on", "(", "+get", "~a)", "(~b)"]).unwrap(), ["on", "( +get ~a)", "(~b)"]);
        assert_eq!(merged(&[]).unwrap(), Vec::<Bytes>::new());
        assert_eq!(merged(&["on", "(a", "b"]), Err(1));
        assert_eq!(merged(&[")", "("]), Err(1));
        assert_eq!(merged(&["(a", "(b", "c)"]).unwrap(), ["(b c)"]);
        assert_eq!(merged(&["(a", "b", "(c"]), Err(2));
    }
}
