//! Tests of the table of directives.

use super::*;

/// Directives whose default differs from Redis', each for a reason given in its documentation.
const OWN_DEFAULTS: &[&str] = &["appendonly", "bind", "dir", "port", "save", "syslog-ident"];

#[test]
fn every_directive_of_redis_is_there_with_its_default() {
    let defaults = Settings::default();
    for line in include_str!("../../tests/data/redis-7.0.15-config.txt").lines() {
        let (name, value) = line.split_once(' ').unwrap_or((line, ""));
        let directive = directive(name).unwrap_or_else(|| panic!("{name} is missing"));
        if !OWN_DEFAULTS.contains(&name) {
            assert_eq!(directive.text(&defaults), value, "{name}");
        }
    }
}

#[test]
fn names_are_unique_and_documented() {
    let mut seen = std::collections::HashSet::new();
    for directive in DIRECTIVES {
        for name in directive.aliases.iter().chain([&directive.name]) {
            assert!(seen.insert(*name), "{name} is there twice");
        }
        assert!(directive.doc.trim().ends_with('.'), "{}: {:?}", directive.name, directive.doc);
    }
}

#[test]
fn defaults_are_within_their_own_bounds() {
    for directive in DIRECTIVES {
        let mut settings = Settings::default();
        for line in directive.lines(&Settings::default()) {
            let words = words::split(&line).unwrap();
            directive.assign(&mut settings, &words).unwrap_or_else(|e| panic!("{}: {e}", directive.name));
        }
        assert_eq!(settings, Settings::default(), "{}", directive.name);
    }
}
