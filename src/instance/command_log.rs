//! Logs of calls that stood out of late: those that took long, whose requests were large, whose replies
//! were.

use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// How many words of a call are kept.
const MAX_WORDS: usize = 32;
/// How many bytes of a word are kept.
const MAX_WORD_BYTES: usize = 128;

/// A call in a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedCall {
    /// Never given out twice.
    pub id: u64,
    /// Seconds since the Unix epoch.
    pub at_s: u64,
    /// How long it took, µs; or how long its request or reply was, bytes.
    pub amount: u64,
    /// Long ones and late ones cut off.
    pub words: Vec<Bytes>,
    /// Address and port.
    pub client: String,
    pub client_name: String,
}

/// The three logs.
#[derive(Debug, Default)]
pub struct CommandLogs {
    /// By execution time, µs.
    pub slow: CommandLog,
    /// By the bytes of the request.
    pub large_requests: CommandLog,
    /// By the bytes of the reply.
    pub large_replies: CommandLog,
}

/// One log, the newest call first. It logs nothing until it is configured.
#[derive(Debug)]
pub struct CommandLog {
    /// From this amount on a call is logged; negative: none is.
    threshold: AtomicI64,
    /// How many calls are kept.
    max_len: AtomicU64,
    calls: Mutex<(u64, VecDeque<LoggedCall>)>,
}

impl Default for CommandLog {
    fn default() -> CommandLog {
        CommandLog { threshold: AtomicI64::new(-1), max_len: AtomicU64::new(0), calls: Mutex::default() }
    }
}

impl CommandLog {
    /// Follows the directives; a shorter log forgets its oldest calls with the next one.
    pub fn configure(&self, threshold: i64, max_len: u64) {
        self.threshold.store(threshold, Ordering::Relaxed);
        self.max_len.store(max_len, Ordering::Relaxed);
    }

    /// Whether a call with so much of it is to be logged. One load.
    pub fn wants(&self, amount: u64) -> bool {
        let threshold = self.threshold.load(Ordering::Relaxed);
        u64::try_from(threshold).is_ok_and(|threshold| amount >= threshold)
    }

    /// Adds a call. Its id is set here, its words are cut here.
    pub fn push(&self, mut call: LoggedCall) {
        let max_len = self.max_len.load(Ordering::Relaxed);
        call.words = trimmed(&call.words);
        let mut calls = self.calls.lock();
        call.id = calls.0;
        calls.0 += 1;
        calls.1.push_front(call);
        calls.1.truncate(usize::try_from(max_len).unwrap_or(usize::MAX));
    }

    /// The newest `count` calls.
    pub fn newest(&self, count: usize) -> Vec<LoggedCall> {
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

    fn call(words: Vec<Bytes>) -> LoggedCall {
        LoggedCall { id: 0, at_s: 1, amount: 2, words, client: String::new(), client_name: String::new() }
    }

    fn log(threshold: i64, max_len: u64) -> CommandLog {
        let log = CommandLog::default();
        assert!(!log.wants(u64::MAX));
        log.configure(threshold, max_len);
        log
    }

    #[test]
    fn keeps_the_newest_and_their_ids() {
        let log = log(10, 2);
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
        let log = log(0, 2);
        log.push(call(vec![Bytes::from(vec![b'a'; 200]); 40]));
        let words = &log.newest(1)[0].words;
        assert_eq!(words.len(), 32);
        assert_eq!(words[31], "... (9 more arguments)");
        assert!(words[0].ends_with(b"aaa... (72 more bytes)"));
        log.push(call(vec![Bytes::from(vec![b'a'; 128]); 32]));
        assert_eq!(log.newest(1)[0].words, vec![Bytes::from(vec![b'a'; 128]); 32]);
    }
}
