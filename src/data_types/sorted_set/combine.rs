//! Unions, intersections and differences of sorted sets.

use super::{Scored, SortedSet};
use crate::data_types::dense::Dense;
use crate::encoding::numbers::Kind;
use crate::error::{Error, Result};
use crate::keyspace::tx::ReadTx;
use bytes::Bytes;
use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use std::ops::ControlFlow;

/// How the sets are combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Combination {
    Union,
    Intersection,
    /// The first one without the members of the others.
    Difference,
}

/// What becomes of the scores that one member has in several sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Aggregate {
    #[default]
    Sum,
    Min,
    Max,
    /// The number of sets that have the member: the sum of their weights.
    Count,
}

impl Aggregate {
    fn weighted(self, score: f64, weight: f64) -> f64 {
        if self == Aggregate::Count { weight } else { score * weight }
    }

    fn of_one(self, score: f64, weight: f64) -> f64 {
        let score = self.weighted(score, weight);
        if score.is_nan() { 0.0 } else { score }
    }

    fn of_two(self, first: f64, second: f64) -> f64 {
        match self {
            Aggregate::Min => {
                if second < first {
                    second
                } else {
                    first
                }
            }
            Aggregate::Max => {
                if second > first {
                    second
                } else {
                    first
                }
            }
            Aggregate::Sum | Aggregate::Count if (first + second).is_nan() => 0.0,
            Aggregate::Sum | Aggregate::Count => first + second,
        }
    }
}

/// A set to combine.
pub struct Input {
    source: Source,
    /// What its scores are multiplied with.
    pub weight: f64,
}

/// Where members come from.
enum Source {
    Nothing,
    SortedSet(SortedSet),
    /// A set without scores: all of them are 1.
    Set(Dense),
}

const SCORE_IN_SET: f64 = 1.0;

impl Input {
    /// The sorted set or set of a key, or nothing. One read.
    ///
    /// # Errors
    /// [`Error::WrongType`].
    pub fn open(tx: &ReadTx, key: &[u8]) -> Result<Input> {
        let source = match tx.meta(key)? {
            None => Source::Nothing,
            Some(meta) if meta.kind == Kind::SortedSet => {
                Source::SortedSet(SortedSet::of(tx.namespace(), Some(&meta))?)
            }
            Some(meta) if meta.kind == Kind::Set => Source::Set(Dense::open(&meta, tx.namespace())?),
            Some(_) => return Err(Error::WrongType),
        };
        Ok(Input { source, weight: 1.0 })
    }

    fn len(&self) -> u64 {
        match &self.source {
            Source::Nothing => 0,
            Source::SortedSet(set) => set.len(),
            Source::Set(set) => set.len(),
        }
    }

    fn score(&self, tx: &ReadTx, member: &[u8]) -> Result<Option<f64>> {
        match &self.source {
            Source::Nothing => Ok(None),
            Source::SortedSet(set) => set.score(tx, member),
            Source::Set(set) => Ok(set.contains(tx, member)?.then_some(SCORE_IN_SET)),
        }
    }

    fn visit(&self, tx: &ReadTx, mut visit: impl FnMut(Bytes, f64) -> Result<ControlFlow<()>>) -> Result<()> {
        match &self.source {
            Source::Nothing => Ok(()),
            Source::SortedSet(set) => set.visit(tx, 0..set.len(), visit),
            Source::Set(set) => set.walk(tx, |member, _| visit(Bytes::copy_from_slice(member), SCORE_IN_SET)),
        }
    }
}

/// The members of sets combined, with the scores that come of it, in the order of a sorted set.
/// O(N log N), N being the members of all sets for a union, those of the first for a difference,
/// and those of the smallest times the number of sets for an intersection.
pub fn combine(
    tx: &ReadTx,
    how: Combination,
    mut inputs: Vec<Input>,
    aggregate: Aggregate,
) -> Result<Vec<Scored>> {
    if how != Combination::Difference {
        // The order in which scores are added shows in the last digits of the sums.
        inputs.sort_by_key(Input::len);
    }
    let mut found = match how {
        Combination::Union => union(tx, &inputs, aggregate)?,
        _ => filtered(tx, how, &inputs, aggregate, u64::MAX)?,
    };
    super::sort(&mut found);
    Ok(found)
}

/// How many members all sets have, but no more than `limit`. O(smallest set · sets).
pub fn intersection_len(tx: &ReadTx, mut inputs: Vec<Input>, limit: u64) -> Result<u64> {
    inputs.sort_by_key(Input::len);
    let found = filtered(tx, Combination::Intersection, &inputs, Aggregate::Sum, limit)?;
    Ok(found.len() as u64)
}

fn union(tx: &ReadTx, inputs: &[Input], aggregate: Aggregate) -> Result<Vec<Scored>> {
    let mut all: HashMap<Bytes, f64> = HashMap::new();
    for input in inputs {
        input.visit(tx, |member, score| {
            let score = aggregate.of_one(score, input.weight);
            match all.entry(member) {
                Entry::Occupied(mut held) => *held.get_mut() = aggregate.of_two(*held.get(), score),
                Entry::Vacant(free) => {
                    free.insert(score);
                }
            }
            Ok(ControlFlow::Continue(()))
        })?;
    }
    Ok(all.into_iter().collect())
}

/// Up to `limit` members of the first set that are in all others, or in none.
fn filtered(
    tx: &ReadTx,
    how: Combination,
    inputs: &[Input],
    aggregate: Aggregate,
    limit: u64,
) -> Result<Vec<Scored>> {
    let mut found = Vec::new();
    let Some((first, others)) = inputs.split_first() else { return Ok(found) };
    first.visit(tx, |member, score| {
        let score = match how {
            Combination::Difference => outside(tx, others, &member)?.then_some(score),
            _ => inside(tx, others, &member, aggregate.of_one(score, first.weight), aggregate)?,
        };
        found.extend(score.map(|score| (member, score)));
        let enough = found.len() as u64 >= limit;
        Ok(if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    Ok(found)
}

fn outside(tx: &ReadTx, others: &[Input], member: &[u8]) -> Result<bool> {
    for other in others {
        if other.score(tx, member)?.is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn inside(
    tx: &ReadTx,
    others: &[Input],
    member: &[u8],
    score: f64,
    aggregate: Aggregate,
) -> Result<Option<f64>> {
    let mut sum = score;
    for other in others {
        let Some(score) = other.score(tx, member)? else { return Ok(None) };
        // As in Redis, what is no number makes the whole sum 0 here.
        sum = aggregate.of_two(sum, aggregate.weighted(score, other.weight));
    }
    Ok(Some(sum))
}
