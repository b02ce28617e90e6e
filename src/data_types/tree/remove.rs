//! Taking entries out: of a leaf; the counts above it follow, and nodes that have become small are
//! joined with their neighbours on the way back up.

use super::page::{Child, Compare, Inner, Leaf, Link};
use super::{Node, Pages, ROOT, Spot, Tree};
use crate::error::Result;
use bytes::Bytes;
use std::cmp::Ordering;
use std::ops::Range;

/// Which entries go.
enum Cut<'a> {
    Ranks(Range<u64>),
    /// The one that is equal, if it is there.
    Key(Compare<'a>),
}

/// Whom removed entries are shown to, if anybody wants to see them.
type Sink<'a> = Option<&'a mut dyn FnMut(Bytes)>;

impl Tree {
    /// Takes out the entry at `rank`, if it is there. O(log n).
    pub fn remove_at(&mut self, pages: &dyn Pages, rank: u64) -> Result<Option<Bytes>> {
        if rank >= self.len {
            return Ok(None);
        }
        self.remove_one(pages, Cut::Ranks(rank..rank + 1))
    }

    /// Takes out the entry that is equal, if it is there; `compare` is that of [`Tree::search`]. O(log n).
    pub fn remove(
        &mut self,
        pages: &dyn Pages,
        mut compare: impl FnMut(&[u8]) -> Ordering,
    ) -> Result<Option<Bytes>> {
        self.remove_one(pages, Cut::Key(&mut compare))
    }

    /// Takes out the entries of a range of places, and does not read those of pages that go as a
    /// whole. O(log n + pages).
    pub fn remove_range(&mut self, pages: &dyn Pages, ranks: Range<u64>) -> Result<()> {
        self.remove_entries(pages, Cut::Ranks(ranks), &mut None)
    }

    /// Takes out the entries of a range of places and shows them to `sink`, in order. O(log n + entries).
    pub fn drain_range(
        &mut self,
        pages: &dyn Pages,
        ranks: Range<u64>,
        mut sink: impl FnMut(Bytes),
    ) -> Result<()> {
        self.remove_entries(pages, Cut::Ranks(ranks), &mut Some(&mut sink))
    }

    fn remove_one(&mut self, pages: &dyn Pages, cut: Cut) -> Result<Option<Bytes>> {
        let mut removed = None;
        self.remove_entries(pages, cut, &mut Some(&mut |entry| removed = Some(entry)))?;
        Ok(removed)
    }

    fn remove_entries(&mut self, pages: &dyn Pages, cut: Cut, sink: &mut Sink) -> Result<()> {
        let cut = match cut {
            Cut::Ranks(range) if range.start >= range.end.min(self.len) => return Ok(()),
            Cut::Ranks(range) => Cut::Ranks(range.start..range.end.min(self.len)),
            key => key,
        };
        let removed = self.remove_below(pages, self.root_spot(), cut, sink)?;
        self.len -= removed;
        if removed > 0 { self.shrink_root(pages) } else { Ok(()) }
    }

    /// Removes entries below a node, and the node if nothing is left; returns how many they were.
    fn remove_below(&mut self, pages: &dyn Pages, spot: Spot, cut: Cut, sink: &mut Sink) -> Result<u64> {
        if spot.height == 0 {
            return self.remove_from_leaf(pages, spot, cut, sink);
        }
        let id = spot.link.id;
        let mut inner = self.inner(pages, spot.link)?;
        let (index, removed) = match cut {
            Cut::Key(compare) => {
                let index = inner.child_of(compare);
                let child = spot.child(&inner, index);
                let removed = self.remove_below(pages, child, Cut::Key(compare), sink)?;
                if removed == 0 {
                    return Ok(0);
                }
                if removed == child.link.count {
                    inner = inner.spliced(index..index + 1, &[]);
                } else {
                    inner.set_count(index, child.link.count - removed);
                }
                (index, removed)
            }
            Cut::Ranks(range) => {
                let removed = range.end - range.start;
                (self.remove_ranks(pages, spot, &mut inner, range, sink)?, removed)
            }
        };
        // At most the child at the place and the one behind it have become smaller.
        for index in [index + 1, index] {
            self.mend(pages, spot, &mut inner, index)?;
        }
        if id != ROOT && inner.children() == 0 {
            self.drop_inner(id)?;
        } else {
            self.put_inner(id, inner);
        }
        Ok(removed)
    }

    /// Removes a range of ranks, counted from the first entry of the node; returns the place of the
    /// first child that it began with.
    fn remove_ranks(
        &mut self,
        pages: &dyn Pages,
        spot: Spot,
        inner: &mut Inner,
        range: Range<u64>,
        sink: &mut Sink,
    ) -> Result<usize> {
        let (first, mut before) = inner.child_at(range.start);
        let mut whole = first..first;
        for index in first..inner.children() {
            if before >= range.end {
                break;
            }
            let child = spot.child(inner, index);
            let after = before + child.link.count;
            let part = range.start.max(before) - before..range.end.min(after) - before;
            let removed = part.end - part.start;
            if removed == child.link.count {
                self.drop_below(pages, child.link, child.height, sink)?;
                whole = if whole.is_empty() { index..index + 1 } else { whole.start..index + 1 };
            } else {
                self.remove_below(pages, child, Cut::Ranks(part), sink)?;
                inner.set_count(index, child.link.count - removed);
            }
            before = after;
        }
        if !whole.is_empty() {
            *inner = inner.spliced(whole, &[]);
        }
        Ok(first)
    }

    fn remove_from_leaf(&mut self, pages: &dyn Pages, spot: Spot, cut: Cut, sink: &mut Sink) -> Result<u64> {
        let leaf = self.leaf(pages, spot.link)?;
        let range = match cut {
            Cut::Ranks(range) => range.start as usize..range.end as usize,
            Cut::Key(compare) => match leaf.search(compare) {
                Ok(index) => index..index + 1,
                Err(_) => return Ok(0),
            },
        };
        if let Some(sink) = sink {
            leaf.for_each(range.clone(), sink);
        }
        let removed = range.len();
        if removed == leaf.count() && spot.link.id != ROOT {
            self.drop_leaf(spot.link.id)?;
        } else {
            self.put_leaf(spot.link.id, leaf.spliced(range, &[]));
        }
        Ok(removed as u64)
    }

    /// Drops a node and all that is below it.
    fn drop_below(&mut self, pages: &dyn Pages, link: Link, height: usize, sink: &mut Sink) -> Result<()> {
        if height == 0 {
            if let Some(sink) = sink {
                let leaf = self.leaf(pages, link)?;
                leaf.for_each(0..leaf.count(), sink);
            }
            return self.drop_leaf(link.id);
        }
        let inner = self.inner(pages, link)?;
        for index in 0..inner.children() {
            self.drop_below(pages, inner.link(index), height - 1, sink)?;
        }
        self.drop_inner(link.id)
    }

    /// Joins a child that has become small with a neighbour, if both together are small enough.
    fn mend(&mut self, pages: &dyn Pages, spot: Spot, inner: &mut Inner, index: usize) -> Result<()> {
        if index >= inner.children() || inner.children() == 1 {
            return Ok(());
        }
        let child = spot.child(inner, index);
        // One that has changed is in memory; one that has not is not looked at.
        let small = if child.height == 0 {
            self.leaves.get(&child.link.id).is_some_and(|leaf| self.limits.leaf_is_small(leaf))
        } else {
            let fewer = self.inners.get(&child.link.id).filter(|inner| inner.links_changed);
            fewer.is_some_and(|inner| self.limits.inner_is_small(inner))
        };
        // The leaves at the ends are those of queues, which go when they are empty; their
        // neighbours are not read for nothing, unless the tree may fit its root again.
        let at_end = child.height == 0 && (child.first || child.last);
        let last_two = spot.link.id == ROOT && inner.children() == 2;
        if !small || (at_end && !last_two) {
            return Ok(());
        }
        for left in [index.checked_sub(1), Some(index)].into_iter().flatten() {
            if left < inner.last() && self.join(pages, inner, left, child.height)? {
                break;
            }
        }
        Ok(())
    }

    /// Joins a child with the one behind it, if they are small enough.
    fn join(&mut self, pages: &dyn Pages, inner: &mut Inner, left: usize, height: usize) -> Result<bool> {
        let (a, b) = (inner.link(left), inner.link(left + 1));
        let count = a.count + b.count;
        if height == 0 {
            // The counts may tell without a look at the pages.
            if count > self.limits.leaf_entries as u64 {
                return Ok(false);
            }
            let (first, second) = (self.leaf(pages, a)?, self.leaf(pages, b)?);
            if !self.limits.leaves_join(count as usize, first.page().len() + second.page().len()) {
                return Ok(false);
            }
            self.put_leaf(a.id, first.joined(&second));
            self.drop_leaf(b.id)?;
        } else {
            let (first, second) = (self.inner(pages, a)?, self.inner(pages, b)?);
            let bytes = first.links_page().len() + second.links_page().len();
            if !self.limits.inners_join(first.children() + second.children(), bytes) {
                return Ok(false);
            }
            self.put_inner(a.id, first.joined(&second, inner.separator(left + 1)));
            self.drop_inner(b.id)?;
        }
        let separator = inner.separator(left);
        let joined = Child { link: Link { id: a.id, count }, separator };
        *inner = inner.spliced(left..left + 2, &[joined]);
        Ok(true)
    }

    /// Takes into the root what has become half as large as a root may be.
    fn shrink_root(&mut self, pages: &dyn Pages) -> Result<()> {
        while let Node::Inner(root) = &self.root.node {
            if root.children() > 1 {
                return Ok(());
            }
            if root.children() == 0 {
                self.root.node = Node::Leaf(Leaf::empty());
                self.root.height = 0;
                return Ok(());
            }
            let limits = self.limits;
            let link = root.link(0);
            if self.root.height == 1 {
                let leaf = self.leaf(pages, link)?;
                if !limits.root_leaf_fits(2 * leaf.count(), 2 * leaf.page().len()) {
                    return Ok(());
                }
                self.drop_leaf(link.id)?;
                self.root.node = Node::Leaf(leaf);
            } else {
                let mut inner = self.inner(pages, link)?;
                if 2 * inner.children() > limits.root_children || !limits.root_fits(&inner) {
                    return Ok(());
                }
                self.drop_inner(link.id)?;
                inner.links_changed = true;
                self.root.node = Node::Inner(inner);
            }
            self.root.height -= 1;
        }
        Ok(())
    }
}
