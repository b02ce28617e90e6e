//! What a user is: whether it may log in, with which passwords, and what it may do.

use super::catalog::Catalog;
use super::password::PasswordHash;
use super::rule::RuleError;
use super::selector::{Access, Call, Denied, Selector};
use crate::words;
use bytes::Bytes;

/// A user, but for its name. Never changes: changed ones take its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rights {
    /// Whether the user may log in.
    pub enabled: bool,
    /// Whether any password will do.
    pub no_password: bool,
    /// What was said about the payloads of `RESTORE`, if anything was. They are always looked at.
    sanitizes: Option<bool>,
    passwords: Vec<PasswordHash>,
    root: Selector,
    selectors: Vec<Selector>,
}

impl Rights {
    /// A user that may do nothing, but use all channels if `all_channels` says so.
    pub fn none(all_channels: bool) -> Rights {
        Rights {
            enabled: false,
            no_password: false,
            sanitizes: None,
            passwords: Vec::new(),
            root: Selector::new(all_channels),
            selectors: Vec::new(),
        }
    }

    /// A user that may do everything, without a password.
    pub fn everything(commands: usize) -> Rights {
        Rights {
            enabled: true,
            no_password: true,
            root: Selector::everything(commands),
            ..Rights::none(true)
        }
    }

    /// Whether nothing is forbidden to the user.
    pub fn is_everything(&self) -> bool {
        self.all_selectors().any(Selector::is_everything)
    }

    /// Whether clients are this user without having logged in.
    pub fn is_open(&self) -> bool {
        self.enabled && self.no_password
    }

    /// Whether the user logs in with this password. How long that takes does not depend on how
    /// much of it is right.
    pub fn accepts(&self, password: &[u8]) -> bool {
        let given = PasswordHash::of(password);
        let known = self.passwords.iter().fold(false, |found, known| found | known.is(&given));
        self.enabled && (self.no_password | known)
    }

    /// Takes this password instead of all others; none if it is empty.
    pub fn set_only_password(&mut self, password: &[u8]) {
        self.no_password = password.is_empty();
        self.passwords = if self.no_password { Vec::new() } else { vec![PasswordHash::of(password)] };
    }

    /// The selectors: the first belongs to the user itself, the others stand in parentheses.
    pub fn all_selectors(&self) -> impl Iterator<Item = &Selector> {
        std::iter::once(&self.root).chain(&self.selectors)
    }

    /// Applies a rule. A selector in parentheses is one rule (see [`super::rule::merge_selectors`]).
    /// `all_channels` is `acl-pubsub-default`.
    ///
    /// # Errors
    /// When it makes no sense; nothing has changed then.
    pub fn apply(&mut self, rule: &[u8], catalog: &Catalog, all_channels: bool) -> Result<(), RuleError> {
        let is = |text: &str| rule.eq_ignore_ascii_case(text.as_bytes());
        if rule.is_empty() {
            // As in Redis, nothing.
        } else if is("on") || is("off") {
            self.enabled = is("on");
        } else if is("nopass") || is("resetpass") {
            self.no_password = is("nopass");
            self.passwords.clear();
        } else if is("sanitize-payload") || is("skip-sanitize-payload") {
            self.sanitizes = Some(is("sanitize-payload"));
        } else if is("clearselectors") {
            self.selectors.clear();
        } else if is("reset") {
            *self = Rights { sanitizes: Some(true), ..Rights::none(all_channels) };
        } else {
            match rule {
                [b'>', password @ ..] => self.add_password(PasswordHash::of(password)),
                [b'#', hash @ ..] => self.add_password(PasswordHash::parse(hash).ok_or(RuleError::BadHash)?),
                [b'<', password @ ..] => self.remove_password(&PasswordHash::of(password))?,
                [b'!', hash @ ..] => {
                    self.remove_password(&PasswordHash::parse(hash).ok_or(RuleError::BadHash)?)?;
                }
                [b'(', rules @ .., b')'] => self.add_selector(rules, catalog, all_channels)?,
                _ => self.root.apply(rule, catalog)?,
            }
        }
        Ok(())
    }

    fn add_password(&mut self, password: PasswordHash) {
        if !self.passwords.contains(&password) {
            self.passwords.push(password);
        }
        self.no_password = false;
    }

    fn remove_password(&mut self, password: &PasswordHash) -> Result<(), RuleError> {
        let place = self.passwords.iter().position(|known| known == password);
        self.passwords.remove(place.ok_or(RuleError::NoSuchPassword)?);
        Ok(())
    }

    fn add_selector(&mut self, rules: &[u8], catalog: &Catalog, all_channels: bool) -> Result<(), RuleError> {
        let mut selector = Selector::new(all_channels);
        // A quote that is never closed leaves nothing, as in Redis.
        for rule in &words::split(&Bytes::copy_from_slice(rules)).unwrap_or_default() {
            selector.apply(rule, catalog)?;
        }
        self.selectors.push(selector);
        Ok(())
    }

    /// Whether the user may make a call.
    ///
    /// # Errors
    /// What stands in the way in the selector that comes closest to allowing it.
    pub fn check(&self, call: &Call) -> Result<(), Denied> {
        let mut closest = Denied::Command;
        for selector in self.all_selectors() {
            match selector.check(call) {
                Ok(()) => return Ok(()),
                Err(denied) => closest = closest.max(denied),
            }
        }
        Err(closest)
    }

    /// Whether the user may make a call with whatever keys it reads.
    pub fn may_read_all_keys(&self, call: &Call) -> bool {
        self.all_selectors().any(|selector| selector.reads_all_keys() && selector.check(call).is_ok())
    }

    /// Whether the user may use a key in this way, with some command.
    pub fn allows_key(&self, key: &[u8], access: Access) -> bool {
        self.all_selectors().any(|selector| selector.allows_key(key, access))
    }

    /// Whether the user may use a channel, with some command. A pattern of channels must be allowed as
    /// it is.
    pub fn allows_channel(&self, channel: &[u8], is_pattern: bool) -> bool {
        self.all_selectors().any(|selector| selector.allows_channel(channel, is_pattern))
    }

    /// The flags that `ACL GETUSER` shows.
    pub fn flags(&self) -> Vec<&'static str> {
        let mut flags = vec![if self.enabled { "on" } else { "off" }];
        if self.no_password {
            flags.push("nopass");
        }
        flags
            .extend(self.sanitizes.map(|yes| if yes { "sanitize-payload" } else { "skip-sanitize-payload" }));
        flags
    }

    /// The hashes of the passwords, in hexadecimal digits.
    pub fn password_hashes(&self) -> Vec<String> {
        self.passwords.iter().map(PasswordHash::text).collect()
    }

    /// The rules that lead here from a new user, as in a file of users.
    pub fn describe(&self) -> Vec<u8> {
        let mut parts: Vec<Vec<u8>> = self.flags().into_iter().map(|flag| flag.as_bytes().to_vec()).collect();
        parts.extend(self.passwords.iter().map(|password| format!("#{}", password.text()).into_bytes()));
        parts.push(self.root.describe());
        parts.extend(self.selectors.iter().map(|selector| [b"(", &selector.describe()[..], b")"].concat()));
        parts.join(&b' ')
    }
}
