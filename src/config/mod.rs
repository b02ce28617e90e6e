//! Every directive once: name, type, default, bounds, whether it can be changed at run time, and
//! its documentation. A leaf: knows nothing of what the directives steer.
//!
//! The tables are in `table/`; a directive's name is its field's with `-` for `_`.

pub mod document;
pub mod kind;
mod load;
pub mod rewrite;
pub mod values;
pub mod words;

#[macro_use]
mod table {
    #[macro_use]
    mod network;
    #[macro_use]
    mod server;
    #[macro_use]
    mod storage;
    #[macro_use]
    mod redis;
}

use kind::{I32_MAX, I64_MAX, Kind, Kind::*, Value, integer, memory};
pub use load::{ConfigError, Source};
use std::borrow::Cow;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::LazyLock;
use values::*;

/// What a line about an ACL user begins with. It is no directive: CONFIG does not know it.
pub(crate) const USER: &str = "user";

/// What else there is to know about a directive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flag {
    /// CONFIG SET may change it.
    Runtime,
    /// CONFIG SET may change it only as `enable-protected-configs` allows.
    Protected,
    /// Not shown unless asked for by its whole name.
    Hidden,
    /// A secret: kept out of logs.
    Sensitive,
    /// Accepted for compatibility with Redis; changes nothing.
    NoEffect,
    /// Each line of a conf file adds to the lines before it.
    LinesAddUp,
}

/// What is known of a directive.
pub struct Directive {
    pub name: &'static str,
    /// Older names by which it can be read and set as well.
    pub aliases: &'static [&'static str],
    pub section: &'static str,
    pub doc: &'static str,
    pub kind: Kind,
    flags: &'static [Flag],
    assign: fn(&mut Settings, &[String], Kind) -> Result<(), String>,
    text: fn(&Settings, Kind) -> String,
    lines: fn(&Settings, Kind) -> Vec<String>,
}

impl Directive {
    /// Whether the directive has the flag.
    pub fn is(&self, flag: Flag) -> bool {
        self.flags.contains(&flag)
    }

    /// The value as CONFIG GET shows it.
    pub fn text(&self, settings: &Settings) -> String {
        (self.text)(settings, self.kind)
    }

    /// The value as lines of a conf file, without the directive's name.
    pub fn lines(&self, settings: &Settings) -> Vec<String> {
        (self.lines)(settings, self.kind)
    }

    /// Whether the value is the default.
    pub fn is_default(&self, settings: &Settings) -> bool {
        static DEFAULTS: LazyLock<Settings> = LazyLock::new(Settings::default);
        self.text(settings) == self.text(&DEFAULTS)
    }

    /// Sets the value. A single word is taken for several with blanks between where the directive
    /// takes several: that is how CONFIG SET writes them.
    ///
    /// # Errors
    /// The reason, in Redis' words; nothing is changed then.
    pub fn assign(&self, settings: &mut Settings, words: &[String]) -> Result<(), String> {
        if !self.kind.takes_many() {
            if words.len() != 1 {
                return Err("wrong number of arguments".into());
            }
            (self.assign)(settings, words, self.kind)?;
        } else {
            (self.assign)(settings, &Directive::split_single(words), self.kind)?;
        }
        settings.settle();
        Ok(())
    }

    /// The words that a single word with blanks in it stands for.
    fn split_single(words: &[String]) -> Cow<'_, [String]> {
        match words {
            [word] if word.contains(' ') => word.split_whitespace().map(str::to_owned).collect(),
            _ => words.into(),
        }
    }
}

/// The name of a directive: its field's, with `-` for `_`.
const fn dashed<const N: usize>(field: &str) -> [u8; N] {
    let mut name = [0; N];
    let mut index = 0;
    while index < N {
        let byte = field.as_bytes()[index];
        name[index] = if byte == b'_' { b'-' } else { byte };
        index += 1;
    }
    name
}

/// ASCII bytes as text, when the program is compiled.
const fn ascii(bytes: &'static [u8]) -> &'static str {
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(_) => panic!("a directive's name is ASCII"),
    }
}

fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

macro_rules! settings {
    (; $(section $section:literal { $(
        $(#[doc = $doc:literal])+
        $field:ident: $type:ty = $default:expr, $kind:expr, [$($flag:ident),*] $(, $alias:literal)*;
    )+ })+) => {
        /// The values of all directives.
        #[derive(Debug, Clone, PartialEq)]
        pub struct Settings {
            $($($(#[doc = $doc])+ pub $field: $type,)+)+
            /// The file the settings were read from, which CONFIG REWRITE writes.
            pub config_file: Option<PathBuf>,
            /// ACL users: the words after `user` of each line.
            pub users: Vec<Vec<String>>,
        }

        impl Default for Settings {
            fn default() -> Settings {
                Settings { $($($field: $default,)+)+ config_file: None, users: Vec::new() }
            }
        }

        /// Every directive, section by section.
        pub static DIRECTIVES: &[Directive] = &[$($(Directive {
            name: ascii(&dashed::<{ stringify!($field).len() }>(stringify!($field))),
            aliases: &[$($alias),*],
            section: $section,
            doc: concat!($($doc, "\n"),+),
            kind: $kind,
            flags: &[$(Flag::$flag),*],
            assign: |settings, words, kind| settings.$field.assign(words, kind),
            text: |settings, kind| settings.$field.text(kind),
            lines: |settings, kind| settings.$field.lines(kind),
        },)+)+];
    };
}

network_sections! { server_sections, storage_sections, redis_sections, settings; }

impl Settings {
    /// Brings values into the bounds that Redis applies in silence.
    fn settle(&mut self) {
        self.hz = self.hz.clamp(1, 500);
    }
}

/// The directive of this name or alias, in whatever case.
pub fn directive(name: &str) -> Option<&'static Directive> {
    static BY_NAME: LazyLock<HashMap<&str, &Directive>> = LazyLock::new(|| {
        let names = |directive: &'static Directive| {
            directive.aliases.iter().chain([&directive.name]).map(move |name| (*name, directive))
        };
        DIRECTIVES.iter().flat_map(names).collect()
    });
    BY_NAME.get(name.to_ascii_lowercase().as_str()).copied()
}

#[cfg(test)]
mod tests;
