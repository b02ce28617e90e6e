//! A conf file: read or refused; what was read is written and read again.
#![no_main]

use diskdb::config::Settings;
use diskdb::config::rewrite::{Extent, rewritten};
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
    let Some(settings) = load(text) else { return };
    // The whole of it takes long to read: for every eighth input.
    let extent = if text.len() % 8 == 0 { Extent::All } else { Extent::Changed };
    let written = rewritten(text, &settings, extent);
    assert_eq!(load(&written).as_ref(), Some(&settings), "{written}");
    assert_eq!(load(&rewritten("", &settings, extent)), Some(settings), "from nothing");
});
