//! The bytes of pages, and how they change. A page is never changed in place: a change makes a new
//! one out of slices of the old one, in one allocation, without decoding what stays.
//!
//! Lengths, numbers of pages and counts stand side by side in fields of one width, which the page
//! names. So the entry at a place is found by adding up bytes, a search can halve, and a page that
//! becomes one entry longer is five copies. The tables are in the documentation of the module.

use crate::encoding::{DecodeError, DecodeResult};
use crate::error;
use bytes::Bytes;
use std::cmp::Ordering;
use std::ops::Range;

/// The widest field, in bytes. The sum of as many as a page holds fits 64 bits.
const MAX_WIDTH: usize = 6;

/// The first number that no field holds.
pub(super) const NUMBER_END: u64 = 1 << (8 * MAX_WIDTH);

/// The most entries or children of a page that keeps its limits. Pages on their way to be cut hold
/// some more, and the field for their number has room for four times as many.
pub(super) const MAX_IN_PAGE: usize = 1 << 14;

const LEAF_HEAD: usize = 3;
const LINKS_HEAD: usize = 4;

pub(super) const BAD_PAGE: DecodeError = DecodeError { what: "page of a tree" };

/// How an entry or a separator lies to what is looked for: `Less` stands before it.
pub(super) type Compare<'a> = &'a mut dyn FnMut(&[u8]) -> Ordering;

/// The width of the field that a number needs; 0 needs none.
fn width_of(number: u64) -> usize {
    (u64::BITS - number.leading_zeros()).div_ceil(8) as usize
}

fn put_number(out: &mut Vec<u8>, width: usize, number: u64) {
    out.extend_from_slice(&number.to_be_bytes()[8 - width..]);
}

/// Numbers in fields of one width, big-endian.
#[derive(Clone, Copy)]
struct Numbers<'a> {
    count: usize,
    width: usize,
    bytes: &'a [u8],
}

impl<'a> Numbers<'a> {
    /// Takes `count` fields off the front of `bytes`.
    fn take(bytes: &mut &'a [u8], count: usize, width: usize) -> DecodeResult<Numbers<'a>> {
        if width > MAX_WIDTH {
            return Err(BAD_PAGE);
        }
        let fields = bytes.split_off(..count * width).ok_or(BAD_PAGE)?;
        Ok(Numbers { count, width, bytes: fields })
    }

    fn get(self, index: usize) -> u64 {
        match self.width {
            0 => 0,
            1 => u64::from(self.bytes[index]),
            width => field(&self.bytes[index * width..][..width]),
        }
    }

    fn slice(self, range: Range<usize>) -> Numbers<'a> {
        let bytes = &self.bytes[range.start * self.width..range.end * self.width];
        Numbers { count: range.len(), width: self.width, bytes }
    }

    fn iter(self) -> impl Iterator<Item = u64> + Clone + 'a {
        (0..self.count).map(move |index| self.get(index))
    }

    fn sum(self) -> u64 {
        // Nothing overflows; checks for it would keep the loops from adding up many fields at once.
        match self.width {
            0 => 0,
            1 => {
                let part =
                    |bytes: &[u8]| bytes.iter().fold(0u32, |sum, byte| sum.wrapping_add((*byte).into()));
                self.bytes.chunks(1 << 16).fold(0, |sum, bytes| sum + u64::from(part(bytes)))
            }
            2 => self
                .bytes
                .as_chunks()
                .0
                .iter()
                .fold(0u64, |sum, pair| sum.wrapping_add(u16::from_be_bytes(*pair).into())),
            width => self.bytes.chunks_exact(width).map(field).sum(),
        }
    }

    /// The width for these numbers and `more`.
    fn width_with(self, more: impl Iterator<Item = u64>) -> usize {
        more.fold(self.width, |width, number| width.max(width_of(number)))
    }

    /// Appends the fields, in `width` bytes each, which is as wide as they are or wider.
    fn put(self, out: &mut Vec<u8>, width: usize) {
        if width == self.width {
            out.extend_from_slice(self.bytes);
        } else {
            self.iter().for_each(|number| put_number(out, width, number));
        }
    }

    /// Appends the fields, those in `range` replaced by `new`.
    fn put_spliced(
        self,
        out: &mut Vec<u8>,
        width: usize,
        range: Range<usize>,
        new: impl Iterator<Item = u64>,
    ) {
        self.slice(0..range.start).put(out, width);
        new.for_each(|number| put_number(out, width, number));
        self.slice(range.end..self.count).put(out, width);
    }
}

fn field(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Byte strings one after the other, their lengths before them.
#[derive(Clone, Copy)]
struct Strings<'a> {
    lengths: Numbers<'a>,
    body: &'a [u8],
}

impl<'a> Strings<'a> {
    /// Takes all of `bytes`: `count` lengths, and the strings.
    fn take(mut bytes: &'a [u8], count: usize, width: usize) -> DecodeResult<Strings<'a>> {
        let lengths = Numbers::take(&mut bytes, count, width)?;
        Ok(Strings { lengths, body: bytes })
    }

    /// Whether the lengths are those of the strings.
    fn is_sound(self) -> bool {
        self.lengths.sum() == self.body.len() as u64
    }

    fn length(self, index: usize) -> usize {
        self.lengths.get(index) as usize
    }

    /// Where a string begins, or the last one ends. O(index), some 16 lengths a nanosecond.
    fn offset(self, index: usize) -> usize {
        self.lengths.slice(0..index).sum() as usize
    }

    fn get(self, index: usize) -> &'a [u8] {
        &self.body[self.offset(index)..][..self.length(index)]
    }

    /// Where each string begins, and the last one ends.
    fn offsets(self) -> Vec<usize> {
        let mut offset = 0;
        let mut offsets = Vec::with_capacity(self.lengths.count + 1);
        offsets.push(0);
        offsets.extend(self.lengths.iter().map(|length| {
            offset += length as usize;
            offset
        }));
        offsets
    }

    /// As `slice::binary_search_by`, among the strings of `range`.
    fn search(self, range: Range<usize>, compare: Compare) -> Result<usize, usize> {
        let (mut low, mut high) = (range.start, range.end);
        let mut offset = self.offset(low);
        while low < high {
            let middle = low + (high - low) / 2;
            let from = offset + self.lengths.slice(low..middle).sum() as usize;
            let to = from + self.length(middle);
            match compare(&self.body[from..to]) {
                Ordering::Less => (low, offset) = (middle + 1, to),
                Ordering::Equal => return Ok(middle),
                Ordering::Greater => high = middle,
            }
        }
        Err(low)
    }

    /// Appends lengths and strings, those in `range` replaced by `new`.
    fn put_spliced<'n>(
        self,
        out: &mut Vec<u8>,
        width: usize,
        range: Range<usize>,
        new: impl Iterator<Item = &'n [u8]> + Clone,
    ) {
        let (from, to) = (self.offset(range.start), self.offset(range.end));
        self.lengths.put_spliced(out, width, range, new.clone().map(|string| string.len() as u64));
        out.extend_from_slice(&self.body[..from]);
        new.for_each(|string| out.extend_from_slice(string));
        out.extend_from_slice(&self.body[to..]);
    }
}

fn put_count(out: &mut Vec<u8>, count: usize) {
    out.extend_from_slice(&(count as u16).to_be_bytes());
}

fn count_of(page: &[u8]) -> usize {
    usize::from(u16::from_be_bytes([page[0], page[1]]))
}

/// A page of entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Leaf {
    page: Bytes,
}

impl Leaf {
    pub(super) fn empty() -> Leaf {
        Leaf { page: Bytes::from_static(&[0; LEAF_HEAD]) }
    }

    /// Reads a page; its memory is kept.
    ///
    /// # Errors
    /// When the page is not as long as it says.
    pub(super) fn decode(page: Bytes) -> DecodeResult<Leaf> {
        let rest = page.get(LEAF_HEAD..).ok_or(BAD_PAGE)?;
        if !Strings::take(rest, count_of(&page), page[2].into())?.is_sound() {
            return Err(BAD_PAGE);
        }
        Ok(Leaf { page })
    }

    pub(super) fn page(&self) -> &Bytes {
        &self.page
    }

    pub(super) fn into_page(self) -> Bytes {
        self.page
    }

    /// How many entries there are.
    pub(super) fn count(&self) -> usize {
        count_of(&self.page)
    }

    fn strings(&self) -> Strings<'_> {
        let (count, width) = (self.count(), usize::from(self.page[2]));
        let (lengths, body) = self.page[LEAF_HEAD..].split_at(count * width);
        Strings { lengths: Numbers { count, width, bytes: lengths }, body }
    }

    /// Where an entry begins among the bytes of the entries.
    pub(super) fn offset(&self, index: usize) -> usize {
        self.strings().offset(index)
    }

    /// The length of an entry.
    pub(super) fn length(&self, index: usize) -> usize {
        self.strings().length(index)
    }

    /// The `length` bytes from an offset on.
    pub(super) fn bytes_at(&self, offset: usize, length: usize) -> &[u8] {
        &self.strings().body[offset..][..length]
    }

    /// As [`Leaf::bytes_at`]; they keep the page in memory.
    pub(super) fn slice_at(&self, offset: usize, length: usize) -> Bytes {
        let from = self.page.len() - self.strings().body.len() + offset;
        self.page.slice(from..from + length)
    }

    /// An entry; it keeps the page in memory.
    pub(super) fn entry(&self, index: usize) -> Bytes {
        self.slice_at(self.offset(index), self.length(index))
    }

    /// Calls `visit` with each entry of a range, the first of which begins at `offset`.
    pub(super) fn walk(
        &self,
        range: Range<usize>,
        offset: usize,
        visit: &mut impl FnMut(&[u8]) -> error::Result<()>,
    ) -> error::Result<()> {
        let strings = self.strings();
        let mut rest = &strings.body[offset..];
        for length in strings.lengths.slice(range).iter() {
            visit(rest.split_off(..length as usize).ok_or(BAD_PAGE)?)?;
        }
        Ok(())
    }

    /// Calls `visit` with each entry of a range.
    pub(super) fn for_each(&self, range: Range<usize>, mut visit: impl FnMut(Bytes)) {
        let mut offset = self.offset(range.start);
        for index in range {
            let length = self.length(index);
            visit(self.slice_at(offset, length));
            offset += length;
        }
    }

    /// As `slice::binary_search_by`.
    pub(super) fn search(&self, compare: Compare) -> Result<usize, usize> {
        self.strings().search(0..self.count(), compare)
    }

    /// Where each entry begins, and the last one ends.
    pub(super) fn offsets(&self) -> Vec<usize> {
        self.strings().offsets()
    }

    /// The length of a page of so many of these entries with so many bytes together.
    pub(super) fn page_len(&self, count: usize, bytes: usize) -> usize {
        LEAF_HEAD + count * usize::from(self.page[2]) + bytes
    }

    /// The page with the entries in `range` replaced by others.
    pub(super) fn spliced(&self, range: Range<usize>, new: &[&[u8]]) -> Leaf {
        let old = self.strings();
        let new = new.iter().copied();
        let count = old.lengths.count - range.len() + new.len();
        let width = old.lengths.width_with(new.clone().map(|entry| entry.len() as u64));
        let added: usize = new.clone().map(<[u8]>::len).sum();
        let mut out = Vec::with_capacity(LEAF_HEAD + count * width + old.body.len() + added);
        put_count(&mut out, count);
        out.push(width as u8);
        old.put_spliced(&mut out, width, range, new);
        Leaf { page: out.into() }
    }

    /// A page of the entries of a range alone.
    pub(super) fn part(&self, range: Range<usize>) -> Leaf {
        let strings = self.strings();
        let mut rest = &strings.body[strings.offset(range.start)..];
        let lengths = strings.lengths.slice(range).iter();
        // The lengths are those of the strings: there is always as much left.
        let entries: Vec<&[u8]> = lengths.filter_map(|length| rest.split_off(..length as usize)).collect();
        Leaf::empty().spliced(0..0, &entries)
    }

    /// A page of these entries and those of the page behind it.
    pub(super) fn joined(&self, right: &Leaf) -> Leaf {
        let strings = right.strings();
        let entries: Vec<&[u8]> = (0..right.count()).map(|index| strings.get(index)).collect();
        self.spliced(self.count()..self.count(), &entries)
    }
}

/// A node below another one, and how many entries lie below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) id: u64,
    pub(super) count: u64,
}

/// A node below another one, and what parts it from the node before it; nothing for the first one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Child {
    pub(super) link: Link,
    pub(super) separator: Bytes,
}

/// A node above others. Its counts change with every entry and lie in a page of their own; what is
/// in the page of links changes when children come and go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Inner {
    links: Bytes,
    counts: Bytes,
    /// Whether the page of links is another than the stored one.
    pub(super) links_changed: bool,
}

impl Inner {
    pub(super) fn new(children: &[Child]) -> Inner {
        let nobody = Inner {
            links: Bytes::from_static(&[0; LINKS_HEAD]),
            counts: Bytes::from_static(&[0]),
            links_changed: true,
        };
        nobody.spliced(0..0, children)
    }

    /// Reads the two pages; their memory is kept.
    ///
    /// # Errors
    /// When they are not as long as they say, or do not belong together.
    pub(super) fn decode(links: Bytes, counts: Bytes) -> DecodeResult<Inner> {
        let mut rest = links.get(LINKS_HEAD..).ok_or(BAD_PAGE)?;
        let count = count_of(&links);
        Numbers::take(&mut rest, count, links[2].into())?;
        let sound = Strings::take(rest, count, links[3].into())?.is_sound();
        let (width, mut rest) = counts.split_first().ok_or(BAD_PAGE)?;
        Numbers::take(&mut rest, count, (*width).into())?;
        if !sound || count == 0 || !rest.is_empty() {
            return Err(BAD_PAGE);
        }
        Ok(Inner { links, counts, links_changed: false })
    }

    pub(super) fn links_page(&self) -> &Bytes {
        &self.links
    }

    pub(super) fn counts_page(&self) -> &Bytes {
        &self.counts
    }

    /// The pages to write: that of the links, if it has changed, and that of the counts.
    pub(super) fn into_pages(self) -> (Option<Bytes>, Bytes) {
        (self.links_changed.then_some(self.links), self.counts)
    }

    /// How many children there are.
    pub(super) fn children(&self) -> usize {
        count_of(&self.links)
    }

    /// How many entries lie below all children.
    pub(super) fn total(&self) -> u64 {
        self.counts().sum()
    }

    fn ids(&self) -> Numbers<'_> {
        let (count, width) = (self.children(), usize::from(self.links[2]));
        Numbers { count, width, bytes: &self.links[LINKS_HEAD..][..count * width] }
    }

    fn separators(&self) -> Strings<'_> {
        let (count, width) = (self.children(), usize::from(self.links[3]));
        let (lengths, body) = self.links[LINKS_HEAD + self.ids().bytes.len()..].split_at(count * width);
        Strings { lengths: Numbers { count, width, bytes: lengths }, body }
    }

    fn counts(&self) -> Numbers<'_> {
        Numbers { count: self.children(), width: self.counts[0].into(), bytes: &self.counts[1..] }
    }

    pub(super) fn link(&self, index: usize) -> Link {
        Link { id: self.ids().get(index), count: self.counts().get(index) }
    }

    /// The last child, with its place.
    pub(super) fn last(&self) -> usize {
        self.children() - 1
    }

    /// What parts a child from the one before it.
    pub(super) fn separator(&self, index: usize) -> Bytes {
        let strings = self.separators();
        let from = self.links.len() - strings.body.len() + strings.offset(index);
        self.links.slice(from..from + strings.length(index))
    }

    /// The child that holds, or would hold, what `compare` looks for.
    pub(super) fn child_of(&self, compare: Compare) -> usize {
        match self.separators().search(1..self.children(), compare) {
            Ok(index) => index,
            Err(index) => index - 1,
        }
    }

    /// The child with the entry at `rank`, and how many entries stand before that child. The last
    /// child if there are no so many entries.
    pub(super) fn child_at(&self, rank: u64) -> (usize, u64) {
        self.first_reaching(rank.saturating_add(1))
    }

    /// The first child behind whose last entry at least `rank` entries stand, and how many stand
    /// before the child.
    pub(super) fn first_reaching(&self, rank: u64) -> (usize, u64) {
        const STRIDE: usize = 16;
        let counts = self.counts();
        let last = self.last();
        let (mut index, mut before) = (0, 0);
        while index + STRIDE <= last {
            let stride = counts.slice(index..index + STRIDE).sum();
            if before + stride >= rank {
                break;
            }
            (index, before) = (index + STRIDE, before + stride);
        }
        while index < last && before + counts.get(index) < rank {
            (index, before) = (index + 1, before + counts.get(index));
        }
        (index, before)
    }

    /// How many entries stand before a child.
    pub(super) fn before(&self, index: usize) -> u64 {
        self.counts().slice(0..index).sum()
    }

    /// Gives a child another count of entries.
    pub(super) fn set_count(&mut self, index: usize, count: u64) {
        let width = self.counts().width_with([count].into_iter());
        let mut out = Vec::with_capacity(1 + self.children() * width);
        out.push(width as u8);
        self.counts().put_spliced(&mut out, width, index..index + 1, [count].into_iter());
        self.counts = out.into();
    }

    /// The length of the page of links of so many of these children with so many bytes of separators.
    pub(super) fn page_len(&self, children: usize, bytes: usize) -> usize {
        LINKS_HEAD + children * usize::from(self.links[2] + self.links[3]) + bytes
    }

    /// Where each separator begins, and the last one ends.
    pub(super) fn offsets(&self) -> Vec<usize> {
        self.separators().offsets()
    }

    /// The children of a range; the first one without a separator.
    fn children_of(&self, range: Range<usize>) -> Vec<Child> {
        let first = range.start;
        let separator = |index| if index == first { Bytes::new() } else { self.separator(index) };
        range.map(|index| Child { link: self.link(index), separator: separator(index) }).collect()
    }

    /// The node with the children in `range` replaced by others.
    pub(super) fn spliced(&self, range: Range<usize>, new: &[Child]) -> Inner {
        let (ids, separators, counts) = (self.ids(), self.separators(), self.counts());
        let count = ids.count - range.len() + new.len();
        let id_of = |child: &Child| child.link.id;
        let count_of = |child: &Child| child.link.count;
        let added: usize = new.iter().map(|child| child.separator.len()).sum();

        let id_width = ids.width_with(new.iter().map(id_of));
        let width = separators.lengths.width_with(new.iter().map(|child| child.separator.len() as u64));
        let room = LINKS_HEAD + count * (id_width + width) + separators.body.len() + added;
        let mut links = Vec::with_capacity(room);
        put_count(&mut links, count);
        links.extend_from_slice(&[id_width as u8, width as u8]);
        ids.put_spliced(&mut links, id_width, range.clone(), new.iter().map(id_of));
        separators.put_spliced(
            &mut links,
            width,
            range.clone(),
            new.iter().map(|child| &child.separator[..]),
        );

        let width = counts.width_with(new.iter().map(count_of));
        let mut out = Vec::with_capacity(1 + count * width);
        out.push(width as u8);
        counts.put_spliced(&mut out, width, range, new.iter().map(count_of));
        Inner { links: links.into(), counts: out.into(), links_changed: true }
    }

    /// A node with the children of a range alone.
    pub(super) fn part(&self, range: Range<usize>) -> Inner {
        Inner::new(&self.children_of(range))
    }

    /// A node with these children and those of the node behind it, which `separator` parts from them.
    pub(super) fn joined(&self, right: &Inner, separator: Bytes) -> Inner {
        let mut children = right.children_of(0..right.children());
        children[0].separator = separator;
        self.spliced(self.children()..self.children(), &children)
    }
}
