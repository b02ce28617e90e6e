//! How large pages may be, and where those that are too large are cut.

use super::page::{Inner, Leaf, MAX_IN_PAGE};
use std::ops::Range;

/// Cuts what parts two neighbours out of the right one: a part of it that stands behind `left` and
/// not behind `right`. The short ones make nodes small.
pub type Separator = for<'a> fn(left: &'a [u8], right: &'a [u8]) -> &'a [u8];

/// For trees without an order of their entries.
pub fn no_separator<'a>(_left: &'a [u8], _right: &'a [u8]) -> &'a [u8] {
    &[]
}

/// For any order: the right entry itself.
pub fn whole_separator<'a>(_left: &'a [u8], right: &'a [u8]) -> &'a [u8] {
    right
}

/// For entries in the order of their bytes: as much of the right one as tells it from the left one.
pub fn shortest_separator<'a>(left: &'a [u8], right: &'a [u8]) -> &'a [u8] {
    let common = left.iter().zip(right).take_while(|(a, b)| a == b).count();
    &right[..right.len().min(common + 1)]
}

/// How large nodes may be. What is larger is cut. Two neighbours are joined when one has become
/// smaller than a third and both take up to three quarters. Other limits than those a tree was
/// written with are allowed.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of a leaf; an entry that is longer has a leaf of its own.
    pub leaf_bytes: usize,
    /// Entries of a leaf.
    pub leaf_entries: usize,
    /// Bytes of a page of links; four children are always allowed.
    pub inner_bytes: usize,
    /// Children of a node.
    pub inner_entries: usize,
    /// Bytes of a root, which is written with every change.
    pub root_bytes: usize,
    /// Entries of a root that is a leaf.
    pub root_entries: usize,
    /// Children of a root that is not.
    pub root_children: usize,
    /// What parts two leaves.
    pub separator: Separator,
}

impl Limits {
    /// For trees without an order. The numbers are from `docs/adr/0012-counted-tree.md`.
    pub const POSITIONAL: Limits = Limits {
        leaf_bytes: 2048,
        leaf_entries: 256,
        inner_bytes: 8192,
        inner_entries: 512,
        root_bytes: 1024,
        root_entries: 128,
        root_children: 48,
        separator: no_separator,
    };

    /// For trees in the order of their entries' bytes.
    pub const BYTEWISE: Limits = Limits { separator: shortest_separator, ..Limits::POSITIONAL };

    /// The limits that a page can hold and a tree can live with.
    pub(super) fn bounded(self) -> Limits {
        Limits {
            leaf_entries: self.leaf_entries.clamp(1, MAX_IN_PAGE),
            inner_entries: self.inner_entries.clamp(2, MAX_IN_PAGE),
            root_entries: self.root_entries.clamp(1, MAX_IN_PAGE),
            root_children: self.root_children.clamp(2, MAX_IN_PAGE),
            ..self
        }
    }

    pub(super) fn root_leaf_fits(&self, count: usize, bytes: usize) -> bool {
        count <= self.root_entries && bytes <= self.root_bytes
    }

    pub(super) fn leaf_fits(&self, count: usize, bytes: usize) -> bool {
        count <= 1 || (count <= self.leaf_entries && bytes <= self.leaf_bytes)
    }

    /// Whether a leaf has one entry that no other can stand beside.
    pub(super) fn stands_alone(&self, leaf: &Leaf) -> bool {
        leaf.count() == 1 && leaf.page().len() > self.leaf_bytes
    }

    pub(super) fn inner_fits(&self, children: usize, bytes: usize) -> bool {
        children <= self.inner_entries && (children <= 4 || bytes <= self.inner_bytes)
    }

    pub(super) fn root_fits(&self, root: &Inner) -> bool {
        let bytes = root.links_page().len() + root.counts_page().len();
        root.children() == 1 || (root.children() <= self.root_children && bytes <= self.root_bytes)
    }

    pub(super) fn leaf_is_small(&self, leaf: &Leaf) -> bool {
        leaf.count() <= self.leaf_entries / 3 && leaf.page().len() <= self.leaf_bytes / 3
    }

    pub(super) fn inner_is_small(&self, inner: &Inner) -> bool {
        let few = inner.children() <= self.inner_entries / 3;
        inner.children() == 1 || (few && inner.links_page().len() <= self.inner_bytes / 3)
    }

    /// Whether two leaves together are far enough from the limits.
    pub(super) fn leaves_join(&self, count: usize, bytes: usize) -> bool {
        count <= self.leaf_entries / 4 * 3 && bytes <= self.leaf_bytes / 4 * 3
    }

    pub(super) fn inners_join(&self, children: usize, bytes: usize) -> bool {
        let small = children <= 3 || bytes <= self.inner_bytes / 4 * 3;
        children <= (self.inner_entries / 4 * 3).max(2) && small
    }
}

/// How a node that is too large is cut. At the ends of a tree its old page stays full, so that a
/// tree that only grows there has full pages.
#[derive(Clone, Copy)]
pub(super) enum Fill {
    /// The first piece is full, then the next; something was put in at the back.
    FromFront,
    /// The last piece is full, then the one before it.
    FromBack,
    Halves,
}

/// Cuts what is too large into pieces that fit, of one at least each. `offsets` says where each of
/// the things to part begins, and the last one ends.
pub(super) fn cut(offsets: &[usize], fill: Fill, fits: impl Fn(&Range<usize>) -> bool) -> Vec<Range<usize>> {
    let count = offsets.len() - 1;
    let mut done: Vec<Range<usize>> = Vec::new();
    match fill {
        Fill::FromFront => {
            for index in 0..count {
                match done.last_mut() {
                    Some(last) if fits(&(last.start..index + 1)) => last.end = index + 1,
                    _ => done.push(index..index + 1),
                }
            }
        }
        Fill::FromBack => {
            for index in (0..count).rev() {
                match done.last_mut() {
                    Some(last) if fits(&(index..last.end)) => last.start = index,
                    _ => done.push(index..index + 1),
                }
            }
            done.reverse();
        }
        Fill::Halves => halve(offsets, 0..count, &fits, &mut done),
    }
    done
}

fn halve(
    offsets: &[usize],
    range: Range<usize>,
    fits: &impl Fn(&Range<usize>) -> bool,
    done: &mut Vec<Range<usize>>,
) {
    if range.len() <= 1 || fits(&range) {
        return done.push(range);
    }
    let middle = middle(offsets, &range);
    halve(offsets, range.start..middle, fits, done);
    halve(offsets, middle..range.end, fits, done);
}

/// Where to cut a range of two at least in halves. What is empty weighs something too.
fn middle(offsets: &[usize], range: &Range<usize>) -> usize {
    let weight = |index: usize| offsets[index] + index;
    let half = (weight(range.start) + weight(range.end)) / 2;
    let (mut low, mut high) = (range.start, range.end);
    while low + 1 < high {
        let middle = low + (high - low) / 2;
        if weight(middle) <= half { low = middle } else { high = middle }
    }
    let nearest = if half - weight(low) <= weight(high) - half { low } else { high };
    nearest.clamp(range.start + 1, range.end - 1)
}
