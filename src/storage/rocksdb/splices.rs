//! What changed in a value, in place of the whole of it. A page of a kilobyte that gets one more entry
//! goes to the log as a few bytes; RocksDB puts the pieces together when it compacts, or when a page
//! is read that the value table does not hold.
//!
//! A change is a merge operand of RocksDB: one **edit** or several, one after the other.
//!
//! | part of an edit | bytes |
//! |---|---|
//! | length of the rest | varint |
//! | splices, in the order of the old value | bytes kept since the last one (varint), bytes left out (varint), length of what comes in their place (varint), that |
//!
//! What is behind the last splice is kept.

use crate::storage::varint;

/// Shorter values are written whole.
const MIN_BYTES: usize = 64;

/// Pages begin with numbers that change with each entry.
const HEAD: usize = 3;

/// So many bytes may have been put in front of what stayed the same: the lengths of new entries.
const MAX_SHIFT: usize = 16;

/// The edit that makes `new` out of `old`, if there is one that is much shorter than `new`. Finds what one
/// entry or a few side by side, come or gone, do to a page: the head, a few bytes, and the entries.
pub(super) fn between(old: &[u8], new: &[u8]) -> Option<Vec<u8>> {
    if old.len() < MIN_BYTES || new.len() < MIN_BYTES {
        return None;
    }
    let (old_head, old_rest) = old.split_at(HEAD);
    let (new_head, new_rest) = new.split_at(HEAD);
    let front = common_front(old_rest, new_rest);
    let (old_rest, new_rest) = (&old_rest[front..], &new_rest[front..]);
    let back = common_back(old_rest, new_rest);
    let (gone, come) = (&old_rest[..old_rest.len() - back], &new_rest[..new_rest.len() - back]);

    let mut out = Splices::default();
    if old_head == new_head {
        out.keep(HEAD)
    } else {
        out.replace(HEAD, new_head)
    }
    out.keep(front);
    if let Some(shift) = place_of(gone, come) {
        out.replace(0, &come[..shift]);
        out.keep(gone.len());
        out.replace(0, &come[shift + gone.len()..]);
    } else if let Some(shift) = place_of(come, gone) {
        out.replace(shift, &[]);
        out.keep(come.len());
        out.replace(gone.len() - come.len() - shift, &[]);
    } else {
        out.replace(gone.len(), come);
    }
    (out.bytes.len() <= new.len() / 3).then(|| {
        let mut edit = Vec::with_capacity(varint::MAX_BYTES + out.bytes.len());
        varint::put(&mut edit, out.bytes.len() as u64);
        edit.extend_from_slice(&out.bytes);
        edit
    })
}

/// Where `part` lies in `whole`, if it does so near the front.
fn place_of(part: &[u8], whole: &[u8]) -> Option<usize> {
    let room = whole.len().checked_sub(part.len())?;
    (0..=room.min(MAX_SHIFT)).find(|shift| &whole[*shift..shift + part.len()] == part)
}

/// Compared at once: some 8 bytes a nanosecond instead of one.
const STRIDE: usize = 32;

/// How many bytes both begin with.
fn common_front(a: &[u8], b: &[u8]) -> usize {
    let (strides_a, strides_b) = (a.as_chunks::<STRIDE>().0, b.as_chunks::<STRIDE>().0);
    let same = STRIDE * strides_a.iter().zip(strides_b).take_while(|(a, b)| a == b).count();
    same + a[same..].iter().zip(&b[same..]).take_while(|(a, b)| a == b).count()
}

/// How many bytes both end with.
fn common_back(a: &[u8], b: &[u8]) -> usize {
    let (strides_a, strides_b) = (a.as_rchunks::<STRIDE>().1, b.as_rchunks::<STRIDE>().1);
    let pairs = strides_a.iter().rev().zip(strides_b.iter().rev());
    let same = STRIDE * pairs.take_while(|(a, b)| a == b).count();
    let rest = a[..a.len() - same].iter().rev().zip(b[..b.len() - same].iter().rev());
    same + rest.take_while(|(a, b)| a == b).count()
}

/// The splices of an edit, one by one.
#[derive(Default)]
struct Splices {
    bytes: Vec<u8>,
    kept: usize,
}

impl Splices {
    fn keep(&mut self, bytes: usize) {
        self.kept += bytes;
    }

    fn replace(&mut self, bytes: usize, by: &[u8]) {
        if bytes == 0 && by.is_empty() {
            return;
        }
        for number in [self.kept, bytes, by.len()] {
            varint::put(&mut self.bytes, number as u64);
        }
        self.bytes.extend_from_slice(by);
        self.kept = 0;
    }
}

/// The value after the edits of operands; none if they do not fit it.
pub(super) fn apply<'a>(value: &[u8], operands: impl Iterator<Item = &'a [u8]>) -> Option<Vec<u8>> {
    let mut value = value.to_vec();
    let mut next = Vec::with_capacity(value.len() + value.len() / 4);
    for mut edits in operands {
        while !edits.is_empty() {
            let mut edit = take(&mut edits)?;
            let mut rest = value.as_slice();
            next.clear();
            while !edit.is_empty() {
                let kept = usize::try_from(varint::take(&mut edit)?).ok()?;
                let left_out = usize::try_from(varint::take(&mut edit)?).ok()?;
                next.extend_from_slice(rest.split_off(..kept)?);
                rest.split_off(..left_out)?;
                next.extend_from_slice(take(&mut edit)?);
            }
            next.extend_from_slice(rest);
            std::mem::swap(&mut value, &mut next);
        }
    }
    Some(value)
}

/// Takes a length and as many bytes off the front.
fn take<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(varint::take(bytes)?).ok()?;
    bytes.split_off(..length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn page(entries: &[Vec<u8>]) -> Vec<u8> {
        let mut page = (entries.len() as u16).to_be_bytes().to_vec();
        page.push(1);
        page.extend(entries.iter().map(|entry| entry.len() as u8));
        page.extend(entries.concat());
        page
    }

    #[test]
    fn golden() {
        let old = [b"\0\x01\x01".as_slice(), &[b'x'; 100]].concat();
        let new = [b"\0\x02\x01".as_slice(), &[b'x'; 50], b"abc", &[b'x'; 50]].concat();
        let edit = between(&old, &new).unwrap();
        assert_eq!(edit, b"\x0c\0\x03\x03\0\x02\x01\x32\0\x03abc");
        assert_eq!(apply(&old, [edit.as_slice()].into_iter()), Some(new));
    }

    #[test]
    fn an_entry_in_the_middle_of_a_page_is_a_short_edit() {
        let mut entries: Vec<Vec<u8>> =
            (0..40u8).map(|number| vec![number; 20 + usize::from(number % 3)]).collect();
        let old = page(&entries);
        entries.insert(17, b"a new one".to_vec());
        let new = page(&entries);
        let come = between(&old, &new).unwrap();
        assert!(come.len() < 30, "{}", come.len());
        let gone = between(&new, &old).unwrap();
        assert!(gone.len() < 20, "{}", gone.len());
        assert_eq!(apply(&old, [come.as_slice(), &gone, &come].into_iter()), Some(new.clone()));
        assert_eq!(apply(&old, [[come, gone].concat().as_slice()].into_iter()), Some(old));
    }

    proptest! {
        #[test]
        fn makes_the_new_value_of_the_old_one(
            mut entries in prop::collection::vec(prop::collection::vec(0u8..4, 0..30), 1..40),
            changes: Vec<(prop::sample::Index, Option<Vec<u8>>)>,
        ) {
            let (mut value, mut operands) = (page(&entries), Vec::new());
            let first = value.clone();
            for (index, change) in changes {
                match change {
                    Some(mut entry) => {
                        entry.truncate(200);
                        entries.insert(index.index(entries.len()), entry);
                    }
                    None if entries.len() > 1 => drop(entries.remove(index.index(entries.len()))),
                    None => {}
                }
                let new = page(&entries);
                match between(&value, &new) {
                    Some(edit) => operands.push(edit),
                    None => break,
                }
                value = new;
            }
            let operands = operands.iter().map(Vec::as_slice);
            prop_assert_eq!(apply(&first, operands), Some(value));
        }

        #[test]
        fn never_panics(value: Vec<u8>, operand: Vec<u8>) {
            let _ = apply(&value, [operand.as_slice()].into_iter());
        }
    }
}
