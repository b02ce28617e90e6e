//! The options that say when a key is to die: `EX`, `PX`, `EXAT`, `PXAT`, `KEEPTTL`, `PERSIST`.

use crate::commands::args::Args;
use crate::encoding::text;
use crate::error::{Error, Result};
use bytes::Bytes;

/// How a deadline is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Seconds,
    Milliseconds,
    UnixSeconds,
    UnixMilliseconds,
}

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

impl Unit {
    const KEYWORDS: [(&'static str, Unit); 4] = [
        ("EX", Unit::Seconds),
        ("PX", Unit::Milliseconds),
        ("EXAT", Unit::UnixSeconds),
        ("PXAT", Unit::UnixMilliseconds),
    ];

    /// The moment that `number` means, ms since the Unix epoch.
    ///
    /// # Errors
    /// [`Error::NotInteger`]; [`Error::InvalidExpire`] for what is not positive or does not fit.
    pub fn deadline_ms(self, number: &[u8], now_ms: u64, command: &str) -> Result<u64> {
        let number = text::parse_i64(number).ok_or(Error::NotInteger)?;
        let ms = match self {
            Unit::Seconds | Unit::UnixSeconds => number.checked_mul(1000),
            Unit::Milliseconds | Unit::UnixMilliseconds => Some(number),
        };
        let since_epoch = match self {
            Unit::Seconds | Unit::Milliseconds => ms.and_then(|ms| ms.checked_add_unsigned(now_ms)),
            Unit::UnixSeconds | Unit::UnixMilliseconds => ms,
        };
        match since_epoch {
            Some(deadline_ms) if number > 0 => Ok(deadline_ms.unsigned_abs()),
            _ => Err(Error::InvalidExpire(command.to_owned())),
        }
    }
}

impl Expiry {
    /// Takes `EX`, `PX`, `EXAT` or `PXAT` and its number, if they come next. A repeated one counts.
    ///
    /// # Errors
    /// [`Error::Syntax`] when another option about the deadline was given, or the number is missing.
    pub fn take(&mut self, args: &mut Args) -> Result<bool> {
        let Some(unit) = args.take_one(&Unit::KEYWORDS) else { return Ok(false) };
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
    /// As [`Unit::deadline_ms`].
    pub fn resolve(&self, old: Option<u64>, now_ms: u64, command: &str) -> Result<Option<u64>> {
        match self {
            Expiry::Unsaid | Expiry::Persist => Ok(None),
            Expiry::Keep => Ok(old),
            Expiry::At(unit, number) => unit.deadline_ms(number, now_ms, command).map(Some),
        }
    }

    /// Whether a new deadline was given.
    pub fn is_deadline(&self) -> bool {
        matches!(self, Expiry::At(..))
    }
}
