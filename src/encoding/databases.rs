//! Which namespace each logical database uses: the record `numbers::system_key::DATABASES`.
//!
//! | bytes | what |
//! |---|---|
//! | 4 | the next namespace to give out |
//! | 4 each | the namespace of database 0, 1, … |

use super::keys::Namespace;
use super::{DecodeError, DecodeResult};

/// The namespaces of the logical databases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Databases {
    /// Never given out so far.
    pub next: Namespace,
    /// By number of the logical database.
    pub namespaces: Vec<Namespace>,
}

impl Databases {
    /// What a new database starts with: none yet.
    pub fn new() -> Databases {
        Databases { next: Namespace(0), namespaces: Vec::new() }
    }

    /// Takes a namespace that was never used.
    pub fn take_next(&mut self) -> Namespace {
        let taken = self.next;
        self.next = Namespace(taken.0 + 1);
        taken
    }

    /// The bytes on disk.
    pub fn encode(&self) -> Vec<u8> {
        let all = std::iter::once(&self.next).chain(&self.namespaces);
        all.flat_map(|namespace| namespace.prefix()).collect()
    }

    /// Reads the bytes on disk.
    ///
    /// # Errors
    /// When the bytes are no record of this kind.
    pub fn decode(bytes: &[u8]) -> DecodeResult<Databases> {
        const BAD: DecodeError = DecodeError { what: "record of databases" };
        let (numbers, []) = bytes.as_chunks() else { return Err(BAD) };
        let mut namespaces = numbers.iter().map(|number| Namespace(u32::from_be_bytes(*number)));
        Ok(Databases { next: namespaces.next().ok_or(BAD)?, namespaces: namespaces.collect() })
    }
}

impl Default for Databases {
    fn default() -> Databases {
        Databases::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn golden() {
        let databases = Databases { next: Namespace(3), namespaces: vec![Namespace(2), Namespace(1)] };
        assert_eq!(databases.encode(), b"\0\0\0\x03\0\0\0\x02\0\0\0\x01");
    }

    proptest! {
        #[test]
        fn round_trip(next: u32, namespaces: Vec<u32>) {
            let namespaces = namespaces.into_iter().map(Namespace).collect();
            let databases = Databases { next: Namespace(next), namespaces };
            prop_assert_eq!(Databases::decode(&databases.encode()).unwrap(), databases);
        }

        #[test]
        fn never_panics(bytes: Vec<u8>) {
            let _ = Databases::decode(&bytes);
        }
    }
}
