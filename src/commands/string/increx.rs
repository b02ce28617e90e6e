//! `INCREX`: counting within bounds, with a deadline.

use super::UPDATE_KEY;
use super::expiry::Expiry;
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Flags, Group, Spec};
use crate::commands::{Command, WriteCommand};
use crate::data_types::string;
use crate::data_types::string::counter::{float_of, integer_of};
use crate::encoding::long_double::LongDouble;
use crate::encoding::meta::Meta;
use crate::encoding::numbers::Kind;
use crate::encoding::text;
use crate::error::{Error, Result};
use crate::keyspace::Keys;
use crate::keyspace::event::Event;
use crate::keyspace::tx::{Slot, WriteTx};
use crate::protocol::Reply;
use bytes::Bytes;

/// What is added, and what the sum may be.
#[derive(Debug, Clone, Copy)]
pub enum Increment {
    Integer { by: i64, min: i64, max: i64 },
    Float { by: LongDouble, min: LongDouble, max: LongDouble },
}

pub struct IncrEx {
    pub key: Bytes,
    pub increment: Increment,
    /// Whether a sum out of bounds becomes the bound; if not, nothing happens.
    pub saturate: bool,
    pub expiry: Expiry,
    /// Whether a deadline that is there stays.
    pub only_if_no_deadline: bool,
}

/// The options as the client wrote them.
#[derive(Default)]
struct Words {
    by_integer: Option<Bytes>,
    by_float: Option<Bytes>,
    lower: Option<Bytes>,
    upper: Option<Bytes>,
    saturate: bool,
    expiry: Expiry,
    only_if_no_deadline: bool,
}

impl Words {
    fn parse(args: &mut Args) -> Result<Words> {
        let mut words = Words::default();
        while !args.is_empty() {
            if args.take("BYINT") {
                once(&mut words.by_integer, args)?;
            } else if args.take("BYFLOAT") {
                once(&mut words.by_float, args)?;
            } else if args.take("LBOUND") {
                once(&mut words.lower, args)?;
            } else if args.take("UBOUND") {
                once(&mut words.upper, args)?;
            } else if !words.saturate && args.take("SATURATE") {
                words.saturate = true;
            } else if !words.only_if_no_deadline && args.take("ENX") {
                words.only_if_no_deadline = true;
            } else {
                let more = words.expiry == Expiry::Unsaid
                    && (words.expiry.take(args)?
                        || words.expiry.take_word(args, "PERSIST", Expiry::Persist)?);
                if !more {
                    return Err(Error::Syntax);
                }
            }
        }
        let two_increments = words.by_integer.is_some() && words.by_float.is_some();
        if two_increments || (words.only_if_no_deadline && words.expiry == Expiry::Persist) {
            return Err(Error::Syntax);
        }
        if words.only_if_no_deadline && words.expiry == Expiry::Unsaid {
            return Err(Error::text("ERR ENX flag requires an expiration"));
        }
        Ok(words)
    }

    fn increment(&self) -> Result<Increment> {
        match &self.by_float {
            Some(by) => {
                let by = float(by, "Increment")?;
                if by.is_infinite() {
                    return Err(Error::text("ERR BYFLOAT increment cannot be Infinity"));
                }
                let min = self.lower.as_ref().map(|bound| float(bound, "LBOUND")).transpose()?;
                let max = self.upper.as_ref().map(|bound| float(bound, "UBOUND")).transpose()?;
                let largest = LongDouble::max();
                let (min, max) = in_order(min.unwrap_or(largest.negated()), max.unwrap_or(largest))?;
                Ok(Increment::Float { by, min, max })
            }
            None => {
                let by = self.by_integer.as_ref().map(|by| integer(by, "Increment")).transpose()?;
                let min = self.lower.as_ref().map(|bound| integer(bound, "LBOUND")).transpose()?;
                let max = self.upper.as_ref().map(|bound| integer(bound, "UBOUND")).transpose()?;
                let (min, max) = in_order(min.unwrap_or(i64::MIN), max.unwrap_or(i64::MAX))?;
                Ok(Increment::Integer { by: by.unwrap_or(1), min, max })
            }
        }
    }
}

fn once(place: &mut Option<Bytes>, args: &mut Args) -> Result<()> {
    match place.replace(args.bytes()?) {
        None => Ok(()),
        Some(_) => Err(Error::Syntax),
    }
}

fn integer(text: &Bytes, what: &str) -> Result<i64> {
    text::parse_i64(text).ok_or_else(|| Error::err(format_args!("{what} is not an integer or out of range")))
}

fn float(text: &Bytes, what: &str) -> Result<LongDouble> {
    LongDouble::parse(text).ok_or_else(|| Error::err(format_args!("{what} is not a valid float")))
}

fn in_order<T: PartialOrd>(min: T, max: T) -> Result<(T, T)> {
    if min > max {
        return Err(Error::text("ERR LBOUND can't be greater than UBOUND"));
    }
    Ok((min, max))
}

impl Command for IncrEx {
    const SPEC: Spec = Spec::new("INCREX", Group::String, Arity::AtLeast(2))
        .keys(UPDATE_KEY)
        .flags(Flags::DENYOOM.and(Flags::FAST))
        .syntax(
            "key [BYFLOAT increment | BYINT increment] [LBOUND lowerbound] [UBOUND upperbound] [SATURATE] \
             [EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds | PERSIST] [ENX]",
        )
        .doc(
            "8.8.0",
            "O(1)",
            "Increments the numeric value of a key by a number and sets its expiration time. Uses 0 as initial \
             value if the key doesn't exist.",
        );
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        let key = args.bytes()?;
        let words = Words::parse(args)?;
        let increment = words.increment()?;
        let Words { saturate, expiry, only_if_no_deadline, .. } = words;
        Ok(IncrEx { key, increment, saturate, expiry, only_if_no_deadline })
    }
}

/// A sum, what it is more than before, and how to store it; or that nothing is to happen.
struct Outcome {
    reply: [Reply; 2],
    value: Option<Bytes>,
    event: Event,
}

impl IncrEx {
    fn outcome(&self, meta: Option<&Meta>) -> Result<Outcome> {
        match self.increment {
            Increment::Integer { by, min, max } => self.add_integer(integer_of(meta)?, by, min, max),
            Increment::Float { by, min, max } => self.add_float(float_of(meta)?, by, min, max),
        }
    }

    fn add_integer(&self, old: i64, by: i64, min: i64, max: i64) -> Result<Outcome> {
        let sum = i128::from(old) + i128::from(by);
        let new = sum.clamp(min.into(), max.into()) as i64;
        let (event, old_reply) = (Event::INCRBY, Reply::Integer(old));
        if i128::from(new) != sum && !self.saturate {
            return Ok(Outcome { reply: [old_reply, Reply::Integer(0)], value: None, event });
        }
        let applied = new.checked_sub(old).ok_or(Error::text("ERR applied increment would overflow"))?;
        let reply = [Reply::Integer(new), Reply::Integer(applied)];
        Ok(Outcome { reply, value: Some(new.to_string().into()), event })
    }

    fn add_float(
        &self,
        old: LongDouble,
        by: LongDouble,
        min: LongDouble,
        max: LongDouble,
    ) -> Result<Outcome> {
        if old.is_infinite() {
            return Err(Error::text("ERR value cannot be Infinity"));
        }
        let event = Event::INCRBYFLOAT;
        let sum = old.checked_add(by).ok_or(Error::NotFloat)?;
        let out_of_bounds = sum.is_infinite() || sum < min || sum > max;
        if out_of_bounds && !self.saturate {
            return Ok(Outcome { reply: [old, LongDouble::ZERO].map(number), value: None, event });
        }
        let new = match out_of_bounds {
            false => sum,
            true if sum > max || (sum.is_infinite() && sum > LongDouble::ZERO) => max,
            true => min,
        };
        let applied = new.checked_sub(old).filter(|applied| !applied.is_infinite());
        let applied = applied.ok_or(Error::text("ERR applied increment would be Infinity"))?;
        let reply = [new, applied].map(number);
        Ok(Outcome { reply, value: Some(new.to_text().into()), event })
    }

    fn write(&self, tx: &mut WriteTx, slot: &mut Slot, value: &Bytes, event: Event) -> Result<()> {
        let old = slot.meta().and_then(|meta| meta.expire_at_ms);
        let new = self.expiry.resolve(old, tx.now_ms(), "increx")?;
        match (&self.expiry, new) {
            (Expiry::At(..), Some(deadline_ms)) if !(self.only_if_no_deadline && old.is_some()) => {
                if deadline_ms <= tx.now_ms() {
                    tx.delete(slot, Event::DEL);
                } else {
                    string::put(tx, slot, value, Some(deadline_ms), event);
                    tx.notify(slot, Event::EXPIRE);
                }
            }
            (Expiry::Persist, _) => {
                string::put(tx, slot, value, None, event);
                if old.is_some() {
                    tx.notify(slot, Event::PERSIST);
                }
            }
            _ => string::put(tx, slot, value, old, event),
        }
        Ok(())
    }
}

fn number(number: LongDouble) -> Reply {
    Reply::Decimal(number.to_text())
}

impl WriteCommand for IncrEx {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<Reply> {
        // A deadline that makes no sense is told whatever becomes of the sum.
        self.expiry.resolve(None, tx.now_ms(), "increx")?;
        let mut slot = tx.slot(&self.key)?;
        let outcome = self.outcome(slot.meta_of(Kind::String)?)?;
        if let Some(value) = &outcome.value {
            self.write(tx, &mut slot, value, outcome.event)?;
        }
        Ok(Reply::Array(outcome.reply.into()))
    }
}
