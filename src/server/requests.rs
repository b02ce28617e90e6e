//! The requests of a client: parsed a few ahead of their execution, so that what they will read is on
//! its way to the processor by then.

use crate::protocol::{Limits, ProtocolError, RequestParser, Words};
use bytes::BytesMut;
use std::collections::VecDeque;

/// How many requests are parsed before the first of them runs. As many cache misses overlap.
const AHEAD: usize = 16;
/// With so many bytes parsed, no further one is: large values do not pile up here.
const AHEAD_BYTES: usize = 64 * 1024;

/// Requests that have arrived and not been executed.
#[derive(Default)]
pub struct Requests {
    parser: RequestParser,
    ahead: VecDeque<Words>,
    /// What is wrong with the input after the requests ahead.
    error: Option<ProtocolError>,
    /// The first one was tried already and has to wait.
    held_back: bool,
}

impl Requests {
    /// The next request. Calls `hint` with what may be the key of those parsed on the way.
    ///
    /// # Errors
    /// What the parser finds wrong, after all requests that came before.
    pub fn next(
        &mut self,
        input: &mut BytesMut,
        limits: &Limits,
        hint: impl Fn(&[u8]),
    ) -> Result<Option<Words>, ProtocolError> {
        self.held_back = false;
        if self.ahead.is_empty() {
            // Limits change with authentication: until then, one at a time.
            self.parse(input, limits, if limits.authenticated { AHEAD } else { 1 });
            if self.ahead.len() > 1 {
                self.ahead.iter().filter_map(|words| words.get(1)).for_each(|word| hint(word));
            }
        }
        match (self.ahead.pop_front(), &self.error) {
            (Some(words), _) => Ok(Some(words)),
            (None, Some(error)) => Err(*error),
            (None, None) => Ok(None),
        }
    }

    fn parse(&mut self, input: &mut BytesMut, limits: &Limits, count: usize) {
        let mut bytes = 0;
        while self.ahead.len() < count && bytes < AHEAD_BYTES && self.error.is_none() {
            match self.parser.next(input, limits) {
                Ok(Some(request)) => {
                    bytes += request.words.iter().map(|word| word.len()).sum::<usize>();
                    self.ahead.push_back(request.words);
                }
                Ok(None) => return,
                Err(error) => self.error = Some(error),
            }
        }
    }

    /// Makes a request that could not run yet the next one again.
    pub fn put_back(&mut self, words: Words) {
        self.ahead.push_front(words);
        self.held_back = true;
    }

    /// Whether the next request has to be parsed first.
    pub fn is_empty(&self) -> bool {
        self.ahead.is_empty()
    }

    /// The requests that are parsed and have not run, in order.
    pub fn ahead(&self) -> impl Iterator<Item = &Words> {
        self.ahead.iter()
    }

    /// Whether a request was put back and not taken since.
    pub fn holds_back(&self) -> bool {
        self.held_back
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    fn limits() -> Limits {
        Limits { authenticated: true, ..Limits::default() }
    }

    #[test]
    fn requests_come_in_order_and_the_error_after_them() {
        let mut input = BytesMut::from("GET a\r\nGET b\r\n*1\r\n!\r\n");
        let mut requests = Requests::default();
        let hints = RefCell::new(Vec::new());
        let mut next = || requests.next(&mut input, &limits(), |key| hints.borrow_mut().push(key.to_vec()));
        assert_eq!(next().unwrap().unwrap()[1], "a");
        assert_eq!(next().unwrap().unwrap()[1], "b");
        assert!(next().is_err());
        assert!(next().is_err(), "nothing comes after an error");
        assert_eq!(*hints.borrow(), [b"a", b"b"]);
    }

    #[test]
    fn what_was_put_back_comes_first() {
        let mut input = BytesMut::from("ECHO a\r\nECHO b\r\n");
        let mut requests = Requests::default();
        let first = requests.next(&mut input, &limits(), |_| ()).unwrap().unwrap();
        requests.put_back(first);
        assert!(requests.holds_back());
        for expected in ["a", "b"] {
            assert_eq!(requests.next(&mut input, &limits(), |_| ()).unwrap().unwrap()[1], expected);
        }
        assert!(!requests.holds_back());
        assert!(requests.next(&mut input, &limits(), |_| ()).unwrap().is_none());
    }

    #[test]
    fn large_values_do_not_pile_up() {
        let request = format!("*2\r\n$4\r\nECHO\r\n$40000\r\n{}\r\n", "x".repeat(40_000));
        let mut input = BytesMut::from(request.repeat(10).as_str());
        let mut requests = Requests::default();
        requests.next(&mut input, &limits(), |_| ()).unwrap().unwrap();
        assert_eq!(requests.ahead.len(), 1);
    }
}
