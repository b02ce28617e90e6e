//! Where the keys are among a command's words: [`Spec::keys`] applied to a call. Serves
//! `COMMAND GETKEYS`, access control, cluster routing and prefetching.

use super::Found;
use super::spec::{Begin, Find, Flags, KeyFlags, KeySpec, Spec};
use crate::encoding::text;
use crate::error::{Error, Result};
use bytes::Bytes;

/// A key of a call: the number of the word, and what the command does with it.
pub type KeyOf = (usize, KeyFlags);

/// Finds the keys of a call that the key specs cannot express (`SORT ... STORE`), or whose flags
/// depend on other words (`SET ... GET`). None: the words make no sense.
pub type FindKeys = fn(&[Bytes]) -> Option<Vec<KeyOf>>;

const INVALID: Error = Error::text("ERR Invalid arguments specified for command");

impl Spec {
    /// Whether the command can have keys.
    pub fn has_keys(&self) -> bool {
        self.find_keys.is_some() || self.keys.iter().any(|spec| !spec.flags.has(KeyFlags::NOT_KEY))
    }

    /// Whether the command reads keys that none of its words names: those of a part of `SORT`.
    pub fn reads_unnamed_keys(&self) -> bool {
        self.keys.iter().any(|spec| spec.begin == Begin::Unknown && spec.flags.has(KeyFlags::ACCESS))
    }

    /// First, last and step of the keys as `COMMAND INFO` has shown them since before key specs;
    /// all 0 if one range cannot express them.
    pub fn legacy_range(&self) -> [i32; 3] {
        if let [KeySpec { begin: Begin::Index(first), find: Find::Range { last, step, .. }, .. }] = self.keys
        {
            return [*first, if *last >= 0 { first + last } else { *last }, *step];
        }
        let mut range = [0; 3];
        for spec in self.keys {
            let (Begin::Index(first), Find::Range { last, step, .. }) = (spec.begin, spec.find) else {
                continue;
            };
            if step != 1 || (range[1] != 0 && range[1] != first - 1) {
                return [0; 3];
            }
            let last = if last >= 0 { first + last } else { last };
            let first = if range[0] == 0 { first } else { range[0] };
            range = [first, last, 1];
            if last < 0 {
                break;
            }
        }
        range
    }
}

/// The keys of a call, in the order of the key specs. `words` are the whole call, the container's
/// name included. Linear in the number of words.
///
/// # Errors
/// `The command has no key arguments` for a command that never has any; `Invalid arguments
/// specified for command` when the words leave open where the keys are.
pub fn keys_of(found: &Found, words: &[Bytes]) -> Result<Vec<KeyOf>> {
    let spec = &found.entry.spec;
    if !spec.has_keys() {
        return Err(Error::text("ERR The command has no key arguments"));
    }
    if let Some(find_keys) = spec.find_keys {
        return find_keys(words).ok_or(INVALID);
    }
    let mut keys = Vec::new();
    for key_spec in spec.keys.iter().filter(|spec| !spec.flags.has(KeyFlags::NOT_KEY)) {
        add(key_spec, words, &mut keys).ok_or(INVALID)?;
    }
    if keys.is_empty() && !spec.flags.has(Flags::NO_MANDATORY_KEYS) {
        return Err(INVALID);
    }
    Ok(keys)
}

/// Adds what one spec finds; none if the words make no sense.
fn add(spec: &KeySpec, words: &[Bytes], keys: &mut Vec<KeyOf>) -> Option<()> {
    let count = i64::try_from(words.len()).ok()?;
    let first = match spec.begin {
        Begin::Index(index) => i64::from(index),
        Begin::Keyword(keyword, from) => match after_keyword(keyword, from, words) {
            Some(first) => first as i64,
            None => return Some(()),
        },
        Begin::Unknown => return None,
    };
    let (first, last, step) = match spec.find {
        Find::Range { last, step, limit } => {
            let last = match (last, limit) {
                (0.., _) => first.checked_add(last.into())?,
                (_, ..=1) => count + i64::from(last),
                _ => first + (count - first) / i64::from(limit) + i64::from(last),
            };
            (first, last, step)
        }
        Find::Number { number, first: offset, step } => {
            let number = usize::try_from(first + i64::from(number)).ok()?;
            let number = text::parse_i64(words.get(number)?).filter(|number| *number >= 0)?;
            if number == 0 {
                return Some(());
            }
            let first = first + i64::from(offset);
            (first, (number - 1).checked_mul(step.into())?.checked_add(first)?, step)
        }
        Find::Unknown => return None,
    };
    if last < first || last >= count {
        return None;
    }
    let step = usize::try_from(step).ok().filter(|step| *step > 0)?;
    keys.extend((first as usize..=last as usize).step_by(step).map(|word| (word, spec.flags)));
    Some(())
}

/// The word after `keyword`, searched from word `from` on, or backwards from the end.
fn after_keyword(keyword: &str, from: i32, words: &[Bytes]) -> Option<usize> {
    let is_keyword = |word: &usize| words[*word].eq_ignore_ascii_case(keyword.as_bytes());
    let found = if from >= 0 {
        (from as usize..words.len()).find(is_keyword)
    } else {
        let end = words.len().checked_sub(from.unsigned_abs() as usize)?;
        (1..=end).rev().find(is_keyword)
    };
    found.map(|word| word + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::spec::{Arity, Group};

    const RW: KeyFlags = KeyFlags::RW;

    fn find(keys: &'static [KeySpec], line: &str) -> Option<Vec<usize>> {
        let words: Vec<Bytes> = line.split(' ').map(|word| Bytes::copy_from_slice(word.as_bytes())).collect();
        let mut found = Vec::new();
        for spec in keys {
            add(spec, &words, &mut found)?;
        }
        Some(found.into_iter().map(|(word, _)| word).collect())
    }

    const fn spec(begin: Begin, find: Find) -> KeySpec {
        KeySpec { begin, find, flags: RW }
    }

    #[test]
    fn ranges() {
        const ONE: &[KeySpec] = &[KeySpec::at(1, RW)];
        const PAIRS: &[KeySpec] = &[KeySpec::range(1, -1, 2, RW)];
        const BUT_LAST: &[KeySpec] = &[KeySpec::range(1, -2, 1, RW)];
        assert_eq!(find(ONE, "GET a"), Some(vec![1]));
        assert_eq!(find(PAIRS, "MSET a 1 b 2"), Some(vec![1, 3]));
        assert_eq!(find(BUT_LAST, "BLPOP a b 0"), Some(vec![1, 2]));
        assert_eq!(find(BUT_LAST, "BLPOP 0"), None);
    }

    #[test]
    fn numbers() {
        const SPEC: &[KeySpec] = &[spec(Begin::Index(2), Find::Number { number: 0, first: 1, step: 1 })];
        assert_eq!(find(SPEC, "EVAL s 2 a b c"), Some(vec![3, 4]));
        assert_eq!(find(SPEC, "EVAL s 0"), Some(vec![]));
        for bad in ["EVAL s", "EVAL s x", "EVAL s -1", "EVAL s 2 a", "EVAL s 9223372036854775807 a"] {
            assert_eq!(find(SPEC, bad), None, "{bad}");
        }
    }

    #[test]
    fn keywords() {
        const STREAMS: &[KeySpec] =
            &[spec(Begin::Keyword("STREAMS", 1), Find::Range { last: -1, step: 1, limit: 2 })];
        const KEYS: &[KeySpec] =
            &[spec(Begin::Keyword("KEYS", -2), Find::Range { last: -1, step: 1, limit: 0 })];
        assert_eq!(find(STREAMS, "XREAD COUNT 1 streams a b 0 0"), Some(vec![4, 5]));
        assert_eq!(find(STREAMS, "XREAD COUNT 1"), Some(vec![]));
        assert_eq!(find(STREAMS, "XREAD STREAMS"), None);
        assert_eq!(find(KEYS, "MIGRATE h p k 0 1 KEYS a b"), Some(vec![7, 8]));
        assert_eq!(find(KEYS, "MIGRATE"), Some(vec![]));
    }

    #[test]
    fn legacy_ranges() {
        const TWO: &[KeySpec] = &[KeySpec::at(1, RW), KeySpec::at(2, RW)];
        const NUMBER: &[KeySpec] = &[spec(Begin::Index(2), Find::Number { number: 0, first: 1, step: 1 })];
        const PAIRS: &[KeySpec] = &[KeySpec::range(1, -1, 2, RW)];
        const STORE: &[KeySpec] = &[KeySpec::at(1, RW), KeySpec::range(2, -1, 1, RW)];
        let range = |keys| Spec::new("X", Group::Generic, Arity::AtLeast(1)).keys(keys).legacy_range();
        assert_eq!(range(TWO), [1, 2, 1]);
        assert_eq!(range(NUMBER), [0, 0, 0]);
        assert_eq!(range(PAIRS), [1, -1, 2]);
        assert_eq!(range(STORE), [1, -1, 1]);
        assert_eq!(range(&[]), [0, 0, 0]);
    }
}
