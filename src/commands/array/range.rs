//! Ranges of arrays: `ARGETRANGE`, `AROP`, `ARSCAN`.

use super::{MAX_POSITIONS, READ_KEY, index, limit, pair};
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Group, Spec};
use crate::commands::{Command, ReadCommand};
use crate::data_types::array::{Aggregate, Aggregation, Answer, Array, Span};
use crate::error::{Error, Result};
use crate::keyspace::Keys;
use crate::keyspace::tx::ReadTx;
use crate::protocol::Reply;
use bytes::Bytes;
use std::ops::ControlFlow;

/// `ARGETRANGE`.
pub struct ArGetRange {
    pub key: Bytes,
    pub span: Span,
}

impl Command for ArGetRange {
    const SPEC: Spec = Spec::new("ARGETRANGE", Group::Array, Arity::Exactly(4))
        .keys(READ_KEY)
        .syntax("key start end")
        .doc("8.8.0", "O(log N + M) where M is the range length", "Gets values in a range of indices.");
    type Output = Vec<Option<Bytes>>;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(ArGetRange { key: args.bytes()?, span: Span::new(index(args)?, index(args)?) })
    }
}

impl ReadCommand for ArGetRange {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<Vec<Option<Bytes>>> {
        // Redis looks at the type of the key before the length of the range.
        let array = Array::get(tx, &self.key)?;
        if self.span.len() > MAX_POSITIONS {
            return Err(Error::err(format_args!("range exceeds maximum of {MAX_POSITIONS} items")));
        }
        match array {
            Some(array) => array.positions(tx, self.span),
            None => Ok(vec![None; self.span.len() as usize]),
        }
    }
}

/// `ARSCAN`.
pub struct ArScan {
    pub key: Bytes,
    pub span: Span,
    pub limit: u64,
}

impl Command for ArScan {
    const SPEC: Spec = Spec::new("ARSCAN", Group::Array, Arity::AtLeast(4))
        .keys(READ_KEY)
        .syntax("key start end [LIMIT limit]")
        .doc(
            "8.8.0",
            "O(log N + M) where M is the number of existing elements in the range",
            "Iterates existing elements in a range, returning index-value pairs.",
        );
    type Output = Vec<Reply>;

    fn parse(args: &mut Args) -> Result<Self> {
        let (key, span) = (args.bytes()?, Span::new(index(args)?, index(args)?));
        let limit = match args.remaining() {
            0 => u64::MAX,
            2 if args.take("LIMIT") => limit(args)?,
            2 => return Err(Error::Syntax),
            _ => return Err(Error::Arity(args.command().to_owned())),
        };
        Ok(ArScan { key, span, limit })
    }
}

impl ReadCommand for ArScan {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<Vec<Reply>> {
        let mut found = Vec::new();
        let Some(array) = Array::get(tx, &self.key)? else { return Ok(found) };
        array.visit(tx, self.span, |index, value| {
            found.push(pair(index, value));
            let is_enough = found.len() as u64 >= self.limit;
            Ok(if is_enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        Ok(found)
    }
}

/// What `AROP` asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    Aggregate(Aggregate),
    /// How many values are this one.
    Match(Bytes),
    /// How many there are.
    Used,
}

/// `AROP`.
pub struct ArOp {
    pub key: Bytes,
    pub span: Span,
    pub operation: Operation,
}

impl Command for ArOp {
    const SPEC: Spec = Spec::new("AROP", Group::Array, Arity::AtLeast(5))
        .keys(READ_KEY)
        .syntax("key start end <SUM | MIN | MAX | AND | OR | XOR | MATCH value | USED>")
        .doc(
            "8.8.0",
            "O(log N + M) where M is the number of existing elements in the range; O(log N) for USED",
            "Performs aggregate operations on array elements in a range.",
        );
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        const AGGREGATES: &[(&str, Aggregate)] = &[
            ("SUM", Aggregate::Sum),
            ("MIN", Aggregate::Min),
            ("MAX", Aggregate::Max),
            ("AND", Aggregate::And),
            ("OR", Aggregate::Or),
            ("XOR", Aggregate::Xor),
        ];
        let (key, span) = (args.bytes()?, Span::new(index(args)?, index(args)?));
        let operation = if let Some(aggregate) = args.take_one(AGGREGATES) {
            Operation::Aggregate(aggregate)
        } else if args.take("USED") {
            Operation::Used
        } else if args.take("MATCH") {
            if args.remaining() != 1 {
                return Err(Error::text("ERR MATCH requires a value argument"));
            }
            Operation::Match(args.bytes()?)
        } else {
            return Err(Error::text("ERR unknown operation"));
        };
        if args.is_empty() {
            Ok(ArOp { key, span, operation })
        } else {
            Err(Error::Arity(args.command().to_owned()))
        }
    }
}

impl ReadCommand for ArOp {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<Reply> {
        let array = Array::get(tx, &self.key)?;
        let visit = |look: &mut dyn FnMut(&[u8])| match &array {
            Some(array) => array.visit(tx, self.span, |_, value| {
                look(&value);
                Ok(ControlFlow::Continue(()))
            }),
            None => Ok(()),
        };
        Ok(match &self.operation {
            Operation::Used => array.as_ref().map_or(Ok(0), |array| array.used(tx, self.span))?.into(),
            Operation::Match(wanted) => {
                let mut matches = 0u64;
                visit(&mut |value| matches += u64::from(value == wanted))?;
                matches.into()
            }
            Operation::Aggregate(aggregate) => {
                let mut aggregation = Aggregation::new(*aggregate);
                visit(&mut |value| aggregation.add(value))?;
                match aggregation.answer() {
                    None => Reply::Null,
                    Some(Answer::Integer(integer)) => integer.into(),
                    Some(Answer::Text(text)) => text.into(),
                }
            }
        })
    }
}
