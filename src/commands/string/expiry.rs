//! The options that say when a key is to die: `EX`, `PX`, `EXAT`, `PXAT`, `KEEPTTL`, `PERSIST`.

use crate::commands::args::Args;
use crate::commands::time::Unit;
use crate::encoding::text;
use crate::error::{Error, Result};
use bytes::Bytes;

/// What becomes of a key's deadline.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Expiry {
    /// Nothing was said.
    #[default]
    Unsaid,
    /// `KEEPTTL`.
    Keep,
    /// `PERSIST`.
    Persist,
    /// The rest; the number is as the client wrote it.
    At(Unit, Bytes),
}

const KEYWORDS: [(&str, Unit); 4] = [
    ("EX", Unit::Seconds),
    ("PX", Unit::Milliseconds),
    ("EXAT", Unit::UnixSeconds),
    ("PXAT", Unit::UnixMilliseconds),
];

/// The moment that `number` means, ms since the Unix epoch.
///
/// # Errors
/// [`Error::NotInteger`]; [`Error::InvalidExpire`] for what is not positive or does not fit.
pub fn deadline_ms(unit: Unit, number: &[u8], now_ms: u64, command: &str) -> Result<u64> {
    let number = text::parse_i64(number).ok_or(Error::NotInteger)?;
    let deadline_ms = unit.moment_ms(number, now_ms).filter(|_| number > 0);
    deadline_ms.map(i64::unsigned_abs).ok_or_else(|| Error::InvalidExpire(command.to_owned()))
}

impl Expiry {
    /// Takes `EX`, `PX`, `EXAT` or `PXAT` and its number, if they come next. A repeated one counts.
    ///
    /// # Errors
    /// [`Error::Syntax`] when another option about the deadline was given, or the number is missing.
    pub fn take(&mut self, args: &mut Args) -> Result<bool> {
        let Some(unit) = args.take_one(&KEYWORDS) else { return Ok(false) };
        match self {
            Expiry::Unsaid => {}
            Expiry::At(before, _) if *before == unit => {}
            _ => return Err(Error::Syntax),
        }
        *self = Expiry::At(unit, args.bytes()?);
        Ok(true)
    }

    /// Takes `KEEPTTL` or `PERSIST`, if it comes next.
    ///
    /// # Errors
    /// [`Error::Syntax`] when another option about the deadline was given.
    pub fn take_word(&mut self, args: &mut Args, keyword: &str, meaning: Expiry) -> Result<bool> {
        if !args.take(keyword) {
            return Ok(false);
        }
        if *self != Expiry::Unsaid && *self != meaning {
            return Err(Error::Syntax);
        }
        *self = meaning;
        Ok(true)
    }

    /// The deadline of a key that had `old`: ms since the Unix epoch.
    ///
    /// # Errors
    /// As [`deadline_ms`].
    pub fn resolve(&self, old: Option<u64>, now_ms: u64, command: &str) -> Result<Option<u64>> {
        match self {
            Expiry::Unsaid | Expiry::Persist => Ok(None),
            Expiry::Keep => Ok(old),
            Expiry::At(unit, number) => deadline_ms(*unit, number, now_ms, command).map(Some),
        }
    }

    /// Whether a new deadline was given.
    pub fn is_deadline(&self) -> bool {
        matches!(self, Expiry::At(..))
    }
}
