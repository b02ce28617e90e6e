//! Ranges of a sorted set, by place, score or member, as places.

use super::entry;
use crate::data_types::tree::{Pages, Tree};
use crate::error::Result;
use bytes::Bytes;
use std::cmp::Ordering;
use std::ops;

/// Which members are meant.
#[derive(Debug, Clone, PartialEq)]
pub enum Range {
    /// First and last place; negative ones count from the end.
    Rank(i64, i64),
    Score(ScoreRange),
    Lex(LexRange),
}

/// One end of a range of scores.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoreBound {
    pub score: f64,
    /// Whether the score itself is left out.
    pub exclusive: bool,
}

/// Scores from `min` to `max`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoreRange {
    pub min: ScoreBound,
    pub max: ScoreBound,
}

/// One end of a range of members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LexBound {
    /// Before every member.
    First,
    /// Behind every member.
    Last,
    Included(Bytes),
    Excluded(Bytes),
}

/// Members from `min` to `max`, of a sorted set where all have one score.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LexRange {
    pub min: LexBound,
    pub max: LexBound,
}

/// The places from `start` to `end`, both included; negative ones count from the end.
pub fn clamp_ranks(start: i64, end: i64, len: u64) -> ops::Range<u64> {
    let signed = i64::try_from(len).unwrap_or(i64::MAX);
    let from_front = |place: i64| if place < 0 { place.saturating_add(signed) } else { place };
    let start = from_front(start).max(0) as u64;
    match u64::try_from(from_front(end)) {
        Ok(end) if start <= end && start < len => start..end.saturating_add(1).min(len),
        _ => 0..0,
    }
}

/// How many entries stand before the first one for which `is_before` does not hold.
fn count_before(tree: &Tree, pages: &dyn Pages, is_before: impl Fn(&[u8]) -> bool) -> Result<u64> {
    let compare = |stored: &[u8]| if is_before(stored) { Ordering::Less } else { Ordering::Greater };
    Ok(tree.search(pages, compare)?.rank)
}

impl ScoreRange {
    pub(super) fn ranks(&self, tree: &Tree, pages: &dyn Pages) -> Result<ops::Range<u64>> {
        let start = scores_before(tree, pages, self.min.score, self.min.exclusive)?;
        let end = scores_before(tree, pages, self.max.score, !self.max.exclusive)?;
        Ok(start..end.max(start))
    }
}

/// How many members have a lower score, or (`equal`) that score or a lower one.
fn scores_before(tree: &Tree, pages: &dyn Pages, score: f64, equal: bool) -> Result<u64> {
    let mut target = entry::target(score, b"");
    if equal {
        // The next score there is, so that a separator that ends early is compared as the bytes it
        // parts are.
        let next = target.iter().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte)).saturating_add(1);
        target = next.to_be_bytes().to_vec();
    }
    count_before(tree, pages, |stored| entry::order(stored, &target).is_lt())
}

impl LexRange {
    pub(super) fn ranks(&self, tree: &Tree, pages: &dyn Pages) -> Result<ops::Range<u64>> {
        let start = match &self.min {
            LexBound::First => 0,
            LexBound::Last => tree.len(),
            LexBound::Included(min) => count_before(tree, pages, |stored| entry::member(stored) < min)?,
            LexBound::Excluded(min) => count_before(tree, pages, |stored| entry::member(stored) <= min)?,
        };
        let end = match &self.max {
            LexBound::First => 0,
            LexBound::Last => tree.len(),
            LexBound::Included(max) => count_before(tree, pages, |stored| entry::member(stored) <= max)?,
            LexBound::Excluded(max) => count_before(tree, pages, |stored| entry::member(stored) < max)?,
        };
        Ok(start..end.max(start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_as_redis_takes_them() {
        assert_eq!(clamp_ranks(0, -1, 3), 0..3);
        assert_eq!(clamp_ranks(-2, -1, 3), 1..3);
        assert_eq!(clamp_ranks(-100, 100, 3), 0..3);
        assert_eq!(clamp_ranks(2, 1, 3), 0..0);
        assert_eq!(clamp_ranks(3, 5, 3), 0..0);
        assert_eq!(clamp_ranks(0, -4, 3), 0..0);
        assert_eq!(clamp_ranks(i64::MIN, i64::MAX, 3), 0..3);
        assert_eq!(clamp_ranks(i64::MAX, i64::MIN, 3), 0..0);
    }
}
