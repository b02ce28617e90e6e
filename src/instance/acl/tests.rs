use super::catalog::tests::small;
use super::selector::{Access, Call, Denied};
use super::*;
use proptest::prelude::*;

fn catalog() -> &'static Catalog {
    static CATALOG: std::sync::LazyLock<Catalog> = std::sync::LazyLock::new(small);
    &CATALOG
}

fn rights(rules: &str) -> Rights {
    let mut rights = Rights::none(false);
    let words: Vec<Bytes> = rules.split(' ').map(|word| Bytes::copy_from_slice(word.as_bytes())).collect();
    for rule in rule::merge_selectors(&words).unwrap() {
        rights.apply(&rule, catalog(), false).unwrap();
    }
    rights
}

fn commands(rules: &str) -> String {
    rights(rules).all_selectors().next().unwrap().command_rules()
}

fn error(rules: &str) -> RuleError {
    let mut rights = Rights::none(false);
    let mut results = rules.split(' ').map(|rule| rights.apply(rule.as_bytes(), catalog(), false));
    results.find_map(Result::err).unwrap()
}

#[test]
fn requirepass_is_the_password_of_the_default_user() {
    let acl = Acl::new(catalog(), "");
    assert!(acl.default_is_open());
    assert!(acl.authenticate(b"default", b"anything").is_some());
    acl.change(&"default".into(), &["-get".into()], false).unwrap();
    acl.set_requirepass("secret");
    assert!(!acl.default_is_open());
    assert!(acl.authenticate(b"default", b"secret").is_some());
    for (name, password) in [("default", "secre"), ("default", ""), ("Default", "secret"), ("", "secret")] {
        assert!(acl.authenticate(name.as_bytes(), password.as_bytes()).is_none());
    }
    acl.set_requirepass("");
    assert!(acl.default_is_open());
    // What else was said about the user stays.
    assert_eq!(acl.lines(), [b"user default on nopass ~* &* +@all -get"]);
}

#[test]
fn who_is_off_cannot_log_in() {
    let acl = Acl::new(catalog(), "");
    let name = Bytes::from_static(b"bob");
    acl.change(&name, &[">p".into()], false).unwrap();
    assert!(acl.authenticate(b"bob", b"p").is_none());
    acl.change(&name, &["on".into()], false).unwrap();
    assert!(acl.authenticate(b"bob", b"p").is_some() && acl.authenticate(b"bob", b"q").is_none());
    acl.change(&name, &["nopass".into()], false).unwrap();
    assert!(acl.authenticate(b"bob", b"q").is_some());
    acl.change(&name, &["resetpass".into()], false).unwrap();
    assert!(acl.authenticate(b"bob", b"q").is_none());
    acl.change(&"default".into(), &["off".into()], false).unwrap();
    assert!(!acl.default_is_open());
}

#[test]
fn a_change_is_all_or_nothing_and_seen_at_once() {
    let acl = Acl::new(catalog(), "");
    let name = Bytes::from_static(b"bob");
    assert_eq!(acl.change(&name, &["on".into(), "+nope".into()], false), Err((1, RuleError::Unknown)));
    assert!(acl.user(b"bob").is_none());
    acl.change(&name, &["on".into(), "allkeys".into(), "allchannels".into(), "+@all".into()], false).unwrap();
    let bob = acl.user(b"bob").unwrap();
    assert!(bob.is_unrestricted());
    acl.change(&name, &["-get".into()], false).unwrap();
    assert!(!bob.is_unrestricted());
    assert!(acl.knows(&bob) && acl.remove(b"bob") && !acl.remove(b"bob") && !acl.remove(b"default"));
    acl.change(&name, &[], false).unwrap();
    assert!(!acl.knows(&bob), "another user of that name");
}

#[test]
fn replacing_keeps_those_who_stay() {
    let acl = Acl::new(catalog(), "");
    for name in ["a", "b"] {
        acl.change(&name.into(), &[], false).unwrap();
    }
    let a = acl.user(b"a").unwrap();
    let users = [("a", "on +get"), ("c", "off"), ("default", "on nopass")];
    let users = users.map(|(name, rules)| (Bytes::from_static(name.as_bytes()), rights(rules)));
    assert_eq!(acl.replace(BTreeMap::from(users)), ["b"]);
    assert!(acl.knows(&a));
    let lines = ["user a on resetchannels -@all +get", "user c off resetchannels -@all"];
    assert_eq!(acl.lines()[..2], lines.map(str::as_bytes));
    assert!(!acl.default_user().is_unrestricted());
}

#[test]
fn later_rules_take_the_place_of_earlier_ones() {
    let cases = [
        ("+get", "-@all +get"),
        ("+GET -get", "-@all -get"),
        ("+@all -@string +get", "+@all -@string +get"),
        ("+@all -@string +get -@STRING", "+@all +get -@string"),
        ("+config|get +config|set +config", "-@all +config"),
        ("+config -config|get", "-@all +config -config|get"),
        ("+get|a +get|b", "-@all +get|a +get|b"),
        ("+get|a -get", "-@all -get"),
        ("+get +@all", "+@all"),
        ("+@all +get nocommands", "-@all"),
    ];
    for (rules, shown) in cases {
        assert_eq!(commands(rules), shown, "{rules}");
    }
}

#[test]
fn descriptions() {
    let cases = [
        ("on", "on resetchannels -@all"),
        ("reset", "off sanitize-payload resetchannels -@all"),
        ("skip-sanitize-payload allchannels", "off skip-sanitize-payload &* -@all"),
        ("%R~a %rw~b %W~a %W~c ~d", "off ~a ~b %W~c ~d resetchannels -@all"),
        ("&a &b &a (+get)", "off resetchannels &a &b -@all (resetchannels -@all +get)"),
        ("(+get) clearselectors nopass", "off nopass resetchannels -@all"),
    ];
    for (rules, shown) in cases {
        assert_eq!(String::from_utf8(rights(rules).describe()).unwrap(), shown, "{rules}");
    }
}

#[test]
fn rules_without_sense() {
    let cases = [
        ("nope", RuleError::Syntax),
        ("(nope)", RuleError::Syntax),
        ("(a", RuleError::Syntax),
        ("+nope", RuleError::Unknown),
        ("-config|nope", RuleError::Unknown),
        ("-get|a", RuleError::Unknown),
        ("+get|a|b", RuleError::Unknown),
        ("+config|get|a", RuleError::ArgumentOfSubcommand),
        ("+get|", RuleError::Syntax),
        ("+@nope", RuleError::Unknown),
        ("%~a", RuleError::Syntax),
        ("%RR~a", RuleError::Syntax),
        ("%", RuleError::Syntax),
        ("~* ~a", RuleError::AllKeys),
        ("~* %x", RuleError::AllKeys),
        ("&* &a", RuleError::AllChannels),
        ("~a\tb", RuleError::Syntax),
        ("#12", RuleError::BadHash),
        ("!12", RuleError::BadHash),
        ("<p", RuleError::NoSuchPassword),
    ];
    for (rules, reason) in cases {
        assert_eq!(error(rules), reason, "{rules}");
    }
}

fn check(rules: &str, line: &str, keys: &[(usize, &str)], channels: &[(usize, bool)]) -> Result<(), Denied> {
    let words: Vec<Bytes> = line.split(' ').map(|word| Bytes::copy_from_slice(word.as_bytes())).collect();
    let access = |text: &str| Access { reads: text.contains('r'), writes: text.contains('w') };
    let keys: Vec<_> = keys.iter().map(|(word, text)| (*word, access(text))).collect();
    let found = catalog().find(line.split(' ').next().unwrap().as_bytes()).unwrap();
    let call = Call { command: found, is_free: false, words: &words, keys: &keys, channels };
    rights(rules).check(&call)
}

#[test]
fn calls_are_allowed_by_one_selector_as_a_whole() {
    let read: &[(usize, &str)] = &[(1, "r")];
    assert_eq!(check("+get ~a*", "get ab", read, &[]), Ok(()));
    assert_eq!(check("+get ~a*", "get b", read, &[]), Err(Denied::Key(1)));
    assert_eq!(check("+get %W~a*", "get ab", read, &[]), Err(Denied::Key(1)));
    assert_eq!(check("+get %W~a*", "get ab", &[(1, "")], &[]), Ok(()), "neither read nor written");
    assert_eq!(check("~* +set", "get a", read, &[]), Err(Denied::Command));
    assert_eq!(check("~* (+get ~b)", "get a", read, &[]), Err(Denied::Key(1)), "the closest one tells");
    assert_eq!(check("%R~a (%W~a +get) +get", "get a", &[(1, "rw")], &[]), Err(Denied::Key(1)));
    let two: &[(usize, &str)] = &[(1, "r"), (2, "r")];
    assert_eq!(check("+get ~a (+get ~a ~b)", "get a c", two, &[]), Err(Denied::Key(2)));
    assert_eq!(check("+get ~a (+get ~c)", "get a b", two, &[]), Err(Denied::Key(2)));
    assert_eq!(check("+get|x ~*", "get x", &[], &[]), Ok(()));
    assert_eq!(check("+get|X ~*", "get y", &[], &[]), Err(Denied::Command));
    assert_eq!(check("+get &a*", "get ab a*", &[], &[(1, false), (2, true)]), Ok(()));
    assert_eq!(check("+get &a*", "get ab ab*", &[], &[(1, false), (2, true)]), Err(Denied::Channel(2)));
    assert_eq!(check("+get", "get a b", read, &[(2, false)]), Err(Denied::Key(1)));
}

#[test]
fn categories_and_containers() {
    let allowed = |rules: &str| {
        let named = |name: &&str| check(rules, name, &[], &[]).is_ok();
        ["get", "set", "hget", "config|get", "config|set"].into_iter().filter(named).collect::<Vec<_>>()
    };
    assert_eq!(allowed("+@read"), ["get", "hget"]);
    assert_eq!(allowed("+@all -@string"), ["hget", "config|get", "config|set"]);
    // A container is in a category for all its subcommands.
    assert_eq!(allowed("+@slow -config|set"), ["config|get"]);
    assert_eq!(allowed("+@all -config +config|get"), ["get", "set", "hget", "config|get"]);
}

fn any_rule() -> impl Strategy<Value = String> {
    let fixed = "on off nopass resetpass allkeys resetkeys allchannels resetchannels +@all -@all reset \
                 clearselectors sanitize-payload skip-sanitize-payload +get -get +config -config +config|get \
                 -config|get +@string -@string +@slow -@slow +set|x >p <p ~a* %R~b* %W~c %RW~d ~b* &a &b* \
                 (+get) (~x %W~a*) (&c +@read -get)";
    prop::sample::select(fixed.split_ascii_whitespace().map(str::to_owned).collect::<Vec<_>>())
}

proptest! {
    /// What is described is what is there: the rules that a description says lead to the same user.
    #[test]
    fn descriptions_say_everything(rules in prop::collection::vec(any_rule(), 0..20)) {
        let mut first = Rights::none(false);
        for rule in &rules {
            let before = first.clone();
            if first.apply(rule.as_bytes(), catalog(), false).is_err() {
                prop_assert_eq!(&before, &first);
            }
        }
        let described = first.describe();
        let words: Vec<Bytes> = described.split(|byte| *byte == b' ').map(Bytes::copy_from_slice).collect();
        let mut second = Rights::none(false);
        for rule in rule::merge_selectors(&words).unwrap() {
            second.apply(&rule, catalog(), false).unwrap();
        }
        prop_assert_eq!(second.describe(), described);
        for command in 0..catalog().len() {
            let name = catalog().facts(command).name.clone();
            for line in [format!("{name} x"), format!("{name} y")] {
                let words: Vec<Bytes> = line.split(' ').map(|w| Bytes::copy_from_slice(w.as_bytes())).collect();
                let call = Call { command, is_free: false, words: &words, keys: &[], channels: &[] };
                prop_assert_eq!(first.check(&call), second.check(&call), "{}", line);
            }
        }
    }

    /// No rule makes anything panic.
    #[test]
    fn any_bytes_are_a_rule_or_not(rule in prop::collection::vec(prop::num::u8::ANY, 0..20)) {
        let mut rights = Rights::none(false);
        let _ = rights.apply(&rule, catalog(), true);
        let _ = rights.describe();
    }
}
