//! The scripts that the server knows: what `EVAL` and `SCRIPT LOAD` have brought, by the SHA1 of their text.

use crate::encoding::numbers::function_flag;
use bytes::Bytes;
use hashbrown::HashMap;
use parking_lot::RwLock;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// Scripts that came with `EVAL`, and are forgotten when there are more: the least recently used one first.
const MOST_EVALUATED: usize = 500;

/// What the first line of a script says of it (`#!lua flags=...`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ScriptFlags(pub u8);

impl ScriptFlags {
    pub const NO_WRITES: ScriptFlags = ScriptFlags(function_flag::NO_WRITES);
    pub const ALLOW_OOM: ScriptFlags = ScriptFlags(function_flag::ALLOW_OOM);
    pub const ALLOW_STALE: ScriptFlags = ScriptFlags(function_flag::ALLOW_STALE);
    pub const NO_CLUSTER: ScriptFlags = ScriptFlags(function_flag::NO_CLUSTER);
    pub const ALLOW_CROSS_SLOT_KEYS: ScriptFlags = ScriptFlags(function_flag::ALLOW_CROSS_SLOT_KEYS);

    /// Every flag by the name it has in scripts.
    pub const NAMES: [(&'static str, ScriptFlags); 5] = [
        ("no-writes", ScriptFlags::NO_WRITES),
        ("allow-oom", ScriptFlags::ALLOW_OOM),
        ("allow-stale", ScriptFlags::ALLOW_STALE),
        ("no-cluster", ScriptFlags::NO_CLUSTER),
        ("allow-cross-slot-keys", ScriptFlags::ALLOW_CROSS_SLOT_KEYS),
    ];

    /// The flag of that name.
    pub fn named(name: &[u8]) -> Option<ScriptFlags> {
        ScriptFlags::NAMES.iter().find(|(other, _)| other.as_bytes() == name).map(|(_, flag)| *flag)
    }

    /// Both together.
    pub fn and(self, other: ScriptFlags) -> ScriptFlags {
        ScriptFlags(self.0 | other.0)
    }

    /// Whether every flag of `other` is among them.
    pub fn has(self, other: ScriptFlags) -> bool {
        self.0 & other.0 == other.0
    }
}

/// A script.
#[derive(Debug)]
pub struct Script {
    /// The SHA1 of the text, 40 hexadecimal digits.
    pub sha: String,
    pub text: Bytes,
    /// How many bytes the line of its flags takes, without its end.
    pub header: usize,
    /// None: it says nothing of itself, and everything is allowed as it has always been.
    pub flags: Option<ScriptFlags>,
    /// `SCRIPT LOAD` has brought it: it stays.
    is_loaded: AtomicBool,
    used: AtomicU64,
}

impl Script {
    /// A script that nobody knows yet.
    pub fn new(sha: String, text: Bytes, header: usize, flags: Option<ScriptFlags>) -> Script {
        Script { sha, text, header, flags, is_loaded: AtomicBool::new(false), used: AtomicU64::new(0) }
    }

    /// What is to be compiled.
    pub fn code(&self) -> &[u8] {
        &self.text[self.header..]
    }
}

/// All scripts.
#[derive(Default)]
pub struct Scripts {
    by_sha: RwLock<HashMap<String, Arc<Script>>>,
    generation: AtomicU64,
    uses: AtomicU64,
    evicted: AtomicU64,
    text_bytes: AtomicUsize,
    /// `DEBUG SET-DISABLE-DENY-SCRIPTS`.
    pub allows_all_commands: AtomicBool,
}

impl Scripts {
    /// The script of that SHA1, in lower case.
    pub fn get(&self, sha: &str) -> Option<Arc<Script>> {
        let script = self.by_sha.read().get(sha).cloned()?;
        script.used.store(self.uses.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        Some(script)
    }

    /// Whether there is a script of that SHA1.
    pub fn has(&self, sha: &str) -> bool {
        self.by_sha.read().contains_key(sha)
    }

    /// Adds a script; one that is `loaded` stays until all are forgotten.
    pub fn add(&self, script: Script, loaded: bool) -> Arc<Script> {
        let by_sha = &mut *self.by_sha.write();
        let bytes = script.text.len();
        let script = by_sha.entry(script.sha.clone()).or_insert_with(|| {
            self.text_bytes.fetch_add(bytes, Ordering::Relaxed);
            Arc::new(script)
        });
        let script = script.clone();
        script.is_loaded.fetch_or(loaded, Ordering::Relaxed);
        script.used.store(self.uses.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        self.evict(by_sha);
        script
    }

    /// Forgets the script that was not used for the longest time, if there are too many.
    fn evict(&self, by_sha: &mut HashMap<String, Arc<Script>>) {
        if by_sha.len() <= MOST_EVALUATED {
            return;
        }
        let evaluated = || by_sha.values().filter(|script| !script.is_loaded.load(Ordering::Relaxed));
        if evaluated().count() <= MOST_EVALUATED {
            return;
        }
        let oldest = evaluated().min_by_key(|script| script.used.load(Ordering::Relaxed)).cloned();
        if let Some(oldest) = oldest {
            by_sha.remove(&oldest.sha);
            self.text_bytes.fetch_sub(oldest.text.len(), Ordering::Relaxed);
            self.evicted.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Forgets all scripts.
    pub fn flush(&self) {
        let by_sha = &mut *self.by_sha.write();
        by_sha.clear();
        self.text_bytes.store(0, Ordering::Relaxed);
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// Changes when all scripts are forgotten.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// How many there are, and bytes of memory that they take.
    pub fn size(&self) -> (usize, usize) {
        let count = self.by_sha.read().len();
        (count, self.text_bytes.load(Ordering::Relaxed) + count * (size_of::<Script>() + 128))
    }

    /// How many have been forgotten as there were too many.
    pub fn evicted(&self) -> u64 {
        self.evicted.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(number: usize) -> Script {
        Script::new(format!("{number:040}"), Bytes::from(number.to_string()), 0, None)
    }

    #[test]
    fn what_was_not_used_for_long_is_forgotten_but_not_what_was_loaded() {
        let scripts = Scripts::default();
        scripts.add(script(0), true);
        for number in 1..=MOST_EVALUATED {
            scripts.add(script(number), false);
        }
        assert!(scripts.get(&script(1).sha).is_some(), "and is the latest now");
        scripts.add(script(9999), false);
        assert!(scripts.has(&script(0).sha) && scripts.has(&script(1).sha) && scripts.has(&script(9999).sha));
        assert!(!scripts.has(&script(2).sha));
        assert_eq!((scripts.size().0, scripts.evicted()), (MOST_EVALUATED + 1, 1));
        let before = scripts.generation();
        scripts.flush();
        assert_eq!(scripts.size(), (0, 0));
        assert_ne!(scripts.generation(), before);
    }
}
