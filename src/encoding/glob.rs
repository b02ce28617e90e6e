//! Glob patterns as Redis matches them: `*`, `?`, `[abc]`, `[^a-z]`, `\` before what is meant
//! literally. On bytes, without regard to any encoding.

/// Whether letters of either case are the same (ASCII).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    Sensitive,
    Ignored,
}

/// A pattern with more stars than this matches nothing, as in Redis, which has to bound its recursion.
const MAX_STARS: usize = 1000;

/// Whether what has this name is wanted by who asks for names of the pattern, with regard to case: a lone star
/// wants everything.
pub fn wants(pattern: &[u8], name: &[u8]) -> bool {
    pattern == b"*" || matches(pattern, name, Case::Sensitive)
}

/// Whether the pattern matches the whole text. Time is at most the product of the two lengths.
pub fn matches(pattern: &[u8], text: &[u8], case: Case) -> bool {
    // In Redis no star matches the empty text.
    if text.is_empty() {
        return pattern.is_empty();
    }
    let (mut p, mut t) = (0, 0);
    // Where to go on when the part after the last star does not fit: one byte further.
    let mut retry: Option<(usize, usize)> = None;
    let mut stars = 0;
    loop {
        if pattern.get(p) == Some(&b'*') {
            while pattern.get(p) == Some(&b'*') {
                p += 1;
            }
            if p == pattern.len() {
                return true;
            }
            stars += 1;
            if stars > MAX_STARS {
                return false;
            }
            retry = Some((p, t));
            continue;
        }
        let step = match (pattern.get(p), text.get(t)) {
            (None, None) => return true,
            (_, None) => return false,
            (None, Some(_)) => None,
            (Some(_), Some(byte)) => one(&pattern[p..], *byte, case),
        };
        match (step, retry) {
            (Some(length), _) => (p, t) = (p + length, t + 1),
            (None, None) => return false,
            (None, Some((after_star, from))) => {
                retry = Some((after_star, from + 1));
                (p, t) = (after_star, from + 1);
            }
        }
    }
}

/// How long the pattern's first element is, if it matches the byte.
fn one(pattern: &[u8], byte: u8, case: Case) -> Option<usize> {
    match pattern {
        [b'?', ..] => Some(1),
        [b'[', class @ ..] => {
            let (matched, length) = in_class(class, byte, case);
            matched.then_some(1 + length)
        }
        [b'\\', literal, ..] => same(*literal, byte, case).then_some(2),
        [literal, ..] => same(*literal, byte, case).then_some(1),
        [] => None,
    }
}

/// Whether the byte is in the class, and how long the class is, its closing bracket included. A
/// class without one ends with the pattern.
fn in_class(class: &[u8], byte: u8, case: Case) -> (bool, usize) {
    let negated = class.first() == Some(&b'^');
    let mut at = usize::from(negated);
    let mut found = false;
    let fold = |byte: u8| if case == Case::Ignored { byte.to_ascii_lowercase() } else { byte };
    while let Some(first) = class.get(at) {
        match (first, &class[at + 1..]) {
            (b'\\', [literal, ..]) => {
                found |= same(*literal, byte, case);
                at += 2;
            }
            (b']', _) => return (found != negated, at + 1),
            (low, [b'-', high, ..]) => {
                let (low, high) = (*low.min(high), *low.max(high));
                found |= (fold(low)..=fold(high)).contains(&fold(byte));
                at += 3;
            }
            (literal, _) => {
                found |= same(*literal, byte, case);
                at += 1;
            }
        }
    }
    (found != negated, at)
}

fn same(a: u8, b: u8, case: Case) -> bool {
    a == b || (case == Case::Ignored && a.eq_ignore_ascii_case(&b))
}

/// What every text begins with that matches the pattern with regard to case.
pub fn literal_prefix(pattern: &[u8]) -> Vec<u8> {
    let mut prefix = Vec::new();
    let mut rest = pattern;
    loop {
        match rest {
            [] | [b'*' | b'?' | b'[', ..] => return prefix,
            [b'\\', byte, after @ ..] | [byte, after @ ..] => {
                prefix.push(*byte);
                rest = after;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn as_redis() {
        let yes = [
            ("", ""),
            ("*", "abc"),
            ("a*c", "abbbc"),
            ("a*b*c", "axbxbxc"),
            ("h?llo", "hello"),
            ("h[ae]llo", "hallo"),
            ("h[^e]llo", "hallo"),
            ("h[a-c]llo", "hbllo"),
            ("h[c-a]llo", "hbllo"),
            ("h\\*llo", "h*llo"),
            ("[\\]]", "]"),
            ("[a", "a"),
            ("a\\", "a\\"),
            ("*a", "aaaa"),
        ];
        for (pattern, text) in yes {
            assert!(matches(pattern.as_bytes(), text.as_bytes(), Case::Sensitive), "{pattern} {text}");
        }
        let no = [
            ("", "a"),
            ("?", ""),
            ("*", ""),
            ("**", ""),
            ("a*c", "abbbd"),
            ("h[^e]llo", "hello"),
            ("h[a-c]llo", "hdllo"),
            ("h\\*llo", "hello"),
            ("[]", "a"),
            ("ABC", "abc"),
        ];
        for (pattern, text) in no {
            assert!(!matches(pattern.as_bytes(), text.as_bytes(), Case::Sensitive), "{pattern} {text}");
        }
        assert!(matches(b"", b"", Case::Sensitive));
        assert!(wants(b"*", b"") && wants(b"a*", b"ab") && !wants(b"**", b""));
        assert!(matches(b"A[B-D]*", b"acx", Case::Ignored));
    }

    /// Stars beside each other count as one, and the last one of the pattern not at all.
    #[test]
    fn more_than_a_thousand_stars_match_nothing() {
        let text = "a".repeat(1001);
        let pattern = |stars: usize| "**a".repeat(stars) + "**";
        assert!(matches(pattern(1000).as_bytes(), text.as_bytes(), Case::Sensitive));
        assert!(!matches(pattern(1001).as_bytes(), text.as_bytes(), Case::Sensitive));
    }

    #[test]
    fn many_stars_take_no_time() {
        let pattern = "a*".repeat(500) + "b";
        assert!(!matches(pattern.as_bytes(), "a".repeat(5000).as_bytes(), Case::Sensitive));
    }

    #[test]
    fn prefixes_end_before_the_first_wildcard() {
        for (pattern, prefix) in
            [("user:*", "user:"), ("a\\*b?", "a*b"), ("[a]", ""), ("abc", "abc"), ("a\\", "a\\")]
        {
            assert_eq!(literal_prefix(pattern.as_bytes()), prefix.as_bytes());
        }
    }

    proptest! {
        #[test]
        fn matching_texts_begin_with_the_prefix(pattern in r"[ab*?\[\]\\^-]{0,8}", text in r"[ab\[\]-]{0,6}") {
            if matches(pattern.as_bytes(), text.as_bytes(), Case::Sensitive) {
                prop_assert!(text.as_bytes().starts_with(&literal_prefix(pattern.as_bytes())));
            }
        }

        #[test]
        fn never_panics(pattern: Vec<u8>, text: Vec<u8>) {
            let _ = matches(&pattern, &text, Case::Sensitive);
        }

        #[test]
        fn escaped_text_matches_itself(text: Vec<u8>) {
            let pattern: Vec<u8> = text.iter().flat_map(|byte| [b'\\', *byte]).collect();
            prop_assert!(matches(&pattern, &text, Case::Sensitive));
        }
    }
}
