//! The conditions of `SET` and `DELEX` on what is there.

use crate::commands::args::Args;
use crate::data_types::string;
use crate::encoding::meta::Meta;
use crate::encoding::numbers::Kind;
use crate::error::{Error, Result};
use crate::keyspace::tx::ReadTx;
use bytes::Bytes;

/// When a command is to do anything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Condition {
    #[default]
    Always,
    /// `NX`.
    Absent,
    /// `XX`.
    Present,
    /// `IFEQ`.
    Equal(Bytes),
    /// `IFNE`.
    NotEqual(Bytes),
    /// `IFDEQ`.
    DigestEqual(Bytes),
    /// `IFDNE`.
    DigestNotEqual(Bytes),
}

const DIGEST_DIGITS: usize = 16;

impl Condition {
    /// Takes `IFEQ`, `IFNE`, `IFDEQ` or `IFDNE` and its value, if they come next.
    ///
    /// # Errors
    /// [`Error::Syntax`] when the value is missing.
    pub fn parse_comparison(args: &mut Args) -> Result<Option<Condition>> {
        type Make = fn(Bytes) -> Condition;
        const KEYWORDS: [(&str, Make); 4] = [
            ("IFEQ", Condition::Equal),
            ("IFNE", Condition::NotEqual),
            ("IFDEQ", Condition::DigestEqual),
            ("IFDNE", Condition::DigestNotEqual),
        ];
        args.take_one(&KEYWORDS).map(|make| args.bytes().map(make)).transpose()
    }

    /// Takes a condition, if one comes next. The same one may come again; the last counts.
    ///
    /// # Errors
    /// [`Error::Syntax`] when another one was given, or its value is missing.
    pub fn take(&mut self, args: &mut Args) -> Result<bool> {
        let next = if args.take("NX") {
            Some(Condition::Absent)
        } else if args.take("XX") {
            Some(Condition::Present)
        } else {
            Condition::parse_comparison(args)?
        };
        let Some(next) = next else { return Ok(false) };
        if *self != Condition::Always && std::mem::discriminant(self) != std::mem::discriminant(&next) {
            return Err(Error::Syntax);
        }
        *self = next;
        Ok(true)
    }

    /// Whether the condition looks at the value, which must be a string then.
    fn compares(&self) -> bool {
        !matches!(self, Condition::Always | Condition::Absent | Condition::Present)
    }

    /// Whether the condition holds for a key.
    ///
    /// # Errors
    /// [`Error::WrongType`] when a value that is no string is to be compared; a malformed digest.
    pub fn holds(&self, tx: &ReadTx, meta: Option<&Meta>) -> Result<bool> {
        let Some(meta) = meta else {
            return Ok(matches!(
                self,
                Condition::Always | Condition::Absent | Condition::NotEqual(_) | Condition::DigestNotEqual(_)
            ));
        };
        if self.compares() && meta.kind != Kind::String {
            return Err(Error::WrongType);
        }
        match self {
            Condition::Always | Condition::Present => Ok(true),
            Condition::Absent => Ok(false),
            Condition::Equal(value) => string::equals(tx, meta, value),
            Condition::NotEqual(value) => Ok(!string::equals(tx, meta, value)?),
            Condition::DigestEqual(digest) => has_digest(tx, meta, digest),
            Condition::DigestNotEqual(digest) => Ok(!has_digest(tx, meta, digest)?),
        }
    }
}

fn has_digest(tx: &ReadTx, meta: &Meta, digest: &[u8]) -> Result<bool> {
    if digest.len() != DIGEST_DIGITS {
        return Err(Error::text("ERR must be exactly 16 hexadecimal characters"));
    }
    Ok(digest.eq_ignore_ascii_case(string::digest(tx, meta)?.as_bytes()))
}
