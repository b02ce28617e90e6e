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

fn load(file: &str, environment: &[(&str, &str)], arguments: &[&str]) -> Result<Settings, ConfigError> {
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let arguments: Vec<String> = arguments.iter().map(|word| (*word).to_owned()).collect();
    Settings::load(Some(("test.conf", file)), environment, &arguments)
}

fn refusal(file: &str, environment: &[(&str, &str)], arguments: &[&str]) -> String {
    let message = load(file, environment, arguments).unwrap_err().to_string();
    let title = format!("\n*** FATAL CONFIG FILE ERROR (DiskDB {}) ***\n", env!("CARGO_PKG_VERSION"));
    message.strip_prefix(&title).unwrap().to_owned()
}

#[test]
fn arguments_go_before_variables_before_the_file_before_the_defaults() {
    let file = "port 1\ntimeout 1\nHZ 20\n";
    let environment = [("DISKDB_PORT", "2"), ("DISKDB_TIMEOUT", "2"), ("PORT", "9"), ("diskdb_hz", "9")];
    let settings = load(file, &environment, &["--port", "3"]).unwrap();
    assert_eq!((settings.port, settings.timeout, settings.hz, settings.databases), (3, 2, 20, 16));
    assert_eq!(settings.config_file, Some("test.conf".into()));
}

#[test]
fn a_wrong_line_is_named() {
    assert_eq!(
        refusal("# a remark\n\nport abc\n", &[], &[]),
        "Reading the configuration file test.conf, at line 3\n>>> 'port abc'\n\
         argument couldn't be parsed into an integer"
    );
    assert_eq!(
        refusal("port 70000", &[], &[]),
        "Reading the configuration file test.conf, at line 1\n>>> 'port 70000'\n\
         argument must be between 0 and 65535 inclusive"
    );
    let cases = [
        ("nosuch 1", "Bad directive or wrong number of arguments"),
        ("port", "wrong number of arguments"),
        ("port 1 2", "wrong number of arguments"),
        ("port 1 # not a remark here", "wrong number of arguments"),
        ("requirepass \"abc", "Unbalanced quotes in configuration line"),
        ("requirepass \"abc\"def", "Unbalanced quotes in configuration line"),
        ("save 60", "Invalid save parameters"),
        ("rename-command CONFIG \"\"", "DiskDB does not rename commands; limit who may call them instead"),
    ];
    for (line, reason) in cases {
        let error = load(&format!("\n{line}"), &[], &[]).unwrap_err();
        assert_eq!(error.source, Source::File { name: "test.conf".into(), line: 2 }, "{line}");
        assert_eq!(error.reason, reason, "{line}");
    }
}

#[test]
fn wrong_variables_and_arguments_are_named_and_secrets_are_not() {
    let out_of_bounds = "argument must be between 0 and 65535 inclusive";
    assert_eq!(
        refusal("", &[("DISKDB_PORT", "-1")], &[]),
        format!("Reading the environment\n>>> 'DISKDB_PORT=-1'\n{out_of_bounds}")
    );
    assert_eq!(
        refusal("", &[], &["--port", "-1"]),
        format!("Reading the command line\n>>> 'port -1'\n{out_of_bounds}")
    );
    assert!(
        refusal("", &[("DISKDB_REQUIREPAS", "x")], &[])
            .ends_with("Bad directive or wrong number of arguments")
    );
    assert!(refusal("", &[], &["7000"]).ends_with("Expected --directive value"));
    for refused in
        [refusal("requirepass hush hush", &[], &[]), refusal("", &[], &["--requirepass", "hush", "hush"])]
    {
        assert!(refused.contains("requirepass (hidden)") && !refused.contains("hush"), "{refused}");
    }
}

#[test]
fn arguments_take_their_values_in_every_usual_way() {
    let settings = load(
        "",
        &[("DISKDB_BIND", "10.0.0.1 ::1"), ("DISKDB_REQUIREPASS", "two words")],
        &["--save", "60", "1", "--save", "120 5", "--port=7000", "--logfile", "", "--appendfsync", "always"],
    )
    .unwrap();
    assert_eq!(settings.bind, ["10.0.0.1", "::1"]);
    assert_eq!(settings.requirepass, "two words");
    let points = [SavePoint { seconds: 60, changes: 1 }, SavePoint { seconds: 120, changes: 5 }];
    assert_eq!(settings.save, points);
    assert_eq!((settings.port, settings.appendfsync), (7000, AppendFsync::Always));
}

#[test]
fn lines_that_add_up_start_afresh_in_each_place() {
    let file = "save 60 1\nsave 120 2\n";
    assert_eq!(load(file, &[], &[]).unwrap().save.len(), 2);
    assert_eq!(load(file, &[], &["--save", "5", "5"]).unwrap().save.len(), 1);
    assert_eq!(load(file, &[], &["--save", ""]).unwrap().save, []);
    assert_eq!(load("save 60 1\nsave \"\"\nsave 5 5", &[], &[]).unwrap().save.len(), 1);
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    let reason = refusal("cache-size 64mb\nvalue-cache-size 65mb", &[], &[]);
    assert!(reason.starts_with("value-cache-size and rocksdb-block-cache-size are parts"), "{reason}");
    let settings = load("cache-size 64mb\nrocksdb-block-cache-size 48mb", &[], &[]).unwrap();
    assert_eq!(settings.cache_shares(1 << 40), (16 << 20, 48 << 20));
    let defaults = Settings::default();
    assert_eq!(defaults.cache_shares(1 << 40), (768 << 20, 256 << 20));
    assert_eq!(defaults.cache_shares(1 << 30), (192 << 20, 64 << 20));
    assert_eq!(defaults.cache_shares(0), (48 << 20, 16 << 20));
}

#[test]
fn threads_for_clients() {
    let workers =
        |server_threads, processors| Settings { server_threads, ..Settings::default() }.workers(processors);
    assert_eq!([1, 2, 3, 8, 64].map(|processors| workers(0, processors)), [1, 1, 1, 4, 8]);
    assert_eq!(workers(20, 2), 20);
}

#[test]
fn files_are_included() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    write("a.conf", "port 1\n");
    write("b.conf", "timeout 7\n");
    write(".hidden.conf", "nosuch 1\n");
    let settings = load(&format!("include {}\nport 2", at("*.conf")), &[], &[]).unwrap();
    assert_eq!((settings.port, settings.timeout), (2, 7));
    assert_eq!(load(&format!("port 2\ninclude {}", at("?.conf")), &[], &[]).unwrap().port, 1);
    assert_eq!(load(&format!("include {}", at("none*")), &[], &[]).unwrap().port, 6380);
    assert!(
        refusal(&format!("include {}", at("none")), &[], &[]).contains("Can't open the configuration file")
    );

    write("wrong.conf", "\nport x\n");
    let error = load(&format!("include {}", at("wrong.conf")), &[], &[]).unwrap_err();
    assert_eq!(error.source, Source::File { name: at("wrong.conf"), line: 2 });
    write("circle.conf", &format!("include {}\n", at("circle.conf")));
    let error = load(&format!("include {}", at("circle.conf")), &[], &[]).unwrap_err();
    assert_eq!(error.reason, "configuration files include each other too deeply");
}

#[test]
fn rewriting_keeps_comments_and_order() {
    let old = "# mine\nslave-priority 3\n\nport 7000\nsave 1 1\n# between\nsave 2 2\ntimeout 0\n";
    let mut settings = load(old, &[], &[]).unwrap();
    settings.port = 7001;
    settings.requirepass = "a \"b\" #c".into();
    settings.maxmemory = 64 << 20;
    settings.save.push(SavePoint { seconds: 3, changes: 3 });
    let new = rewrite::rewritten(old, &settings, rewrite::Extent::Changed);
    assert_eq!(
        new,
        "# mine\nreplica-priority 3\n\nport 7001\nsave 1 1\nsave 2 2\nsave 3 3\n# between\ntimeout 0\n\
         # Generated by CONFIG REWRITE\nrequirepass \"a \\\"b\\\" #c\"\nmaxmemory 64mb\n"
    );
    assert_eq!(load(&new, &[], &[]).unwrap(), settings);
    assert_eq!(rewrite::rewritten(&new, &settings, rewrite::Extent::Changed), new);
    settings.save.clear();
    settings.maxmemory = 1;
    let again = rewrite::rewritten(&new, &settings, rewrite::Extent::Changed);
    assert!(again.contains("\nsave \"\"\n") && again.ends_with("maxmemory 1\n"), "{again}");
    assert_eq!(again.matches("Generated by").count(), 1);
}

#[test]
fn everything_can_be_written() {
    let settings = load("port 7000\nsave 1 1\nrequirepass x", &[], &[]).unwrap();
    let all = rewrite::rewritten("# mine\nport 1\n", &settings, rewrite::Extent::All);
    assert!(all.starts_with("# mine\nport 7000\n"), "{all}");
    for directive in DIRECTIVES {
        let begin = format!("{} ", directive.name);
        assert!(str::lines(&all).any(|line| line.starts_with(&begin)), "{begin}");
    }
    assert_eq!(load(&all, &[], &[]).unwrap(), settings);
}

#[test]
fn rewriting_replaces_the_file_at_once_and_keeps_its_permissions() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("diskdb.conf");
    std::fs::write(&path, "port 1\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let link = folder.path().join("link.conf");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let settings = Settings { port: 2, ..Settings::default() };
    rewrite::rewrite_file(&link, &settings, rewrite::Extent::Changed).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "port 2\n");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o640);
    assert!(link.is_symlink());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);

    let fresh = folder.path().join("fresh.conf");
    rewrite::rewrite_file(&fresh, &settings, rewrite::Extent::Changed).unwrap();
    assert_eq!(fresh.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert!(
        rewrite::rewrite_file(&folder.path().join("no/where.conf"), &settings, rewrite::Extent::Changed)
            .is_err()
    );
}

/// `UPDATE=1 cargo test config::` writes the files anew.
#[test]
fn generated_files_are_fresh() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    for (name, text) in [("diskdb.conf", document::conf_file()), ("docs/configuration.md", document::page())]
    {
        if std::env::var_os("UPDATE").is_some() {
            std::fs::create_dir_all(root.join("docs")).unwrap();
            std::fs::write(root.join(name), &text).unwrap();
        }
        let found = std::fs::read_to_string(root.join(name)).unwrap_or_default();
        assert!(found == text, "{name} is stale: UPDATE=1 cargo test config:: writes it anew");
    }
}

#[test]
fn the_documented_conf_file_says_the_defaults() {
    let text = document::conf_file();
    let mut uncommented = String::new();
    for line in str::lines(&text).filter(|line| line.starts_with("# ")) {
        let name = line[2..].split(' ').next().unwrap();
        // Lines of text may begin with the name of a directive; those of values have its value.
        let is_value = directive(name).is_some_and(|directive| {
            directive.lines(&Settings::default()).iter().any(|value| line[2..] == format!("{name} {value}"))
        });
        if is_value {
            uncommented += &format!("{}\n", &line[2..]);
        }
    }
    let visible = DIRECTIVES.iter().filter(|directive| !directive.is(Flag::Hidden)).count();
    assert!(str::lines(&uncommented).count() >= visible);
    let settings = Settings::load(Some(("diskdb.conf", &uncommented)), std::iter::empty(), &[]).unwrap();
    assert_eq!(settings, Settings { config_file: Some("diskdb.conf".into()), ..Settings::default() });
    assert!(load(&text, &[], &[]).is_ok());
}

#[test]
fn memory_sizes() {
    let cases = [
        ("0", Some(0)),
        ("", Some(0)),
        ("5b", Some(5)),
        ("1k", Some(1000)),
        ("1KB", Some(1024)),
        ("3m", Some(3_000_000)),
        ("64mb", Some(64 << 20)),
        ("2g", Some(2_000_000_000)),
        ("2Gb", Some(2 << 30)),
        ("18446744073709551615", Some(u64::MAX)),
        ("18446744073709551616", None),
        ("18446744073709551615kb", None),
        ("-1", None),
        ("+1", None),
        ("1.5gb", None),
        ("1 kb", None),
        ("kb", None),
        ("1tb", None),
    ];
    for (text, bytes) in cases {
        assert_eq!(kind::parse_memory(text), bytes, "{text:?}");
    }
}

mod properties {
    use super::*;
    use proptest::prelude::*;

    /// Texts that come near to values.
    fn value() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            "[ -~]{0,8}",
            "-?[0-9]{1,20}",
            "[0-9]{1,3}(kb?|mb?|gb?|%)",
            Just("yes".to_owned()),
            Just("normal 1 2 3".to_owned()),
            any::<String>(),
        ];
        prop::collection::vec(part, 1..4).prop_map(|parts| parts.join(" "))
    }

    proptest! {
        #[test]
        fn a_conf_file_never_panics(text: String) {
            let _ = Settings::load(Some(("x", &text)), std::iter::empty(), &[]);
        }

        #[test]
        fn no_value_of_any_directive_panics_and_what_is_shown_is_read_back(value in value()) {
            for directive in DIRECTIVES {
                let mut settings = Settings::default();
                if directive.assign(&mut settings, std::slice::from_ref(&value)).is_err() {
                    prop_assert_eq!(&settings, &Settings::default());
                    continue;
                }
                let mut shown = Settings::default();
                directive.assign(&mut shown, &[directive.text(&settings)]).unwrap();
                prop_assert_eq!(&shown, &settings, "{}", directive.name);
                let file = directive.lines(&settings);
                let file: String = file.iter().map(|line| format!("{} {line}\n", directive.name)).collect();
                match Settings::load(Some(("x", &file)), std::iter::empty(), &[]) {
                    Ok(mut read) => {
                        read.config_file = None;
                        prop_assert_eq!(&read, &settings, "{}", file);
                    }
                    Err(error) => prop_assert_eq!(error.source, Source::Together),
                }
            }
        }

        #[test]
        fn words_come_back(words: Vec<String>) {
            let expected = if words.is_empty() { vec![String::new()] } else { words.clone() };
            prop_assert_eq!(words::split(&words::join(&words)), Some(expected));
        }

        #[test]
        fn memory_sizes_come_back(bytes: u64) {
            prop_assert_eq!(kind::parse_memory(&kind::memory_text(bytes)), Some(bytes));
        }

        #[test]
        fn rewriting_keeps_whatever_is_in_the_file(text in r##"([#" x]{0,9}\n){0,9}"##) {
            let new = rewrite::rewritten(&text, &Settings::default(), rewrite::Extent::Changed);
            prop_assert_eq!(new, text);
        }
    }
}
