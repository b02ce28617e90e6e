//! Walks over the keys of a database, in their order. No locks are held: a key that is there from
//! the first step to the last is met exactly once. Dead keys are never met.

use crate::encoding::glob;
use crate::encoding::keys;
use crate::encoding::meta::Head;
use crate::encoding::numbers::Kind;
use crate::error::Result;
use crate::keyspace::tx::ReadTx;
use crate::storage::{Direction, Scan, ScanRange, Space, prefix_end};
use bytes::Bytes;

/// Which keys are wanted.
#[derive(Debug, Clone)]
pub struct Filter {
    pub pattern: Option<Bytes>,
    /// The name of a type, in lower case; one that no type has matches nothing.
    pub kind: Option<String>,
}

impl Filter {
    fn wants(&self, key: &[u8], kind: Kind) -> bool {
        self.pattern.as_ref().is_none_or(|pattern| glob::wants(pattern, key))
            && self.kind.as_deref().is_none_or(|name| kind.name().eq_ignore_ascii_case(name))
    }

    /// The stored keys that may match: a literal beginning of the pattern narrows them.
    fn range(&self, tx: &ReadTx) -> ScanRange {
        let prefix = self.pattern.as_ref().map(|pattern| glob::literal_prefix(pattern)).unwrap_or_default();
        ScanRange::prefix(&keys::meta(tx.namespace(), &prefix))
    }
}

/// Part of a walk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    pub keys: Vec<Bytes>,
    /// The key to go on with; none at the end.
    pub next: Option<Bytes>,
}

/// The keys from `from` on that match, looking at no more than `limit`. O(limit), wherever `from`
/// lies.
pub fn page(tx: &ReadTx, filter: &Filter, from: &[u8], limit: u64) -> Result<Page> {
    let mut range = filter.range(tx);
    range.from = range.from.max(keys::meta(tx.namespace(), from).to_vec());
    let mut scan = tx.scan(Space::Meta, &range, Direction::Forward)?;
    let mut found = Vec::new();
    let mut looked_at = 0;
    while let Some((stored, value)) = scan.next()? {
        let (_, key) = keys::decode_meta(stored)?;
        if looked_at == limit {
            return Ok(Page { keys: found, next: Some(Bytes::copy_from_slice(key)) });
        }
        looked_at += 1;
        let head = Head::decode(value)?;
        if !head.is_expired(tx.now_ms()) && filter.wants(key, head.kind) {
            found.push(Bytes::copy_from_slice(key));
        }
    }
    Ok(Page { keys: found, next: None })
}

/// Every key that matches. O(keys with the pattern's literal beginning).
pub fn all(tx: &ReadTx, filter: &Filter) -> Result<Vec<Bytes>> {
    Ok(page(tx, filter, b"", u64::MAX)?.keys)
}

/// Databases up to this many keys are sampled by looking at each key.
const SMALL_DATABASE: u64 = 4096;

/// How many candidates are drawn in larger ones.
const CANDIDATES: usize = 8;

/// How often a draw may part the keys in two before it takes what it has.
const MAX_PARTINGS: usize = 256;

/// A key chosen by chance. Up to 4096 keys: each with the same probability, O(keys). Above that:
/// nearly so, O(log keys). The keys are drawn like the leaves of a tree whose branches are their
/// bytes, eight times; the probability of each draw is known, and one of them is taken with a
/// weight that makes up for it.
pub fn random(tx: &ReadTx) -> Result<Option<Bytes>> {
    if tx.keyspace().key_count(tx.db())? <= SMALL_DATABASE {
        return random_of_few(tx);
    }
    let mut chosen: Option<(Vec<u8>, f64)> = None;
    let mut total = 0.0;
    for _ in 0..CANDIDATES {
        let Some((key, weight)) = draw(tx)? else { continue };
        total += weight;
        if fastrand::f64() * total < weight {
            chosen = Some((key, weight));
        }
    }
    match chosen {
        Some((key, _)) => live_from(tx, &key),
        None => random_of_few(tx),
    }
}

fn random_of_few(tx: &ReadTx) -> Result<Option<Bytes>> {
    let range = ScanRange::prefix(&tx.namespace().prefix());
    let mut scan = tx.scan(Space::Meta, &range, Direction::Forward)?;
    let (mut chosen, mut live) = (None, 0u64);
    while let Some((stored, value)) = scan.next()? {
        if Head::decode(value)?.is_expired(tx.now_ms()) {
            continue;
        }
        live += 1;
        if fastrand::u64(..live) == 0 {
            chosen = Some(Bytes::copy_from_slice(keys::decode_meta(stored)?.1));
        }
    }
    Ok(chosen)
}

/// Draws a stored key; returns it with one over its probability.
fn draw(tx: &ReadTx) -> Result<Option<(Vec<u8>, f64)>> {
    let everything = ScanRange::prefix(&tx.namespace().prefix());
    let edge = |direction| end_of(tx, &everything, direction);
    let (Some(mut first), Some(mut last)) = (edge(Direction::Forward)?, edge(Direction::Backward)?) else {
        return Ok(None);
    };
    let mut weight = 1.0;
    for _ in 0..MAX_PARTINGS {
        if first >= last {
            break;
        }
        let depth = first.iter().zip(&last).take_while(|(a, b)| a == b).count();
        // A key that ends here is a branch of its own, just below the lowest of the others.
        let ends = first.len() == depth;
        let from = if ends { [&first[..], &[0]].concat() } else { first.clone() };
        let range = ScanRange { from: from.clone(), to: everything.to.clone() };
        let Some(lowest) = end_of(tx, &range, Direction::Forward)? else { return Ok(None) };
        // Keys may go while this looks at them.
        if lowest > last {
            return Ok(None);
        }
        let (low, high) = (symbol(&lowest, depth), symbol(&last, depth));
        let ways_in_all = f64::from(high - low + 1 + u16::from(ends));
        let wanted = fastrand::u16(low - u16::from(ends)..=high);
        if wanted < low {
            return Ok(Some((first, weight * ways_in_all)));
        }
        let branch = |symbol: u16| [&first[..depth], &[symbol.saturating_sub(1) as u8]].concat();
        let range = ScanRange { from: branch(wanted), to: everything.to.clone() };
        let Some(found) = end_of(tx, &range, Direction::Forward)? else { return Ok(None) };
        if found > last {
            return Ok(None);
        }
        let taken = symbol(&found, depth);
        // Everything above the branch before leads here.
        let ways = if taken == low {
            1
        } else {
            let before = ScanRange::new(&from, &branch(taken));
            let before = end_of(tx, &before, Direction::Backward)?;
            taken - before.map_or(low, |key| symbol(&key, depth)).min(taken - 1)
        };
        weight *= ways_in_all / f64::from(ways);
        let branch = ScanRange { to: prefix_end(&branch(taken)), from: found.clone() };
        last = end_of(tx, &branch, Direction::Backward)?.unwrap_or_else(|| found.clone());
        first = found;
    }
    Ok(Some((first, weight)))
}

/// The byte at a depth, plus 1; 0 where there is none.
fn symbol(key: &[u8], depth: usize) -> u16 {
    key.get(depth).map_or(0, |byte| u16::from(*byte) + 1)
}

fn end_of(tx: &ReadTx, range: &ScanRange, direction: Direction) -> Result<Option<Vec<u8>>> {
    let mut scan = tx.scan(Space::Meta, range, direction)?;
    Ok(scan.next()?.map(|(key, _)| key.to_vec()))
}

/// The first live key from a stored key on, going round once.
fn live_from(tx: &ReadTx, stored: &[u8]) -> Result<Option<Bytes>> {
    let everything = ScanRange::prefix(&tx.namespace().prefix());
    let after = ScanRange { from: stored.to_vec(), to: everything.to };
    let before = ScanRange::new(&everything.from, stored);
    for range in [after, before] {
        let mut scan = tx.scan(Space::Meta, &range, Direction::Forward)?;
        while let Some((stored, value)) = scan.next()? {
            if !Head::decode(value)?.is_expired(tx.now_ms()) {
                return Ok(Some(Bytes::copy_from_slice(keys::decode_meta(stored)?.1)));
            }
        }
    }
    Ok(None)
}
