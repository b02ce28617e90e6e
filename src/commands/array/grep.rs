//! `ARGREP`.

use super::{READ_KEY, index_of, index_reply, limit, pair};
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Group, Spec};
use crate::commands::{Command, ReadCommand};
use crate::data_types::array::{Array, Span};
use crate::encoding::glob::{self, Case};
use crate::encoding::posix;
use crate::error::{Error, Result};
use crate::keyspace::Keys;
use crate::keyspace::tx::ReadTx;
use crate::protocol::Reply;
use bytes::Bytes;
use memchr::memmem;
use regex::bytes::Regex;
use std::ops::ControlFlow;

/// So many predicates a call may have.
const MAX_PREDICATES: usize = 250;

/// The longest regular expression.
const MAX_REGEX_BYTES: usize = 2048;

/// The memory of all regular expressions of a call, about.
const REGEX_MEMORY: usize = 16 << 20;

/// An end of the range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    Index(u64),
    /// `-`.
    First,
    /// `+`.
    Last,
}

impl Bound {
    fn parse(args: &mut Args) -> Result<Bound> {
        let word = args.bytes()?;
        Ok(match word.as_ref() {
            b"-" => Bound::First,
            b"+" => Bound::Last,
            word => Bound::Index(index_of(word)?),
        })
    }

    fn index(self, last: u64) -> u64 {
        match self {
            Bound::Index(index) => index,
            Bound::First => 0,
            Bound::Last => last,
        }
    }
}

/// What a value has to be.
#[derive(Debug, Clone)]
pub enum Predicate {
    Exact(Bytes),
    /// It has this in it.
    Match(Bytes),
    Glob(Bytes),
    Regex(Regex),
}

#[derive(Clone, Copy)]
enum Kind {
    Exact,
    Match,
    Glob,
    Regex,
}

/// `ARGREP`.
pub struct ArGrep {
    pub key: Bytes,
    pub start: Bound,
    pub end: Bound,
    pub predicates: Vec<Predicate>,
    /// Whether a value has to fulfil all of them, and not just one.
    pub all: bool,
    pub ignore_case: bool,
    pub with_values: bool,
    pub limit: u64,
}

impl Command for ArGrep {
    const SPEC: Spec = Spec::new("ARGREP", Group::Array, Arity::AtLeast(6))
        .keys(READ_KEY)
        .syntax(
            "key start end <EXACT string | MATCH string | GLOB pattern | RE pattern> \
             [<EXACT string | MATCH string | GLOB pattern | RE pattern> ...] [AND | OR] [LIMIT limit] \
             [WITHVALUES] [NOCASE]",
        )
        .doc(
            "8.8.0",
            "O(log N + M * C) where M is the number of existing elements in the range, and C the cost of \
             evaluating the predicates on one of them",
            "Searches array elements in a range using textual predicates.",
        );
    type Output = Vec<Reply>;

    fn parse(args: &mut Args) -> Result<Self> {
        let mut command = ArGrep {
            key: args.bytes()?,
            start: Bound::parse(args)?,
            end: Bound::parse(args)?,
            predicates: Vec::new(),
            all: false,
            ignore_case: false,
            with_values: false,
            limit: u64::MAX,
        };
        let predicates = command.parse_options(args)?;
        command.predicates = compiled(predicates, command.ignore_case)?;
        Ok(command)
    }
}

impl ArGrep {
    /// Reads options, and returns predicates as they stand: a `NOCASE` behind them is for them as well.
    fn parse_options(&mut self, args: &mut Args) -> Result<Vec<(Kind, Bytes)>> {
        const KINDS: &[(&str, Kind)] =
            &[("EXACT", Kind::Exact), ("MATCH", Kind::Match), ("GLOB", Kind::Glob), ("RE", Kind::Regex)];
        let mut predicates = Vec::new();
        while !args.is_empty() {
            if let Some(kind) = args.take_one(KINDS) {
                let pattern = args.bytes()?;
                if predicates.len() >= MAX_PREDICATES {
                    return Err(Error::err(format_args!("too many predicates, maximum is {MAX_PREDICATES}")));
                }
                if matches!(kind, Kind::Regex) && pattern.len() > MAX_REGEX_BYTES {
                    return Err(Error::err(format_args!(
                        "regular expression is too long, maximum is {MAX_REGEX_BYTES} bytes"
                    )));
                }
                predicates.push((kind, pattern));
            } else if args.take("LIMIT") {
                self.limit = limit(args)?;
            } else if args.take("WITHVALUES") {
                self.with_values = true;
            } else if args.take("NOCASE") {
                self.ignore_case = true;
            } else if let Some(all) = args.take_one(&[("AND", true), ("OR", false)]) {
                self.all = all;
            } else {
                return Err(Error::Syntax);
            }
        }
        if predicates.is_empty() { Err(Error::Syntax) } else { Ok(predicates) }
    }

    fn wants(&self, value: &[u8]) -> bool {
        let fulfils = |predicate: &Predicate| predicate.holds(value, self.ignore_case);
        if self.all { self.predicates.iter().all(fulfils) } else { self.predicates.iter().any(fulfils) }
    }
}

fn compiled(predicates: Vec<(Kind, Bytes)>, ignore_case: bool) -> Result<Vec<Predicate>> {
    let regexes = predicates.iter().filter(|(kind, _)| matches!(kind, Kind::Regex)).count();
    let memory = REGEX_MEMORY / regexes.max(1);
    let compile = |(kind, pattern): (Kind, Bytes)| {
        Ok(match kind {
            Kind::Exact => Predicate::Exact(pattern),
            Kind::Match => Predicate::Match(pattern),
            Kind::Glob => Predicate::Glob(pattern),
            Kind::Regex if pattern.is_empty() => {
                return Err(Error::text("ERR regular expression is empty"));
            }
            Kind::Regex => Predicate::Regex(posix::compile(&pattern, ignore_case, memory).map_err(refused)?),
        })
    };
    predicates.into_iter().map(compile).collect()
}

fn refused(invalid: posix::Invalid) -> Error {
    match invalid.message() {
        Some(message) => Error::err(format_args!("invalid regular expression: {message}")),
        None => Error::text("ERR regular expression backreferences are not supported"),
    }
}

impl Predicate {
    fn holds(&self, value: &[u8], ignore_case: bool) -> bool {
        match (self, ignore_case) {
            (Predicate::Exact(wanted), false) => value == wanted,
            (Predicate::Exact(wanted), true) => value.eq_ignore_ascii_case(wanted),
            (Predicate::Match(part), false) => memmem::find(value, part).is_some(),
            (Predicate::Match(part), true) => {
                part.is_empty() || value.windows(part.len()).any(|found| found.eq_ignore_ascii_case(part))
            }
            (Predicate::Glob(pattern), false) => glob::matches(pattern, value, Case::Sensitive),
            (Predicate::Glob(pattern), true) => glob::matches(pattern, value, Case::Ignored),
            (Predicate::Regex(regex), _) => regex.is_match(value),
        }
    }
}

impl ReadCommand for ArGrep {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<Vec<Reply>> {
        let mut found = Vec::new();
        let Some(array) = Array::get(tx, &self.key)? else { return Ok(found) };
        let Some(last) = array.last_index(tx)? else { return Ok(found) };
        let span = Span::new(self.start.index(last), self.end.index(last));
        array.visit(tx, span, |index, value| {
            if self.wants(&value) {
                found.push(if self.with_values { pair(index, value) } else { index_reply(index) });
            }
            let is_enough = found.len() as u64 >= self.limit;
            Ok(if is_enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        Ok(found)
    }
}
