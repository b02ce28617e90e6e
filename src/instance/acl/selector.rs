//! A selector: commands, and the keys and channels that they may be called with. What a user may do is
//! what any one of its selectors allows.

use super::catalog::Catalog;
use super::rule::RuleError;
use crate::encoding::glob::{self, Case};
use bytes::Bytes;
use std::collections::BTreeMap;

/// What a call does with a key, or a pattern allows to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    pub reads: bool,
    pub writes: bool,
}

impl Access {
    /// Reading and writing.
    pub const ALL: Access = Access { reads: true, writes: true };

    /// Whether everything that `wanted` says is allowed.
    fn covers(self, wanted: Access) -> bool {
        (self.reads || !wanted.reads) && (self.writes || !wanted.writes)
    }
}

/// Keys that may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
struct KeyPattern {
    pattern: Bytes,
    access: Access,
}

/// Commands, keys and channels that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    /// Whether every command is allowed; none was taken out since.
    all_commands: bool,
    /// Whether what is not named is allowed: what the description begins with.
    allows_others: bool,
    /// A bit for each command.
    allowed: Vec<u64>,
    /// Commands that are allowed only when one of these is their first argument.
    first_arguments: BTreeMap<usize, Vec<Bytes>>,
    /// The rules about commands since all or none were allowed: whether they allow, and what.
    rules: Vec<(bool, String)>,
    all_keys: bool,
    keys: Vec<KeyPattern>,
    all_channels: bool,
    channels: Vec<Bytes>,
}

/// Why a selector does not allow a call. What is later goes before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Denied {
    Command,
    /// The key that is this word of the call.
    Key(usize),
    /// The channel that is this word of the call.
    Channel(usize),
}

/// A call, as far as access control looks at it.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The number of the command in the catalog.
    pub command: usize,
    /// Whether everybody may call the command (`AUTH`).
    pub is_free: bool,
    pub words: &'a [Bytes],
    /// Which words are keys.
    pub keys: &'a [(usize, Access)],
    /// Which words are channels; true: the word is a pattern of channels.
    pub channels: &'a [(usize, bool)],
}

impl Selector {
    /// A selector that allows nothing, but for channels if `all_channels` says so.
    pub fn new(all_channels: bool) -> Selector {
        Selector {
            all_commands: false,
            allows_others: false,
            allowed: Vec::new(),
            first_arguments: BTreeMap::new(),
            rules: Vec::new(),
            all_keys: false,
            keys: Vec::new(),
            all_channels,
            channels: Vec::new(),
        }
    }

    /// A selector that allows everything.
    pub fn everything(commands: usize) -> Selector {
        let mut selector = Selector { all_keys: true, ..Selector::new(true) };
        selector.set_all_commands(true, commands);
        selector
    }

    /// Whether nothing is forbidden.
    pub fn is_everything(&self) -> bool {
        self.all_commands && self.all_keys && self.all_channels
    }

    /// Whether a key can be forbidden.
    pub fn minds_keys(&self) -> bool {
        !self.all_keys
    }

    /// Whether a channel can be forbidden.
    pub fn minds_channels(&self) -> bool {
        !self.all_channels
    }

    /// Applies one rule.
    ///
    /// # Errors
    /// When it makes no sense; nothing has changed then.
    pub fn apply(&mut self, rule: &[u8], catalog: &Catalog) -> Result<(), RuleError> {
        let is = |text: &str| rule.eq_ignore_ascii_case(text.as_bytes());
        if is("allkeys") || is("~*") || is("resetkeys") {
            self.all_keys = !is("resetkeys");
            self.keys.clear();
        } else if is("allchannels") || is("&*") || is("resetchannels") {
            self.all_channels = !is("resetchannels");
            self.channels.clear();
        } else if is("allcommands") || is("+@all") {
            self.set_all_commands(true, catalog.len());
        } else if is("nocommands") || is("-@all") {
            self.set_all_commands(false, catalog.len());
        } else {
            match rule {
                [b'~', pattern @ ..] => self.add_keys(pattern, Access::ALL)?,
                [b'%', rest @ ..] => self.add_keys_with_access(rest)?,
                [b'&', pattern @ ..] => self.add_channel(pattern)?,
                [sign @ (b'+' | b'-'), b'@', category @ ..] => {
                    self.set_category(category, *sign == b'+', catalog)?;
                }
                [b'+', name @ ..] => self.allow(name, catalog)?,
                [b'-', name @ ..] => {
                    let command = catalog.find(name).ok_or(RuleError::Unknown)?;
                    self.set_command(command, false, catalog);
                    self.note_rule(false, name);
                }
                _ => return Err(RuleError::Syntax),
            }
        }
        Ok(())
    }

    fn set_all_commands(&mut self, allowed: bool, commands: usize) {
        self.all_commands = allowed;
        self.allows_others = allowed;
        self.allowed = vec![if allowed { u64::MAX } else { 0 }; commands.div_ceil(64)];
        self.first_arguments.clear();
        self.rules.clear();
    }

    fn add_keys(&mut self, pattern: &[u8], access: Access) -> Result<(), RuleError> {
        if self.all_keys {
            return Err(RuleError::AllKeys);
        }
        if has_spaces(pattern) {
            return Err(RuleError::Syntax);
        }
        match self.keys.iter_mut().find(|known| known.pattern == pattern) {
            Some(known) => {
                known.access.reads |= access.reads;
                known.access.writes |= access.writes;
            }
            None => self.keys.push(KeyPattern { pattern: Bytes::copy_from_slice(pattern), access }),
        }
        Ok(())
    }

    /// Adds what stands after `%`: `R~pattern`, `W~pattern`, `RW~pattern`. Without `~`, as in Redis, the
    /// pattern is empty.
    fn add_keys_with_access(&mut self, rest: &[u8]) -> Result<(), RuleError> {
        if self.all_keys {
            return Err(RuleError::AllKeys);
        }
        let mut access = Access { reads: false, writes: false };
        let end = rest.iter().position(|byte| *byte == b'~').unwrap_or(rest.len());
        for letter in &rest[..end] {
            match letter.to_ascii_uppercase() {
                b'R' if !access.reads => access.reads = true,
                b'W' if !access.writes => access.writes = true,
                _ => return Err(RuleError::Syntax),
            }
        }
        if !access.reads && !access.writes {
            return Err(RuleError::Syntax);
        }
        self.add_keys(rest.get(end + 1..).unwrap_or_default(), access)
    }

    fn add_channel(&mut self, pattern: &[u8]) -> Result<(), RuleError> {
        if self.all_channels {
            return Err(RuleError::AllChannels);
        }
        if has_spaces(pattern) {
            return Err(RuleError::Syntax);
        }
        if !self.channels.iter().any(|known| known == pattern) {
            self.channels.push(Bytes::copy_from_slice(pattern));
        }
        Ok(())
    }

    fn set_category(&mut self, name: &[u8], allowed: bool, catalog: &Catalog) -> Result<(), RuleError> {
        let category = catalog.category(name).ok_or(RuleError::Unknown)?;
        for command in catalog.in_category(category) {
            self.set_command(command, allowed, catalog);
        }
        self.note_rule(allowed, &[b"@", name].concat());
        Ok(())
    }

    /// Allows what stands after `+`: a command, a subcommand, or a command with one first argument.
    fn allow(&mut self, name: &[u8], catalog: &Catalog) -> Result<(), RuleError> {
        let Some(bar) = name.iter().rposition(|byte| *byte == b'|') else {
            let command = catalog.find(name).ok_or(RuleError::Unknown)?;
            self.set_command(command, true, catalog);
            self.note_rule(true, name);
            return Ok(());
        };
        let (container, first) = (&name[..bar], &name[bar + 1..]);
        let container = catalog.find(container).ok_or(RuleError::Unknown)?;
        let facts = catalog.facts(container);
        if facts.is_subcommand {
            return Err(RuleError::ArgumentOfSubcommand);
        }
        if first.is_empty() {
            return Err(RuleError::Syntax);
        }
        if facts.subcommands.is_empty() {
            let known = self.first_arguments.entry(container).or_default();
            if !known.iter().any(|known| known.eq_ignore_ascii_case(first)) {
                known.push(Bytes::copy_from_slice(first));
            }
        } else {
            let command = catalog.find(name).ok_or(RuleError::Unknown)?;
            self.set_command(command, true, catalog);
        }
        self.note_rule(true, name);
        Ok(())
    }

    /// Allows or forbids a command with all its subcommands.
    fn set_command(&mut self, command: usize, allowed: bool, catalog: &Catalog) {
        if self.allowed.len() < catalog.len().div_ceil(64) {
            self.allowed.resize(catalog.len().div_ceil(64), 0);
        }
        let subcommands = &catalog.facts(command).subcommands;
        for command in std::iter::once(&command).chain(subcommands) {
            let (word, bit) = (&mut self.allowed[command / 64], 1 << (command % 64));
            if allowed {
                *word |= bit
            } else {
                *word &= !bit
            }
            self.first_arguments.remove(command);
        }
        self.all_commands &= allowed;
    }

    /// Keeps a rule for the description. It takes the place of earlier ones about the same command or
    /// category, and about subcommands of it.
    fn note_rule(&mut self, allows: bool, what: &[u8]) {
        let what = String::from_utf8_lossy(what).to_ascii_lowercase();
        let is_replaced = |known: &str| {
            known.strip_prefix(what.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('|'))
        };
        self.rules.retain(|(_, known)| !is_replaced(known));
        self.rules.push((allows, what));
    }

    /// Whether the call is allowed.
    ///
    /// # Errors
    /// What stands in the way first.
    pub fn check(&self, call: &Call) -> Result<(), Denied> {
        if !call.is_free && !self.allows_command(call) {
            return Err(Denied::Command);
        }
        if !self.all_keys {
            let refused =
                call.keys.iter().find(|(word, access)| !self.allows_key(&call.words[*word], *access));
            if let Some((word, _)) = refused {
                return Err(Denied::Key(*word));
            }
        }
        if !self.all_channels {
            let mut channels = call.channels.iter();
            if let Some((word, _)) =
                channels.find(|(word, is_pattern)| !self.allows_channel(&call.words[*word], *is_pattern))
            {
                return Err(Denied::Channel(*word));
            }
        }
        Ok(())
    }

    fn allows_command(&self, call: &Call) -> bool {
        if self.all_commands
            || self.allowed.get(call.command / 64).is_some_and(|word| word >> (call.command % 64) & 1 == 1)
        {
            return true;
        }
        let Some(first) = self.first_arguments.get(&call.command) else { return false };
        call.words.get(1).is_some_and(|word| first.iter().any(|known| known.eq_ignore_ascii_case(word)))
    }

    /// Whether a key may be used in this way.
    pub fn allows_key(&self, key: &[u8], access: Access) -> bool {
        let allows = |known: &KeyPattern| {
            known.access.covers(access) && glob::matches(&known.pattern, key, Case::Sensitive)
        };
        self.all_keys || self.keys.iter().any(allows)
    }

    /// Whether every key may be read.
    pub fn reads_all_keys(&self) -> bool {
        self.all_keys || self.keys.iter().any(|known| known.access.reads && known.pattern == "*")
    }

    /// Whether a channel may be used. A pattern of channels must be there as it is.
    pub fn allows_channel(&self, channel: &[u8], is_pattern: bool) -> bool {
        let allows = |known: &Bytes| match is_pattern {
            true => known == channel,
            false => glob::matches(known, channel, Case::Sensitive),
        };
        self.all_channels || self.channels.iter().any(allows)
    }

    /// The rules about commands that lead here.
    pub fn command_rules(&self) -> String {
        let mut text = if self.allows_others { "+@all" } else { "-@all" }.to_owned();
        for (allows, what) in &self.rules {
            text.push_str(if *allows { " +" } else { " -" });
            text.push_str(what);
        }
        text
    }

    /// The rules about keys that lead here.
    pub fn key_rules(&self) -> Vec<u8> {
        if self.all_keys {
            return b"~*".to_vec();
        }
        let rule = |known: &KeyPattern| {
            let prefix = match (known.access.reads, known.access.writes) {
                (true, false) => "%R~",
                (false, true) => "%W~",
                _ => "~",
            };
            [prefix.as_bytes(), &known.pattern].concat()
        };
        self.keys.iter().map(rule).collect::<Vec<_>>().join(&b' ')
    }

    /// The rules about channels that lead here.
    pub fn channel_rules(&self) -> Vec<u8> {
        if self.all_channels {
            return b"&*".to_vec();
        }
        self.channels.iter().map(|known| [b"&", &known[..]].concat()).collect::<Vec<_>>().join(&b' ')
    }

    /// All rules that lead here, as in a file of users.
    pub fn describe(&self) -> Vec<u8> {
        let mut parts = vec![self.key_rules()];
        if !self.all_channels {
            parts.push(b"resetchannels".to_vec());
        }
        parts.extend([self.channel_rules(), self.command_rules().into_bytes()]);
        parts.retain(|part| !part.is_empty());
        parts.join(&b' ')
    }
}

/// Whether a text has what no name or pattern may have.
pub fn has_spaces(text: &[u8]) -> bool {
    text.iter().any(|byte| matches!(byte, b' ' | b'\t'..=b'\r' | 0))
}
