//! `ACL LOG`: what was refused lately, and why.

use crate::instance::stats::Counter;
use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::VecDeque;

/// Like refusals within this time are one entry.
const GROUPING_MS: u64 = 60_000;
/// An entry that is to be grouped is looked for among so many.
const GROUPING_ENTRIES: usize = 10;

/// Why something was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    Command,
    Key,
    Channel,
    /// Name and password are none.
    Auth,
    /// The certificate names no user that could log in.
    TlsCertificate,
}

impl Reason {
    /// As `ACL LOG` names it.
    pub fn name(self) -> &'static str {
        match self {
            Reason::Command => "command",
            Reason::Key => "key",
            Reason::Channel => "channel",
            Reason::Auth => "auth",
            Reason::TlsCertificate => "tls-cert",
        }
    }
}

/// Where the command came from that was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    TopLevel,
    /// A transaction.
    Multi,
    /// A script or a function.
    Lua,
}

impl Place {
    /// As `ACL LOG` names it.
    pub fn name(self) -> &'static str {
        match self {
            Place::TopLevel => "toplevel",
            Place::Multi => "multi",
            Place::Lua => "lua",
        }
    }
}

/// Something that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub reason: Reason,
    pub place: Place,
    /// The command, key or channel.
    pub object: Bytes,
    pub user: Bytes,
    /// The client as `CLIENT INFO` shows it.
    pub client: String,
}

/// Refusals of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub id: u64,
    pub count: u64,
    /// The last of them.
    pub refusal: Refusal,
    /// Ms since the Unix epoch.
    pub created_at_ms: u64,
    pub updated_at_ms: u64,
}

/// What `INFO` counts.
#[derive(Debug, Default)]
pub struct Denials {
    pub auth: Counter,
    pub command: Counter,
    pub key: Counter,
    pub channel: Counter,
    pub tls_certificate: Counter,
}

impl Denials {
    /// Every counter, with its name in `INFO`.
    pub fn all(&self) -> [(&'static str, &Counter); 5] {
        [
            ("acl_access_denied_auth", &self.auth),
            ("acl_access_denied_cmd", &self.command),
            ("acl_access_denied_key", &self.key),
            ("acl_access_denied_channel", &self.channel),
            ("acl_access_denied_tls_cert", &self.tls_certificate),
        ]
    }
}

#[derive(Debug, Default)]
struct Entries {
    entries: VecDeque<Entry>,
    most: usize,
    next_id: u64,
}

/// The latest refusals.
#[derive(Debug, Default)]
pub struct AclLog {
    entries: Mutex<Entries>,
    pub denials: Denials,
}

impl AclLog {
    /// Keeps so many entries from now on.
    pub fn configure(&self, most: u64) {
        let log = &mut *self.entries.lock();
        log.most = usize::try_from(most).unwrap_or(usize::MAX);
        log.entries.truncate(log.most);
    }

    /// Notes a refusal, at so many ms since the Unix epoch.
    pub fn push(&self, refusal: Refusal, now_ms: u64) {
        match refusal.reason {
            Reason::Command => self.denials.command.increment(),
            Reason::Key => self.denials.key.increment(),
            Reason::Channel => self.denials.channel.increment(),
            Reason::Auth => self.denials.auth.increment(),
            Reason::TlsCertificate => self.denials.tls_certificate.increment(),
        }
        let log = &mut *self.entries.lock();
        let is_alike = |entry: &Entry| {
            let known = &entry.refusal;
            (known.reason, known.place) == (refusal.reason, refusal.place)
                && (&known.object, &known.user) == (&refusal.object, &refusal.user)
                && now_ms.abs_diff(entry.updated_at_ms) <= GROUPING_MS
        };
        let alike = log.entries.iter().take(GROUPING_ENTRIES).position(is_alike);
        let entry = match alike.and_then(|place| log.entries.remove(place)) {
            Some(entry) => Entry { refusal, count: entry.count + 1, updated_at_ms: now_ms, ..entry },
            None => {
                let id = log.next_id;
                log.next_id += 1;
                Entry { id, count: 1, refusal, created_at_ms: now_ms, updated_at_ms: now_ms }
            }
        };
        log.entries.push_front(entry);
        log.entries.truncate(log.most);
    }

    /// The latest entries, newest first.
    pub fn newest(&self, count: usize) -> Vec<Entry> {
        self.entries.lock().entries.iter().take(count).cloned().collect()
    }

    /// Forgets all entries.
    pub fn clear(&self) {
        self.entries.lock().entries.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(object: &'static str) -> Refusal {
        Refusal {
            reason: Reason::Key,
            place: Place::TopLevel,
            object: Bytes::from_static(object.as_bytes()),
            user: Bytes::from_static(b"bob"),
            client: String::new(),
        }
    }

    fn shown(log: &AclLog) -> Vec<(u64, u64, Bytes)> {
        log.newest(100).into_iter().map(|entry| (entry.id, entry.count, entry.refusal.object)).collect()
    }

    #[test]
    fn like_refusals_are_one_entry_for_a_minute() {
        let log = AclLog::default();
        log.configure(10);
        log.push(refusal("a"), 0);
        log.push(refusal("b"), 1);
        log.push(refusal("a"), 60_000);
        log.push(Refusal { place: Place::Multi, ..refusal("a") }, 60_000);
        assert_eq!(shown(&log), [(2, 1, "a".into()), (0, 2, "a".into()), (1, 1, "b".into())]);
        let entry = &log.newest(2)[1];
        assert_eq!((entry.created_at_ms, entry.updated_at_ms), (0, 60_000));
        // Grouping counts from the last one, not from the first.
        log.push(refusal("a"), 120_000);
        log.push(refusal("a"), 180_001);
        assert_eq!(shown(&log)[..2], [(3, 1, "a".into()), (0, 3, "a".into())]);
        log.clear();
        assert_eq!(shown(&log), []);
        assert_eq!(log.denials.key.get(), 6);
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many() {
        let log = AclLog::default();
        log.push(refusal("a"), 0);
        assert_eq!(shown(&log), []);
        log.configure(2);
        ["a", "b", "c"].into_iter().for_each(|object| log.push(refusal(object), 0));
        assert_eq!(shown(&log), [(3, 1, "c".into()), (2, 1, "b".into())]);
        log.configure(1);
        assert_eq!(shown(&log), [(3, 1, "c".into())]);
    }
}
