//! Setting scores: `ZADD`, `ZINCRBY`.

use super::{ADD_KEY, UPDATE_KEY, spec};
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Flags, Spec};
use crate::commands::{Command, WriteCommand};
use crate::data_types::sorted_set::Edit;
use crate::encoding::text;
use crate::error::{Error, Result};
use crate::keyspace::Keys;
use crate::keyspace::event::Event;
use crate::keyspace::tx::WriteTx;
use crate::protocol::Reply;
use bytes::Bytes;

/// What stands in front of `ZADD`'s (and `GEOADD`'s) members.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// `NX`: members that are there are left alone.
    pub new_only: bool,
    /// `XX`: no members are added.
    pub present_only: bool,
    /// `GT`: no score becomes lower.
    pub greater: bool,
    /// `LT`: no score becomes higher.
    pub less: bool,
    /// `CH`: scores that changed are counted, too.
    pub count_changed: bool,
    /// `INCR`: the score is added to the one that is there.
    pub increment: bool,
}

impl Options {
    /// Takes `NX`, `XX` or `CH`, if it comes next.
    pub fn take_common(&mut self, args: &mut Args) -> bool {
        let flag = if args.take("NX") {
            &mut self.new_only
        } else if args.take("XX") {
            &mut self.present_only
        } else if args.take("CH") {
            &mut self.count_changed
        } else {
            return false;
        };
        *flag = true;
        true
    }

    fn take(&mut self, args: &mut Args) -> bool {
        if self.take_common(args) {
            return true;
        }
        let flag = if args.take("GT") {
            &mut self.greater
        } else if args.take("LT") {
            &mut self.less
        } else if args.take("INCR") {
            &mut self.increment
        } else {
            return false;
        };
        *flag = true;
        true
    }

    /// Makes sure that `members` can be added with these options.
    ///
    /// # Errors
    /// When two of them contradict each other.
    pub fn check(&self, members: usize) -> Result<()> {
        if self.new_only && self.present_only {
            return Err(Error::text("ERR XX and NX options at the same time are not compatible"));
        }
        let exclusive = [self.greater, self.less, self.new_only];
        if exclusive.into_iter().filter(|set| *set).count() > 1 {
            return Err(Error::text("ERR GT, LT, and/or NX options at the same time are not compatible"));
        }
        if self.increment && members > 1 {
            return Err(Error::text("ERR INCR option supports a single increment-element pair"));
        }
        Ok(())
    }

    /// The score that a member gets which has `old`; none if it keeps what it has.
    fn score(&self, old: Option<f64>, given: f64) -> Result<Option<f64>> {
        let Some(old) = old else { return Ok((!self.present_only).then_some(given)) };
        if self.new_only {
            return Ok(None);
        }
        let score = if self.increment { old + given } else { given };
        if score.is_nan() {
            return Err(Error::text("ERR resulting score is not a number (NaN)"));
        }
        let refused = (self.greater && score <= old) || (self.less && score >= old);
        Ok((!refused).then_some(score))
    }
}

/// A score among a command's words.
fn score(word: &[u8]) -> Result<f64> {
    text::parse_f64(word).ok_or(Error::NotFloat)
}

/// `ZADD`.
pub struct ZAdd {
    pub key: Bytes,
    pub options: Options,
    pub members: Vec<(f64, Bytes)>,
}

impl Command for ZAdd {
    const SPEC: Spec = spec("ZADD", Arity::AtLeast(4))
        .keys(ADD_KEY)
        .flags(Flags::DENYOOM.and(Flags::FAST))
        .syntax("key [NX | XX] [GT | LT] [CH] [INCR] score member [score member ...]")
        .doc(
            "1.2.0",
            "O(log N) for each member, N being the number of members in the sorted set",
            "Adds members to a sorted set, or updates their scores. Creates the key if it doesn't exist.",
        );
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        let key = args.bytes()?;
        let mut options = Options::default();
        while options.take(args) {}
        let words = args.rest();
        if words.is_empty() || !words.len().is_multiple_of(2) {
            return Err(Error::Syntax);
        }
        options.check(words.len() / 2)?;
        let pair = |pair: &[Bytes]| Ok((score(&pair[0])?, pair[1].clone()));
        let members = words.chunks_exact(2).map(pair).collect::<Result<_>>()?;
        Ok(ZAdd { key, options, members })
    }
}

impl WriteCommand for ZAdd {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<Reply> {
        let mut set = Edit::open(tx, &self.key)?;
        let (mut added, mut changed) = (0, 0);
        let mut last = None;
        for (given, member) in &self.members {
            let old = set.score(tx, member)?;
            last = self.options.score(old, *given)?;
            let Some(score) = last.filter(|score| old != Some(*score)) else { continue };
            set.put(tx, member, old, score)?;
            if old.is_none() { added += 1 } else { changed += 1 }
        }
        if added + changed > 0 {
            set.finish(tx, if self.options.increment { Event::ZINCR } else { Event::ZADD });
        }
        if self.options.increment {
            return Ok(last.map_or(Reply::Null, Reply::Double));
        }
        Ok(Reply::Integer(if self.options.count_changed { added + changed } else { added }))
    }
}

/// `ZINCRBY`.
pub struct ZIncrBy(ZAdd);

impl Command for ZIncrBy {
    const SPEC: Spec = spec("ZINCRBY", Arity::Exactly(4))
        .keys(UPDATE_KEY)
        .flags(Flags::DENYOOM.and(Flags::FAST))
        .syntax("key increment member")
        .doc(
            "1.2.0",
            "O(log N) where N is the number of members in the sorted set",
            "Increments the score of a member in a sorted set. Adds the member if it is not there.",
        );
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        let (key, increment, member) = (args.bytes()?, score(&args.bytes()?)?, args.bytes()?);
        let options = Options { increment: true, ..Options::default() };
        Ok(ZIncrBy(ZAdd { key, options, members: vec![(increment, member)] }))
    }
}

impl WriteCommand for ZIncrBy {
    fn keys(&self) -> Keys<'_> {
        self.0.keys()
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<Reply> {
        self.0.run(tx)
    }
}
