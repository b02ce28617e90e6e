//! A counted tree: an ordered sequence of byte strings in pages of about a kilobyte, for collections
//! of any size. Any entry is found by its place or by its order, put in or taken out in O(log n); a
//! page that changes is written again under the same number, so that a queue never walks over what
//! it has deleted. Why it is so: `docs/adr/0012-counted-tree.md`.
//!
//! The root node lies in the header of the key, and a small collection is nothing else. Larger ones
//! have pages, which are kept by whoever implements [`Pages`] and [`PagesMut`]. Every node above the
//! leaves has two pages: its links, which change when children come and go, and, under the next
//! number, the counts of entries below each child, which change with every entry and are short.
//!
//! | page | bytes |
//! |---|---|
//! | leaf | count (2), width of a length (1), lengths (width each), entries |
//! | links | count (2), width of a page's number (1), width of a length (1), pages of the children (width each), lengths (width each), separators |
//! | counts | width of a count (1), entries below each child (width each) |
//! | root, height 0 | 0 (1), a leaf |
//! | root, above others | height (1), next page's number (varint), length of the counts (varint), counts, links |
//!
//! Numbers are big-endian. Widths are 0 to 6 bytes; a number of 0 bytes is 0. Pages are numbered from
//! 1, in the order in which they come to be, and no number is given out twice while there are pages.
//! A node of height 1 stands above leaves.
//!
//! In a tree that has an order, no entry of a child stands before the child's **separator**, and
//! every entry of the children before it does. The first child of a node needs none. Trees
//! without an order (lists) have empty separators.

mod check;
mod cursor;
mod insert;
mod limits;
mod page;
mod remove;
#[cfg(test)]
mod tests;

pub use check::Order;
pub use cursor::{Cursor, Entries};
pub use limits::{Limits, Separator, no_separator, shortest_separator, whole_separator};

use crate::encoding::{DecodeError, varint};
use crate::error::{Error, Result};
use bytes::{Buf, Bytes};
use page::{BAD_PAGE, Compare, Inner, Leaf, Link, NUMBER_END};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Where the pages of one tree are read.
pub trait Pages {
    /// A page, if it is there.
    fn read(&self, id: u64) -> Result<Option<Bytes>>;
}

/// Where the pages of one tree are kept.
pub trait PagesMut: Pages {
    /// Stores a page, over the one of the same number if there is one.
    fn write(&mut self, id: u64, page: Bytes);

    /// Deletes a page.
    fn delete(&mut self, id: u64);
}

/// So high no tree grows: every node above the leaves has two children on the average.
const MAX_HEIGHT: usize = 64;

/// The root goes by this number; no page has it.
const ROOT: u64 = 0;

/// A node on the way down.
#[derive(Clone, Copy)]
struct Spot {
    link: Link,
    height: usize,
    /// Whether the first entry of the tree is below it.
    first: bool,
    /// Whether the last entry of the tree is below it.
    last: bool,
}

impl Spot {
    fn child(self, inner: &Inner, index: usize) -> Spot {
        Spot {
            link: inner.link(index),
            height: self.height - 1,
            first: self.first && index == 0,
            last: self.last && index == inner.last(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    Leaf(Leaf),
    Inner(Inner),
}

/// What of a tree lies in the header of its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    height: usize,
    /// The number of the next page to come.
    next_page: u64,
    node: Node,
}

impl Default for Root {
    fn default() -> Root {
        Root { height: 0, next_page: ROOT + 1, node: Node::Leaf(Leaf::empty()) }
    }
}

impl Root {
    /// How many entries the tree has.
    pub fn len(&self) -> u64 {
        match &self.node {
            Node::Leaf(leaf) => leaf.count() as u64,
            Node::Inner(inner) => inner.total(),
        }
    }

    /// Whether the tree has no entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the tree has pages. Without them all of it is in the root.
    pub fn has_pages(&self) -> bool {
        self.height > 0
    }

    /// The bytes for the header.
    pub fn encode(&self) -> Bytes {
        let mut out = Vec::with_capacity(self.max_encoded_len());
        self.encode_into(&mut out);
        out.into()
    }

    /// No less than [`Root::encode`]'s bytes.
    pub fn max_encoded_len(&self) -> usize {
        match &self.node {
            Node::Leaf(leaf) => 1 + leaf.page().len(),
            Node::Inner(inner) => {
                1 + 2 * varint::MAX_BYTES + inner.links_page().len() + inner.counts_page().len()
            }
        }
    }

    /// Appends the bytes for the header.
    pub fn encode_into(&self, out: &mut Vec<u8>) {
        match &self.node {
            Node::Leaf(leaf) => {
                out.push(0);
                out.extend_from_slice(leaf.page());
            }
            Node::Inner(inner) => {
                let (links, counts) = (inner.links_page(), inner.counts_page());
                out.push(self.height as u8);
                varint::put(out, self.next_page);
                varint::put(out, counts.len() as u64);
                out.extend_from_slice(counts);
                out.extend_from_slice(links);
            }
        }
    }

    /// Reads the bytes from the header; their memory is kept.
    ///
    /// # Errors
    /// When they are not those of a root.
    pub fn decode(mut bytes: Bytes) -> std::result::Result<Root, DecodeError> {
        const BAD: DecodeError = DecodeError { what: "root of a tree" };
        let height = usize::from(*bytes.first().ok_or(BAD)?);
        bytes.advance(1);
        if height == 0 {
            return Ok(Root { node: Node::Leaf(Leaf::decode(bytes)?), ..Root::default() });
        }
        let mut rest: &[u8] = &bytes;
        let next_page = varint::take(&mut rest)?;
        let counts_len = varint::take(&mut rest)?;
        if height > MAX_HEIGHT || next_page > NUMBER_END || counts_len > rest.len() as u64 {
            return Err(BAD);
        }
        let mut links = bytes.split_off(bytes.len() - rest.len());
        let counts = links.split_to(counts_len as usize);
        let mut inner = Inner::decode(links, counts)?;
        // As a page of its own it is stored nowhere.
        inner.links_changed = true;
        Ok(Root { height, next_page, node: Node::Inner(inner) })
    }
}

/// Where a search ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// How many entries stand before what was looked for.
    pub rank: u64,
    /// The entry itself, if it is there.
    pub entry: Option<Bytes>,
}

/// A tree that is being read or changed. Nothing is read when it is opened. Changes stay in memory
/// until [`Tree::finish`], however many there are to one page. A tree that a method has failed on is
/// of no use any more: it is dropped, and nothing has happened.
#[derive(Debug)]
pub struct Tree {
    limits: Limits,
    root: Root,
    len: u64,
    /// The first page that is not stored yet.
    first_new: u64,
    /// Pages as they have become.
    leaves: BTreeMap<u64, Leaf>,
    inners: BTreeMap<u64, Inner>,
    /// Stored pages to delete.
    freed: BTreeSet<u64>,
}

impl Tree {
    /// A tree without entries.
    pub fn new(limits: Limits) -> Tree {
        Tree::open(Root::default(), limits)
    }

    /// The tree of a root.
    pub fn open(root: Root, limits: Limits) -> Tree {
        Tree {
            limits: limits.bounded(),
            len: root.len(),
            first_new: root.next_page,
            root,
            leaves: BTreeMap::new(),
            inners: BTreeMap::new(),
            freed: BTreeSet::new(),
        }
    }

    /// How many entries there are.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether there are pages. Without them all of it is in the root.
    pub fn has_pages(&self) -> bool {
        self.root.has_pages()
    }

    /// Bytes of the root, if it is a leaf; 0 of another.
    pub fn root_bytes(&self) -> usize {
        match &self.root.node {
            Node::Leaf(leaf) => leaf.page().len(),
            Node::Inner(_) => 0,
        }
    }

    /// Writes what has changed, each page once; returns the root to keep.
    pub fn finish(self, pages: &mut dyn PagesMut) -> Root {
        for id in self.freed {
            pages.delete(id);
        }
        for (id, leaf) in self.leaves {
            pages.write(id, leaf.into_page());
        }
        for (id, inner) in self.inners {
            let (links, counts) = inner.into_pages();
            if let Some(links) = links {
                pages.write(id, links);
            }
            pages.write(id + 1, counts);
        }
        // A tree without pages numbers them from the beginning again.
        if self.root.has_pages() { self.root } else { Root { next_page: ROOT + 1, ..self.root } }
    }

    /// The entry at a place. O(log n).
    pub fn get(&self, pages: &dyn Pages, rank: u64) -> Result<Option<Bytes>> {
        self.cursor(pages).entry(rank)
    }

    /// Looks for an entry by order. `compare` says how an entry or a separator lies to what is looked
    /// for, and is `Equal` for one entry at most. O(log n).
    ///
    /// A `compare` that is never `Equal` parts the tree in two: the rank is that of the first entry that
    /// is not `Less`.
    pub fn search(&self, pages: &dyn Pages, mut compare: impl FnMut(&[u8]) -> Ordering) -> Result<Found> {
        let compare: Compare = &mut compare;
        let mut link = self.root_link();
        let mut before = 0;
        for _ in 0..self.root.height {
            let inner = self.inner(pages, link)?;
            let index = inner.child_of(compare);
            before += inner.before(index);
            link = inner.link(index);
        }
        let leaf = self.leaf(pages, link)?;
        Ok(match leaf.search(compare) {
            Ok(index) => Found { rank: before + index as u64, entry: Some(leaf.entry(index)) },
            Err(index) => Found { rank: before + index as u64, entry: None },
        })
    }

    /// A reader of entries near each other. It holds one page of each level.
    pub fn cursor<'a>(&'a self, pages: &'a dyn Pages) -> Cursor<'a> {
        Cursor::new(self, pages)
    }

    /// The entries of a range of places, from either end; what is behind the last one is not there.
    /// Pages are read when they are reached.
    pub fn entries<'a>(&'a self, pages: &'a dyn Pages, ranks: Range<u64>) -> Entries<'a> {
        Entries::new(self.cursor(pages), ranks.start..ranks.end.min(self.len))
    }

    fn root_link(&self) -> Link {
        Link { id: ROOT, count: self.len }
    }

    /// Whether there may be a page of this number.
    fn check_id(&self, id: u64) -> Result<()> {
        if !(ROOT + 1..self.root.next_page).contains(&id) || self.freed.contains(&id) {
            return Err(BAD_PAGE.into());
        }
        Ok(())
    }

    /// Reads a page that a link speaks of.
    fn read(&self, pages: &dyn Pages, id: u64) -> Result<Bytes> {
        self.check_id(id)?;
        let missing = || Error::from(DecodeError { what: "tree without one of its pages" });
        pages.read(id)?.ok_or_else(missing)
    }

    fn leaf(&self, pages: &dyn Pages, link: Link) -> Result<Leaf> {
        let held = match &self.root.node {
            Node::Leaf(root) if link.id == ROOT => Some(root),
            _ => self.leaves.get(&link.id),
        };
        let leaf = match held {
            Some(leaf) => leaf.clone(),
            None => Leaf::decode(self.read(pages, link.id)?)?,
        };
        self.check(link, leaf.count() as u64)?;
        Ok(leaf)
    }

    fn inner(&self, pages: &dyn Pages, link: Link) -> Result<Inner> {
        let held = match &self.root.node {
            Node::Inner(root) if link.id == ROOT => Some(root),
            _ => self.inners.get(&link.id),
        };
        let inner = match held {
            Some(inner) => inner.clone(),
            None => Inner::decode(self.read(pages, link.id)?, self.read(pages, link.id + 1)?)?,
        };
        self.check(link, inner.total())?;
        Ok(inner)
    }

    /// A walk through nodes that hold what is said of them, and something each, comes to an end.
    fn check(&self, link: Link, found: u64) -> Result<()> {
        if found != link.count || (found == 0 && link.id != ROOT) {
            return Err(BAD_PAGE.into());
        }
        Ok(())
    }

    fn root_spot(&self) -> Spot {
        Spot { link: self.root_link(), height: self.root.height, first: true, last: true }
    }

    /// A number for a page, or for the first of some.
    fn new_page(&mut self, pages: u64) -> Result<u64> {
        let id = self.root.next_page;
        self.root.next_page += pages;
        if self.root.next_page > NUMBER_END { Err(BAD_PAGE.into()) } else { Ok(id) }
    }

    /// A page that nothing leads to any more.
    fn drop_page(&mut self, id: u64) -> Result<()> {
        // Had it been dropped before, two ways would lead to it, and a walk might take them for ever.
        self.check_id(id)?;
        if id < self.first_new {
            self.freed.insert(id);
        }
        Ok(())
    }

    fn drop_leaf(&mut self, id: u64) -> Result<()> {
        self.leaves.remove(&id);
        self.drop_page(id)
    }

    fn drop_inner(&mut self, id: u64) -> Result<()> {
        self.inners.remove(&id);
        self.drop_page(id)?;
        self.drop_page(id + 1)
    }

    fn put_leaf(&mut self, id: u64, leaf: Leaf) {
        if id == ROOT {
            self.root.node = Node::Leaf(leaf);
        } else {
            self.leaves.insert(id, leaf);
        }
    }

    fn put_inner(&mut self, id: u64, inner: Inner) {
        if id == ROOT {
            self.root.node = Node::Inner(inner);
        } else {
            self.inners.insert(id, inner);
        }
    }
}
