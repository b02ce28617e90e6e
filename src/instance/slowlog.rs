//! The calls that took longest lately.

use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// How many words of a call are kept.
const MAX_WORDS: usize = 32;
/// How many bytes of a word are kept.
const MAX_WORD_BYTES: usize = 128;

/// One slow call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlowCall {
    /// Never given out twice.
    pub id: u64,
    /// Seconds since the Unix epoch.
    pub at_s: u64,
    /// How long it took, µs.
    pub duration_us: u64,
    /// Long ones and late ones cut off.
    pub words: Vec<Bytes>,
    /// Address and port.
    pub client: String,
    pub client_name: String,
}

/// The log of slow calls, the newest first.
#[derive(Debug)]
pub struct Slowlog {
    /// `slowlog-log-slower-than`, µs; negative: log nothing.
    threshold_us: AtomicI64,
    /// `slowlog-max-len`.
    max_len: AtomicU64,
    calls: Mutex<(u64, VecDeque<SlowCall>)>,
}

impl Slowlog {
    /// An empty log.
    pub fn new(threshold_us: i64, max_len: u64) -> Slowlog {
        Slowlog { threshold_us: threshold_us.into(), max_len: max_len.into(), calls: Mutex::default() }
    }

    /// Follows the directives; a shorter log forgets its oldest calls with the next one.
    pub fn configure(&self, threshold_us: i64, max_len: u64) {
        self.threshold_us.store(threshold_us, Ordering::Relaxed);
        self.max_len.store(max_len, Ordering::Relaxed);
    }

    /// Whether a call that took so long is to be logged.
    pub fn wants(&self, duration_us: u64) -> bool {
        let threshold_us = self.threshold_us.load(Ordering::Relaxed);
        u64::try_from(threshold_us).is_ok_and(|threshold_us| duration_us >= threshold_us)
    }

    /// Adds a call. Its id is set here, its words are cut here.
    pub fn push(&self, mut call: SlowCall) {
        let max_len = self.max_len.load(Ordering::Relaxed);
        call.words = trimmed(&call.words);
        let mut calls = self.calls.lock();
        call.id = calls.0;
        calls.0 += 1;
        calls.1.push_front(call);
        calls.1.truncate(usize::try_from(max_len).unwrap_or(usize::MAX));
    }

    /// The newest `count` calls.
    pub fn newest(&self, count: usize) -> Vec<SlowCall> {
        self.calls.lock().1.iter().take(count).cloned().collect()
    }

    /// How many calls are in the log.
    pub fn len(&self) -> usize {
        self.calls.lock().1.len()
    }

    /// Whether no call is in the log.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets every call.
    pub fn reset(&self) {
        self.calls.lock().1.clear();
    }
}

/// The words as they are kept: copies, so that no large buffer stays for the sake of a few bytes.
fn trimmed(words: &[Bytes]) -> Vec<Bytes> {
    let keep = if words.len() > MAX_WORDS { MAX_WORDS - 1 } else { words.len() };
    let mut kept: Vec<Bytes> = words[..keep].iter().map(trimmed_word).collect();
    if keep < words.len() {
        kept.push(format!("... ({} more arguments)", words.len() - keep).into());
    }
    kept
}

fn trimmed_word(word: &Bytes) -> Bytes {
    let Some(cut) = word.len().checked_sub(MAX_WORD_BYTES).filter(|cut| *cut > 0) else {
        return Bytes::copy_from_slice(word);
    };
    let mut kept = word[..MAX_WORD_BYTES].to_vec();
    kept.extend_from_slice(format!("... ({cut} more bytes)").as_bytes());
    kept.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(words: Vec<Bytes>) -> SlowCall {
        SlowCall { id: 0, at_s: 1, duration_us: 2, words, client: String::new(), client_name: String::new() }
    }

    #[test]
    fn keeps_the_newest_and_their_ids() {
        let log = Slowlog::new(10, 2);
        assert!(log.wants(10) && !log.wants(9));
        for _ in 0..3 {
            log.push(call(vec![]));
        }
        assert_eq!(log.newest(10).iter().map(|call| call.id).collect::<Vec<_>>(), [2, 1]);
        log.reset();
        log.push(call(vec![]));
        assert_eq!(log.newest(1)[0].id, 3);
        log.configure(-1, 2);
        assert!(!log.wants(u64::MAX));
    }

    #[test]
    fn cuts_long_calls() {
        let log = Slowlog::new(0, 2);
        log.push(call(vec![Bytes::from(vec![b'a'; 200]); 40]));
        let words = &log.newest(1)[0].words;
        assert_eq!(words.len(), 32);
        assert_eq!(words[31], "... (9 more arguments)");
        assert!(words[0].ends_with(b"aaa... (72 more bytes)"));
        log.push(call(vec![Bytes::from(vec![b'a'; 128]); 32]));
        assert_eq!(log.newest(1)[0].words, vec![Bytes::from(vec![b'a'; 128]); 32]);
    }
}
