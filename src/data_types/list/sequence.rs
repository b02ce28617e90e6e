//! The entries of a list in order: a counted tree and, once that has pages, an **end** at each side of it.
//! The ends lie in the header as a whole. What is pushed goes into an end and what is popped comes out
//! of it, so that both cost no more than writing the header; an end that has become long goes into the
//! tree, and an empty one takes some entries out of the tree at once.

use super::End;
use crate::data_types::tree::{Limits, Pages, PagesMut, Root, Tree};
use crate::encoding::{DecodeError, varint};
use crate::error::Result;
use bytes::{Buf, Bytes};
use std::ops::Range;

/// An end that is longer goes into the tree.
const END_ENTRIES: u64 = 48;
const END_BYTES: usize = 512;
/// So many entries an empty end takes out of the tree.
const REFILL: u64 = 24;

/// How large the ends may become is not for the tree to say.
const END_LIMITS: Limits = Limits { root_bytes: usize::MAX, root_entries: usize::MAX, ..Limits::POSITIONAL };

/// The entries of one list.
pub(super) struct Sequence {
    left: Tree,
    tree: Tree,
    right: Tree,
}

impl Sequence {
    /// One without entries.
    pub fn empty() -> Sequence {
        Sequence {
            left: Tree::new(END_LIMITS),
            tree: Tree::new(Limits::POSITIONAL),
            right: Tree::new(END_LIMITS),
        }
    }

    /// Reads what [`Sequence::finish`] left; its memory is kept.
    ///
    /// # Errors
    /// When the bytes are not those of it.
    pub fn decode(mut bytes: Bytes) -> Result<Sequence> {
        let left = take_end(&mut bytes)?;
        let right = take_end(&mut bytes)?;
        Ok(Sequence { left, tree: Tree::open(Root::decode(bytes)?, Limits::POSITIONAL), right })
    }

    /// Writes the pages that have changed; adds to `out` what the header keeps. Returns whether there
    /// are pages.
    pub fn finish(mut self, pages: &mut dyn PagesMut, out: &mut Vec<u8>) -> Result<bool> {
        if !self.tree.has_pages() {
            self.settle(pages)?;
        }
        for end in [self.left, self.right] {
            let bytes = if end.is_empty() { Bytes::new() } else { end.finish(pages).encode() };
            varint::put(out, bytes.len() as u64);
            out.extend_from_slice(&bytes);
        }
        let root = self.tree.finish(pages);
        out.extend_from_slice(&root.encode());
        Ok(root.has_pages())
    }

    /// How many entries there are.
    pub fn len(&self) -> u64 {
        self.left.len() + self.tree.len() + self.right.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entry at a place. O(log n).
    pub fn get(&self, pages: &dyn Pages, rank: u64) -> Result<Option<Bytes>> {
        self.entries(pages, rank..rank.saturating_add(1)).next().transpose()
    }

    /// The entries of a range of places, from either end. Pages are read when they are reached.
    pub fn entries<'a>(
        &'a self,
        pages: &'a dyn Pages,
        ranks: Range<u64>,
    ) -> impl DoubleEndedIterator<Item = Result<Bytes>> + 'a {
        let [left, tree, right] = self.parts(ranks);
        let [left, tree, right] = [(&self.left, left), (&self.tree, tree), (&self.right, right)]
            .map(|(part, ranks)| part.entries(pages, ranks));
        left.chain(tree).chain(right)
    }

    /// Shows the entries of a range of places to `visit`, in order.
    pub fn walk(
        &self,
        pages: &dyn Pages,
        ranks: Range<u64>,
        mut visit: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        for (part, ranks) in [&self.left, &self.tree, &self.right].into_iter().zip(self.parts(ranks)) {
            if !ranks.is_empty() {
                part.cursor(pages).walk(ranks, &mut visit)?;
            }
        }
        Ok(())
    }

    /// A range of places as those in the left end, in the tree, and in the right end.
    fn parts(&self, ranks: Range<u64>) -> [Range<u64>; 3] {
        let mut before = 0;
        [&self.left, &self.tree, &self.right].map(|part| {
            let place = |rank: u64| rank.saturating_sub(before).min(part.len());
            let ranks = place(ranks.start)..place(ranks.end);
            before += part.len();
            ranks
        })
    }

    /// All parts, each a tree, in order.
    pub fn trees(&self) -> [&Tree; 3] {
        [&self.left, &self.tree, &self.right]
    }

    /// Puts entries in at an end, one after the other. Mostly O(1).
    pub fn push(&mut self, pages: &dyn Pages, end: End, entries: &[Vec<u8>]) -> Result<()> {
        let few = entries.len() as u64 <= END_ENTRIES;
        if few && self.tree.has_pages() {
            let near = self.end(end);
            push(near, pages, end, entries)?;
            let is_long = near.len() > END_ENTRIES || near.root_bytes() > END_BYTES;
            return if is_long { self.settle_end(pages, end) } else { Ok(()) };
        }
        self.settle_end(pages, end)?;
        push(&mut self.tree, pages, end, entries)
    }

    /// Takes up to `count` entries out at an end and shows them to `sink`, the outermost first.
    /// Mostly O(1) each.
    pub fn pop(
        &mut self,
        pages: &dyn Pages,
        end: End,
        count: u64,
        mut sink: impl FnMut(Bytes),
    ) -> Result<()> {
        let mut left_over = count;
        let near = pop(self.end(end), pages, end, left_over)?;
        left_over -= near.len() as u64;
        near.into_iter().for_each(&mut sink);
        if left_over > 0 && !self.tree.is_empty() {
            let refill = if self.tree.has_pages() { REFILL } else { 0 };
            let mut taken = pop(&mut self.tree, pages, end, left_over.saturating_add(refill))?.into_iter();
            for entry in taken.by_ref().take(usize::try_from(left_over).unwrap_or(usize::MAX)) {
                left_over -= 1;
                sink(entry);
            }
            let kept: Vec<Bytes> = taken.rev().collect();
            push(self.end(end), pages, end, &kept)?;
        }
        let far = match end {
            End::Left => &mut self.right,
            End::Right => &mut self.left,
        };
        pop(far, pages, end, left_over)?.into_iter().for_each(sink);
        Ok(())
    }

    fn end(&mut self, end: End) -> &mut Tree {
        match end {
            End::Left => &mut self.left,
            End::Right => &mut self.right,
        }
    }

    /// All entries in the tree, for changes elsewhere than at the ends.
    pub fn settled(&mut self, pages: &dyn Pages) -> Result<&mut Tree> {
        self.settle(pages)?;
        Ok(&mut self.tree)
    }

    fn settle(&mut self, pages: &dyn Pages) -> Result<()> {
        self.settle_end(pages, End::Left)?;
        self.settle_end(pages, End::Right)
    }

    fn settle_end(&mut self, pages: &dyn Pages, end: End) -> Result<()> {
        let part = self.end(end);
        if part.is_empty() {
            return Ok(());
        }
        let part = std::mem::replace(part, Tree::new(END_LIMITS));
        let mut entries: Vec<Bytes> = part.entries(pages, 0..part.len()).collect::<Result<_>>()?;
        if end == End::Left {
            entries.reverse();
        }
        push(&mut self.tree, pages, end, &entries)
    }
}

fn push<T: AsRef<[u8]>>(tree: &mut Tree, pages: &dyn Pages, end: End, entries: &[T]) -> Result<()> {
    match end {
        End::Left => tree.extend_front(pages, entries),
        End::Right => tree.extend_back(pages, entries),
    }
}

/// Takes up to `count` entries out at an end, the outermost first.
fn pop(tree: &mut Tree, pages: &dyn Pages, end: End, count: u64) -> Result<Vec<Bytes>> {
    let count = count.min(tree.len());
    let mut entries = Vec::new();
    if count == 0 {
        return Ok(entries);
    }
    let ranks = match end {
        End::Left => 0..count,
        End::Right => tree.len() - count..tree.len(),
    };
    tree.drain_range(pages, ranks, |entry| entries.push(entry))?;
    if end == End::Right {
        entries.reverse();
    }
    Ok(entries)
}

/// Takes an end, its length before it, off the front.
fn take_end(bytes: &mut Bytes) -> Result<Tree> {
    const BAD: DecodeError = DecodeError { what: "end of a list" };
    let mut rest: &[u8] = bytes;
    let len = varint::take(&mut rest)?;
    let front = bytes.len() - rest.len();
    if len > rest.len() as u64 {
        return Err(BAD.into());
    }
    bytes.advance(front);
    if len == 0 {
        return Ok(Tree::new(END_LIMITS));
    }
    let root = Root::decode(bytes.split_to(len as usize))?;
    if root.has_pages() || root.is_empty() { Err(BAD.into()) } else { Ok(Tree::open(root, END_LIMITS)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, VecDeque};

    #[derive(Default)]
    struct Memory(BTreeMap<u64, Bytes>);

    impl Pages for Memory {
        fn read(&self, id: u64) -> Result<Option<Bytes>> {
            Ok(self.0.get(&id).cloned())
        }
    }

    impl PagesMut for Memory {
        fn write(&mut self, id: u64, page: Bytes) {
            self.0.insert(id, page);
        }

        fn delete(&mut self, id: u64) {
            self.0.remove(&id);
        }
    }

    #[derive(Debug, Clone)]
    enum Step {
        Push(bool, usize, usize),
        Pop(bool, u64),
        Insert(usize),
        Remove(usize, usize),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let many = prop_oneof![4 => 1..4usize, 1 => 1..300usize];
        let length = prop_oneof![4 => 0..10usize, 1 => 0..700usize];
        let step = prop_oneof![
            4 => (any::<bool>(), many, length).prop_map(|(left, count, length)| Step::Push(left, count, length)),
            4 => (any::<bool>(), prop_oneof![4 => 1..4u64, 1 => 1..400u64]).prop_map(|(left, count)| Step::Pop(left, count)),
            1 => any::<usize>().prop_map(Step::Insert),
            1 => (any::<usize>(), 0..9usize).prop_map(|(at, count)| Step::Remove(at, count)),
        ];
        prop::collection::vec(step, 1..150)
    }

    fn end(left: bool) -> End {
        if left { End::Left } else { End::Right }
    }

    proptest! {
        #[test]
        fn is_a_sequence(steps in steps()) {
            let (mut pages, mut header, mut model) = (Memory::default(), None, VecDeque::<Vec<u8>>::new());
            for (number, step) in steps.into_iter().enumerate() {
                let mut sequence = header.map_or_else(|| Ok(Sequence::empty()), Sequence::decode).unwrap();
                match step {
                    Step::Push(left, count, length) => {
                        let entries: Vec<Vec<u8>> = (0..count).map(|other| format!("{number} {other}{:1$}", "", length).into_bytes()).collect();
                        sequence.push(&pages, end(left), &entries).unwrap();
                        for entry in entries {
                            if left { model.push_front(entry) } else { model.push_back(entry) }
                        }
                    }
                    Step::Pop(left, count) => {
                        let mut popped = Vec::new();
                        sequence.pop(&pages, end(left), count, |entry| popped.push(entry)).unwrap();
                        let expected: Vec<Vec<u8>> = (0..count).map_while(|_| if left { model.pop_front() } else { model.pop_back() }).collect();
                        prop_assert_eq!(popped, expected);
                    }
                    Step::Insert(at) => {
                        let at = at % (model.len() + 1);
                        sequence.settled(&pages).unwrap().insert_at(&pages, at as u64, b"inserted").unwrap();
                        model.insert(at, b"inserted".to_vec());
                    }
                    Step::Remove(at, count) => {
                        let at = at % (model.len() + 1);
                        let to = (at + count).min(model.len());
                        sequence.settled(&pages).unwrap().remove_range(&pages, at as u64..to as u64).unwrap();
                        drop(model.drain(at..to));
                    }
                }
                prop_assert_eq!(sequence.len(), model.len() as u64);
                let all: Vec<Bytes> = sequence.entries(&pages, 0..u64::MAX).collect::<Result<_>>().unwrap();
                prop_assert!(all.iter().eq(model.iter()));
                let middle = model.len() / 3..model.len() / 2 + 1;
                let mut walked = Vec::new();
                sequence.walk(&pages, middle.start as u64..middle.end as u64, |entry| {
                    walked.push(entry.to_vec());
                    Ok(())
                }).unwrap();
                prop_assert!(walked.iter().eq(model.iter().skip(middle.start).take(middle.len())));
                let mut out = Vec::new();
                let has_pages = sequence.finish(&mut pages, &mut out).unwrap();
                prop_assert!(has_pages || pages.0.is_empty());
                header = Some(Bytes::from(out));
            }
        }

        #[test]
        fn never_panics(bytes: Vec<u8>) {
            let _ = Sequence::decode(bytes.into());
        }
    }
}
