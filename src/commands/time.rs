//! Times as clients give them.

/// What a number of a client's counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Seconds,
    Milliseconds,
    UnixSeconds,
    UnixMilliseconds,
}

impl Unit {
    /// Whether the number counts seconds; if not, milliseconds.
    pub fn is_seconds(self) -> bool {
        matches!(self, Unit::Seconds | Unit::UnixSeconds)
    }

    /// Whether it counts from now on; if not, since the Unix epoch.
    pub fn is_from_now(self) -> bool {
        matches!(self, Unit::Seconds | Unit::Milliseconds)
    }

    /// The moment that `number` means, ms since the Unix epoch; none if it does not fit.
    pub fn moment_ms(self, number: i64, now_ms: u64) -> Option<i64> {
        let ms = number.checked_mul(if self.is_seconds() { 1000 } else { 1 })?;
        ms.checked_add_unsigned(if self.is_from_now() { now_ms } else { 0 })
    }
}
