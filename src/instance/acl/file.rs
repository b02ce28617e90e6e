//! Users in files: an `aclfile`, and lines of the conf file.

use super::catalog::Catalog;
use super::rights::Rights;
use super::rule::{RuleError, merge_selectors};
use super::selector::has_spaces;
use super::{DEFAULT_USER, Named};
use bytes::Bytes;
use std::collections::BTreeMap;

/// Reads a file of users; `name` is its name for messages, `all_channels` is `acl-pubsub-default`.
///
/// # Errors
/// Everything that is wrong with it, in Redis' words.
pub fn parse(name: &str, text: &[u8], catalog: &Catalog, all_channels: bool) -> Result<Named, String> {
    let mut users: Named = BTreeMap::new();
    let mut errors = String::new();
    for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let number = index + 1;
        let words: Vec<Bytes> = line.split(|byte| *byte == b' ').map(Bytes::copy_from_slice).collect();
        let [keyword, user, rules @ ..] = &words[..] else {
            errors +=
                &format!("{name}:{number}: line should start with user keyword followed by the username. ");
            continue;
        };
        if keyword != "user" {
            errors +=
                &format!("{name}:{number}: line should start with user keyword followed by the username. ");
        } else if has_spaces(user) {
            let user = String::from_utf8_lossy(user);
            errors += &format!("'{name}:{number}: username '{user}' contains invalid characters. ");
        } else if users.contains_key(user) {
            let user = String::from_utf8_lossy(user);
            errors += &format!("WARNING: Duplicate user '{user}' found on line {number}. ");
        } else {
            match merge_selectors(rules) {
                Err(_) => {
                    errors += &format!("{name}:{number}: Unmatched parentheses in selector definition.");
                }
                Ok(rules) => {
                    let mut rights = Rights::none(all_channels);
                    let faults = apply(&mut rights, &rules, catalog, all_channels);
                    faults.iter().for_each(|fault| errors += &format!("{name}:{number}: {fault}. "));
                    users.insert(user.clone(), rights);
                }
            }
        }
    }
    if errors.is_empty() {
        let all = || Rights::everything(catalog.len());
        users.entry(Bytes::from_static(DEFAULT_USER.as_bytes())).or_insert_with(all);
        return Ok(users);
    }
    errors += "WARNING: ACL errors detected, no change to the previously active ACL rules was performed";
    Err(errors)
}

/// Applies rules as far as they make sense; what does not: every name that is unknown, and the first of
/// other errors, which may lead to more.
fn apply(rights: &mut Rights, rules: &[Bytes], catalog: &Catalog, all_channels: bool) -> Vec<String> {
    let mut faults = Vec::new();
    let mut told = false;
    for rule in rules {
        match rights.apply(rule, catalog, all_channels) {
            Ok(()) => {}
            Err(RuleError::Unknown) => {
                let rule = String::from_utf8_lossy(rule);
                faults.push(format!("Error in applying operation '{rule}': {}", RuleError::Unknown));
            }
            Err(error) => {
                if !std::mem::replace(&mut told, true) {
                    faults.push(error.to_string());
                }
            }
        }
    }
    faults
}

/// Reads lines of a conf file, the words after `user` each. The user `default` begins as `default_user`
/// if no line is about it.
///
/// # Errors
/// What is wrong with the first wrong one, in Redis' words.
pub fn parse_lines(
    lines: &[Vec<String>],
    catalog: &Catalog,
    all_channels: bool,
    default_user: Rights,
) -> Result<Named, String> {
    let mut users: Named = BTreeMap::new();
    for line in lines {
        let words: Vec<Bytes> = line.iter().map(|word| Bytes::copy_from_slice(word.as_bytes())).collect();
        let Some((name, rules)) = words.split_first() else { continue };
        if has_spaces(name) {
            return Err("Spaces not allowed in ACL usernames".into());
        }
        let fault = |what: &[u8], why: &str| {
            format!("Error in user declaration '{}': {why}", String::from_utf8_lossy(what))
        };
        if users.contains_key(name) {
            return Err(fault(name, "Duplicate user found. A user can only be defined once in config files"));
        }
        let rules = merge_selectors(rules)
            .map_err(|place| fault(&rules[place], "Unmatched parenthesis in selector"))?;
        // As if the rules began with `reset`, but that nothing was said about payloads.
        let mut rights = Rights::none(all_channels);
        for rule in &rules {
            let applied = rights.apply(rule, catalog, all_channels);
            applied.map_err(|error| fault(rule, &error.to_string()))?;
        }
        users.insert(name.clone(), rights);
    }
    users.entry(Bytes::from_static(DEFAULT_USER.as_bytes())).or_insert(default_user);
    Ok(users)
}

#[cfg(test)]
mod tests {
    use super::super::catalog::tests::small;
    use super::*;

    fn refused(text: &str) -> String {
        let refused = parse("f", text.as_bytes(), &small(), false).unwrap_err();
        let end = "WARNING: ACL errors detected, no change to the previously active ACL rules was performed";
        refused.strip_suffix(end).unwrap().to_owned()
    }

    #[test]
    fn files_say_what_is_wrong() {
        let cases = [
            ("users x on", "f:1: line should start with user keyword followed by the username. "),
            ("\n\nuser", "f:3: line should start with user keyword followed by the username. "),
            ("user a on\nuser a on", "WARNING: Duplicate user 'a' found on line 2. "),
            ("user a (on", "f:1: Unmatched parentheses in selector definition."),
            (
                "user a +nope +@nope ~* ~a %x",
                "f:1: Error in applying operation '+nope': Unknown command or category name in ACL. \
                 f:1: Error in applying operation '+@nope': Unknown command or category name in ACL. \
                 f:1: Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not \
                 have any effect. Try 'resetkeys' to start with an empty list of patterns. ",
            ),
        ];
        for (text, reason) in cases {
            assert_eq!(refused(text), reason, "{text}");
        }
    }

    #[test]
    fn a_file_that_does_not_know_the_default_user_makes_it_a_new_one() {
        let users = parse("f", b"  user a on +get ~x (+set ~y)\r\n\n", &small(), false).unwrap();
        assert_eq!(users.len(), 2);
        assert!(users["default".as_bytes()].is_everything() && users["default".as_bytes()].is_open());
        let described = users["a".as_bytes()].describe();
        assert_eq!(described, b"on ~x resetchannels -@all +get (~y resetchannels -@all +set)");
    }

    #[test]
    fn lines_of_a_conf_file() {
        let line = |words: &str| words.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let parse = |lines: &[&str]| {
            let lines: Vec<_> = lines.iter().map(|words| line(words)).collect();
            parse_lines(&lines, &small(), false, Rights::everything(6))
        };
        let users = parse(&["default on nopass +@all", "a on (+get ~a)"]).unwrap();
        assert_eq!(users["default".as_bytes()].describe(), b"on nopass resetchannels +@all");
        assert!(parse(&["a on"]).unwrap()["default".as_bytes()].is_everything());
        for (lines, reason) in [
            (
                &["a on", "a on"][..],
                "Error in user declaration 'a': Duplicate user found. A user can only be defined once in config files",
            ),
            (&["a +nope"], "Error in user declaration '+nope': Unknown command or category name in ACL"),
            (&["a (+get"], "Error in user declaration '(+get': Unmatched parenthesis in selector"),
        ] {
            assert_eq!(parse(lines).unwrap_err(), reason);
        }
    }
}
