//! A conf file: read or refused; what was read is written and read again.
#![no_main]

use diskdb::config::Settings;
use diskdb::config::rewrite::rewritten;
use libfuzzer_sys::fuzz_target;

fn load(text: &str) -> Option<Settings> {
    match Settings::load(Some(("fuzz.conf", text)), std::iter::empty(), &[]) {
        Ok(settings) => Some(settings),
        Err(error) => {
            assert!(!error.to_string().is_empty());
            None
        }
    }
}

fuzz_target!(|text: &str| {
    // Other files are none of our business here.
    if text.to_ascii_lowercase().contains("include") {
        return;
    }
    if let Some(settings) = load(text) {
        let written = rewritten(text, &settings);
        assert_eq!(load(&written), Some(settings.clone()), "{written}");
        assert_eq!(load(&rewritten("", &settings)), Some(settings), "from nothing");
    }
});
