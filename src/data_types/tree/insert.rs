//! Putting entries in: into a leaf; the counts above it follow, and nodes that have become too large
//! are cut on the way back up.

use super::limits::{Fill, cut};
use super::page::{BAD_PAGE, Child, Compare, Inner, Leaf, Link, NUMBER_END};
use super::{MAX_HEIGHT, Pages, ROOT, Spot, Tree};
use crate::error::Result;
use bytes::Bytes;
use std::cmp::Ordering;
use std::ops::Range;

/// So many entries, or bytes of them, are put in together when there are many.
const TOGETHER: usize = 256;
const TOGETHER_BYTES: usize = 64 * 1024;

/// Where entries go.
enum Place<'a> {
    /// Before the entry of this rank.
    Before(u64),
    /// Over the entry of this rank.
    Over(u64),
    /// Where the order says; over the entry that is equal.
    Key(Compare<'a>),
    Front,
    Back,
}

/// What has come of putting entries in below a node.
struct Grown {
    replaced: Option<Bytes>,
    /// How the nodes above are to be cut.
    fill: Fill,
    /// The nodes that stand in the place of this one, if it was cut.
    parts: Vec<Child>,
}

impl Tree {
    /// Puts an entry before the one at `rank`, or behind all. For trees without an order. O(log n).
    pub fn insert_at(&mut self, pages: &dyn Pages, rank: u64, entry: &[u8]) -> Result<()> {
        self.insert_entries(pages, Place::Before(rank.min(self.len)), &[entry])?;
        Ok(())
    }

    /// Puts another entry over the one at `rank`, which it returns if it is there. In a tree that has
    /// an order both must have the same place in it. O(log n).
    pub fn replace_at(&mut self, pages: &dyn Pages, rank: u64, entry: &[u8]) -> Result<Option<Bytes>> {
        if rank >= self.len {
            return Ok(None);
        }
        self.insert_entries(pages, Place::Over(rank), &[entry])
    }

    /// Puts an entry where the order says, over the one that is equal, which it returns. `compare`
    /// is that of [`Tree::search`] for the new entry. O(log n).
    pub fn insert(
        &mut self,
        pages: &dyn Pages,
        mut compare: impl FnMut(&[u8]) -> Ordering,
        entry: &[u8],
    ) -> Result<Option<Bytes>> {
        self.insert_entries(pages, Place::Key(&mut compare), &[entry])
    }

    /// Puts an entry before all others; in a tree that has an order it belongs there. O(log n).
    pub fn push_front(&mut self, pages: &dyn Pages, entry: &[u8]) -> Result<()> {
        self.insert_entries(pages, Place::Front, &[entry])?;
        Ok(())
    }

    /// Puts an entry behind all others; in a tree that has an order it belongs there. O(log n).
    pub fn push_back(&mut self, pages: &dyn Pages, entry: &[u8]) -> Result<()> {
        self.insert_entries(pages, Place::Back, &[entry])?;
        Ok(())
    }

    /// Puts entries before all others, each before the one that came before it. O(1) each.
    pub fn extend_front<T: AsRef<[u8]>>(
        &mut self,
        pages: &dyn Pages,
        entries: impl IntoIterator<Item = T>,
    ) -> Result<()> {
        self.extend(pages, entries, |mut together| {
            together.reverse();
            (Place::Front, together)
        })
    }

    /// Puts entries behind all others, in their order. What comes out of an empty tree has full
    /// pages. O(1) each.
    pub fn extend_back<T: AsRef<[u8]>>(
        &mut self,
        pages: &dyn Pages,
        entries: impl IntoIterator<Item = T>,
    ) -> Result<()> {
        self.extend(pages, entries, |together| (Place::Back, together))
    }

    /// Puts many entries in, some together each time, where and how `arrange` says.
    fn extend<T: AsRef<[u8]>>(
        &mut self,
        pages: &dyn Pages,
        entries: impl IntoIterator<Item = T>,
        arrange: impl Fn(Vec<T>) -> (Place<'static>, Vec<T>),
    ) -> Result<()> {
        let mut entries = entries.into_iter();
        while let Some(together) = take_together(&mut entries) {
            let (place, together) = arrange(together);
            let slices: Vec<&[u8]> = together.iter().map(AsRef::as_ref).collect();
            self.insert_entries(pages, place, &slices)?;
        }
        Ok(())
    }

    fn insert_entries(
        &mut self,
        pages: &dyn Pages,
        place: Place,
        entries: &[&[u8]],
    ) -> Result<Option<Bytes>> {
        if self.len >= NUMBER_END - entries.len() as u64 {
            return Err(BAD_PAGE.into());
        }
        let grown = self.insert_below(pages, self.root_spot(), place, entries)?;
        self.len += (entries.len() - usize::from(grown.replaced.is_some())) as u64;
        let mut parts = grown.parts;
        while !parts.is_empty() {
            if self.root.height == MAX_HEIGHT {
                return Err(BAD_PAGE.into());
            }
            self.root.height += 1;
            parts = self.settle_inner(ROOT, Inner::new(&parts), grown.fill)?;
        }
        Ok(grown.replaced)
    }

    fn insert_below(
        &mut self,
        pages: &dyn Pages,
        spot: Spot,
        place: Place,
        entries: &[&[u8]],
    ) -> Result<Grown> {
        if spot.height == 0 {
            return self.insert_into_leaf(pages, spot, place, entries);
        }
        let mut inner = self.inner(pages, spot.link)?;
        let (index, place) = match place {
            Place::Before(rank) => {
                let (index, before) = inner.first_reaching(rank);
                (index, Place::Before(rank - before))
            }
            Place::Over(rank) => {
                let (index, before) = inner.child_at(rank);
                (index, Place::Over(rank - before))
            }
            Place::Key(compare) => (inner.child_of(compare), Place::Key(compare)),
            Place::Front => (0, Place::Front),
            Place::Back => (inner.last(), Place::Back),
        };
        let mut grown = self.insert_below(pages, spot.child(&inner, index), place, entries)?;
        if let Some(first) = grown.parts.first_mut() {
            first.separator = inner.separator(index);
            let inner = inner.spliced(index..index + 1, &grown.parts);
            grown.parts = self.settle_inner(spot.link.id, inner, grown.fill)?;
        } else if grown.replaced.is_none() {
            inner.set_count(index, inner.link(index).count + entries.len() as u64);
            self.put_inner(spot.link.id, inner);
        }
        Ok(grown)
    }

    fn insert_into_leaf(
        &mut self,
        pages: &dyn Pages,
        spot: Spot,
        place: Place,
        entries: &[&[u8]],
    ) -> Result<Grown> {
        let leaf = self.leaf(pages, spot.link)?;
        let count = leaf.count();
        let range = match place {
            Place::Before(rank) => rank as usize..rank as usize,
            Place::Over(rank) => rank as usize..rank as usize + 1,
            Place::Key(compare) => match leaf.search(compare) {
                Ok(index) => index..index + 1,
                Err(index) => index..index,
            },
            Place::Front => 0..0,
            Place::Back => count..count,
        };
        let fill = match (range.start, range.end) {
            (start, _) if start == count && spot.last => Fill::FromFront,
            (_, 0) if spot.first => Fill::FromBack,
            _ => Fill::Halves,
        };
        if range.is_empty() && spot.link.id != ROOT && self.limits.stands_alone(&leaf) {
            let parts = self.put_beside(spot.link.id, &leaf, range.start == 0, entries, fill)?;
            return Ok(Grown { replaced: None, fill, parts });
        }
        let replaced = (!range.is_empty()).then(|| leaf.entry(range.start));
        let parts = self.settle_leaf(spot.link.id, leaf.spliced(range, entries), fill)?;
        Ok(Grown { replaced, fill, parts })
    }

    /// Puts entries beside one that has a leaf of its own: that page, which is large, is not written.
    fn put_beside(
        &mut self,
        id: u64,
        alone: &Leaf,
        before: bool,
        entries: &[&[u8]],
        fill: Fill,
    ) -> Result<Vec<Child>> {
        let separator =
            |left: &[u8], right: &[u8]| Bytes::copy_from_slice((self.limits.separator)(left, right));
        let (entry, first, last) = (alone.entry(0), entries[0], entries[entries.len() - 1]);
        let parting = if before { separator(last, &entry) } else { separator(&entry, first) };
        let new_id = self.new_page(1)?;
        let mut parts = self.settle_leaf(new_id, Leaf::empty().spliced(0..0, entries), fill)?;
        if parts.is_empty() {
            let link = Link { id: new_id, count: entries.len() as u64 };
            parts.push(Child { link, separator: Bytes::new() });
        }
        let mut alone = Child { link: Link { id, count: 1 }, separator: Bytes::new() };
        if before {
            alone.separator = parting;
            parts.push(alone);
        } else {
            parts[0].separator = parting;
            parts.insert(0, alone);
        }
        Ok(parts)
    }

    /// Keeps a leaf; if it is too large, as several, which it returns. Those of the root are all new.
    fn settle_leaf(&mut self, id: u64, leaf: Leaf, fill: Fill) -> Result<Vec<Child>> {
        let limits = self.limits;
        let (count, bytes) = (leaf.count(), leaf.page().len());
        let fits =
            if id == ROOT { limits.root_leaf_fits(count, bytes) } else { limits.leaf_fits(count, bytes) };
        if fits {
            self.put_leaf(id, leaf);
            return Ok(Vec::new());
        }
        let offsets = leaf.offsets();
        let pieces = cut(&offsets, fill, |range| {
            let bytes = leaf.page_len(range.len(), offsets[range.end] - offsets[range.start]);
            limits.leaf_fits(range.len(), bytes)
        });
        let separator = |index| {
            let (left, right) = (leaf.entry(index - 1), leaf.entry(index));
            Bytes::copy_from_slice((limits.separator)(&left, &right))
        };
        self.settle_pieces(id, 1, pieces, separator, |tree, id, range| {
            let count = range.len() as u64;
            tree.put_leaf(id, leaf.part(range));
            count
        })
    }

    /// As [`Tree::settle_leaf`].
    fn settle_inner(&mut self, id: u64, inner: Inner, fill: Fill) -> Result<Vec<Child>> {
        let limits = self.limits;
        let (children, bytes) = (inner.children(), inner.links_page().len());
        let fits = if id == ROOT { limits.root_fits(&inner) } else { limits.inner_fits(children, bytes) };
        if fits {
            self.put_inner(id, inner);
            return Ok(Vec::new());
        }
        let offsets = inner.offsets();
        let pieces = cut(&offsets, fill, |range| {
            let bytes = inner.page_len(range.len(), offsets[range.end] - offsets[range.start]);
            limits.inner_fits(range.len(), bytes)
        });
        self.settle_pieces(
            id,
            2,
            pieces,
            |index| inner.separator(index),
            |tree, id, range| {
                let part = inner.part(range);
                let count = part.total();
                tree.put_inner(id, part);
                count
            },
        )
    }

    /// Gives each piece of a node its pages and a separator; the first one keeps those of the node,
    /// unless it is the root. `put` keeps a piece and returns how many entries it holds.
    fn settle_pieces(
        &mut self,
        id: u64,
        pages_each: u64,
        pieces: Vec<Range<usize>>,
        separator: impl Fn(usize) -> Bytes,
        put: impl Fn(&mut Tree, u64, Range<usize>) -> u64,
    ) -> Result<Vec<Child>> {
        let mut parts = Vec::with_capacity(pieces.len());
        for range in pieces {
            let first = range.start == 0;
            let separator = if first { Bytes::new() } else { separator(range.start) };
            let id = if first && id != ROOT { id } else { self.new_page(pages_each)? };
            let count = put(self, id, range);
            parts.push(Child { link: Link { id, count }, separator });
        }
        Ok(parts)
    }
}

/// The next entries that are put in together, if there are any.
fn take_together<T: AsRef<[u8]>>(entries: &mut impl Iterator<Item = T>) -> Option<Vec<T>> {
    let mut together = Vec::new();
    let mut bytes = 0;
    while together.len() < TOGETHER && bytes < TOGETHER_BYTES {
        let Some(entry) = entries.next() else { break };
        bytes += entry.as_ref().len();
        together.push(entry);
    }
    (!together.is_empty()).then_some(together)
}
