//! Changes that a transaction has made and nobody else sees yet.

use crate::storage::{Batch, KeyBytes, ScanRange, Space, Write, Writes};
use bytes::Bytes;
use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;

/// So many writes are searched one by one; nearly every command makes fewer.
const FEW: usize = 8;

/// The writes of a transaction, each key once, the latest value.
#[derive(Default)]
pub(super) struct Overlay {
    writes: Writes,
    /// Positions in `writes`, by key; kept only while there are more than [`FEW`].
    index: HashTable<usize>,
    hasher: DefaultHashBuilder,
    deleted_ranges: Vec<(Space, Vec<u8>, Vec<u8>)>,
    /// What takes back every write since [`Overlay::begin_part`], in order; none outside of a part.
    undo: Option<Vec<Undo>>,
}

/// A part of a transaction; where it begins in the notes of the part around it, if it is not the outermost.
pub(super) struct Part(Option<usize>);

/// How to take back one write.
enum Undo {
    /// The key was not written before.
    Forget(Space, KeyBytes),
    /// The key was written before.
    Restore(Write),
    /// The last range was deleted, and with it these writes.
    Revive(Vec<Write>),
}

impl Overlay {
    /// What the transaction made of a key: a value, or (inner none) nothing; outer none: untouched.
    pub(super) fn get(&self, space: Space, key: &[u8]) -> Option<Option<Bytes>> {
        if let Some(position) = self.position(space, key) {
            return Some(self.writes[position].2.clone());
        }
        self.covers(space, key).then_some(None)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.writes.is_empty() && self.deleted_ranges.is_empty()
    }

    /// Whether a range that the transaction deleted holds the key.
    pub(super) fn covers(&self, space: Space, key: &[u8]) -> bool {
        let covers = |(of, from, to): &(Space, Vec<u8>, Vec<u8>)| {
            *of == space && key >= from.as_slice() && key < to.as_slice()
        };
        self.deleted_ranges.iter().any(covers)
    }

    pub(super) fn deletes_ranges(&self) -> bool {
        !self.deleted_ranges.is_empty()
    }

    /// The written keys of a range, in order.
    pub(super) fn range(&self, space: Space, range: &ScanRange) -> Vec<(&[u8], Option<&[u8]>)> {
        let inside = self.writes.iter().filter(|(of, key, _)| *of == space && range.contains(key));
        let mut found: Vec<_> = inside.map(|(_, key, value)| (key.as_slice(), value.as_deref())).collect();
        found.sort_unstable_by_key(|(key, _)| *key);
        found
    }

    pub(super) fn write(&mut self, space: Space, key: &[u8], value: Option<Bytes>) {
        if let Some(position) = self.position(space, key) {
            let before = std::mem::replace(&mut self.writes[position].2, value);
            if let Some(undo) = &mut self.undo {
                undo.push(Undo::Restore((space, KeyBytes::from_slice(key), before)));
            }
            return;
        }
        if let Some(undo) = &mut self.undo {
            undo.push(Undo::Forget(space, KeyBytes::from_slice(key)));
        }
        self.push((space, KeyBytes::from_slice(key), value));
    }

    fn push(&mut self, write: Write) {
        self.writes.push(write);
        match self.writes.len() {
            count if count <= FEW => {}
            count if count == FEW + 1 => self.index_all(),
            count => self.index(count - 1),
        }
    }

    pub(super) fn delete_range(&mut self, space: Space, from: &[u8], to: &[u8]) {
        let before = self.writes.len();
        let mut gone = Vec::new();
        let keeps_gone = self.undo.is_some();
        self.writes.retain(|write| {
            let (of, key, _) = &*write;
            let stays = *of != space || key.as_slice() < from || key.as_slice() >= to;
            if !stays && keeps_gone {
                gone.push(write.clone());
            }
            stays
        });
        if self.writes.len() < before {
            self.index_all();
        }
        if let Some(undo) = &mut self.undo {
            undo.push(Undo::Revive(gone));
        }
        self.deleted_ranges.push((space, from.to_vec(), to.to_vec()));
    }

    /// What is written from here on can be taken back, up to [`Overlay::end_part`]. Parts may nest.
    pub(super) fn begin_part(&mut self) -> Part {
        let outer = self.undo.as_ref().map(Vec::len);
        self.undo.get_or_insert_default();
        Part(outer)
    }

    /// Ends the part that was begun last; takes back what was written in it unless it is to be kept.
    pub(super) fn end_part(&mut self, part: Part, keep: bool) {
        if keep && part.0.is_some() {
            return;
        }
        let mut undo = self.undo.take().unwrap_or_default();
        let steps = undo.split_off(part.0.unwrap_or(0).min(undo.len()));
        if !keep {
            self.take_back(steps);
        }
        self.undo = part.0.map(|_| undo);
    }

    fn take_back(&mut self, steps: Vec<Undo>) {
        for step in steps.into_iter().rev() {
            match step {
                Undo::Forget(space, key) => self.forget(space, &key),
                Undo::Restore((space, key, before)) => self.write(space, &key, before),
                Undo::Revive(writes) => {
                    self.deleted_ranges.pop();
                    writes.into_iter().for_each(|write| self.push(write));
                }
            }
        }
    }

    fn forget(&mut self, space: Space, key: &[u8]) {
        let Some(position) = self.position(space, key) else { return };
        self.writes.swap_remove(position);
        if self.writes.len() <= FEW {
            self.index.clear();
        } else {
            self.move_in_index(space, key, position);
        }
    }

    /// The key has left `position`, where the last write came in its place.
    fn move_in_index(&mut self, space: Space, key: &[u8], position: usize) {
        let Overlay { writes, index, hasher, .. } = self;
        if let Ok(entry) = index.find_entry(hasher.hash_one((space, key)), |at| *at == position) {
            entry.remove();
        }
        let Some((space, key, _)) = writes.get(position) else { return };
        if let Some(at) = index.find_mut(hasher.hash_one((space, key.as_slice())), |at| *at == writes.len()) {
            *at = position;
        }
    }

    /// Takes writes out that are not to be taken back: nobody else asks for them before the commit. Those
    /// stay that a deleted range holds, which must come before them.
    pub(super) fn take(&mut self, is_wanted: impl Fn(Space, &[u8]) -> bool) -> Writes {
        let all = std::mem::take(&mut self.writes);
        let (taken, kept) =
            all.into_iter().partition(|(space, key, _)| is_wanted(*space, key) && !self.covers(*space, key));
        self.writes = kept;
        self.index_all();
        if let Some(undo) = &mut self.undo {
            undo.retain(|step| match step {
                Undo::Forget(space, key) | Undo::Restore((space, key, _)) => !is_wanted(*space, key),
                Undo::Revive(_) => true,
            });
        }
        taken
    }

    pub(super) fn into_batch(self) -> Batch {
        Batch { deleted_ranges: self.deleted_ranges, writes: self.writes, ..Batch::default() }
    }

    fn position(&self, space: Space, key: &[u8]) -> Option<usize> {
        let is_it = |write: &Write| write.0 == space && write.1.as_slice() == key;
        if self.writes.len() <= FEW {
            return self.writes.iter().position(is_it);
        }
        let hash = self.hasher.hash_one((space, key));
        self.index.find(hash, |position| is_it(&self.writes[*position])).copied()
    }

    fn index_all(&mut self) {
        self.index.clear();
        if self.writes.len() > FEW {
            (0..self.writes.len()).for_each(|position| self.index(position));
        }
    }

    fn index(&mut self, position: usize) {
        let Overlay { writes, index, hasher, .. } = self;
        let hash = |position: &usize| hasher.hash_one((writes[*position].0, writes[*position].1.as_slice()));
        index.insert_unique(hash(&position), position, hash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn take(overlay: &mut Overlay, (deletes, key, to, value): &Step) {
        if *deletes && key % 4 == 0 {
            overlay.delete_range(Space::Data, &[*key], &[*to]);
        } else {
            overlay.write(Space::Data, &[*key], value.map(|value| Bytes::copy_from_slice(&[value])));
        }
    }

    type Step = (bool, u8, u8, Option<u8>);

    proptest! {
        #[test]
        fn a_part_that_failed_leaves_nothing(before: Vec<Step>, part: Vec<Step>, after: Vec<Step>) {
            let (mut overlay, mut plain) = (Overlay::default(), Overlay::default());
            before.iter().for_each(|step| {
                take(&mut overlay, step);
                take(&mut plain, step);
            });
            let begun = overlay.begin_part();
            part.iter().for_each(|step| take(&mut overlay, step));
            overlay.end_part(begun, false);
            after.iter().for_each(|step| {
                take(&mut overlay, step);
                take(&mut plain, step);
            });
            for key in 0..=255 {
                prop_assert_eq!(overlay.get(Space::Data, &[key]), plain.get(Space::Data, &[key]));
            }
            let sorted = |overlay: Overlay| {
                let mut batch = overlay.into_batch();
                batch.writes.sort();
                batch
            };
            prop_assert_eq!(sorted(overlay), sorted(plain));
        }

        #[test]
        fn parts_nest(parts: Vec<(Vec<Step>, bool)>, keep_all: bool) {
            let (mut overlay, mut plain) = (Overlay::default(), Overlay::default());
            let all = overlay.begin_part();
            for (steps, keep) in &parts {
                let part = overlay.begin_part();
                steps.iter().for_each(|step| take(&mut overlay, step));
                overlay.end_part(part, *keep);
                if *keep && keep_all {
                    steps.iter().for_each(|step| take(&mut plain, step));
                }
            }
            overlay.end_part(all, keep_all);
            prop_assert!(overlay.undo.is_none());
            for key in 0..=255 {
                prop_assert_eq!(overlay.get(Space::Data, &[key]), plain.get(Space::Data, &[key]));
            }
        }

        #[test]
        fn matches_a_map(steps: Vec<Step>) {
            let mut overlay = Overlay::default();
            let mut model = BTreeMap::new();
            for (deletes, key, to, value) in steps {
                if deletes && key % 4 == 0 {
                    overlay.delete_range(Space::Data, &[key], &[to]);
                    for key in key..to {
                        model.insert(key, None);
                    }
                } else {
                    let value = value.map(|value| Bytes::copy_from_slice(&[value]));
                    overlay.write(Space::Data, &[key], value.clone());
                    model.insert(key, value);
                }
                for key in 0..=255 {
                    prop_assert_eq!(overlay.get(Space::Data, &[key]), model.get(&key).cloned());
                }
                prop_assert_eq!(overlay.get(Space::Meta, &[key]), None);
            }
            let everything = ScanRange { from: Vec::new(), to: None };
            for (key, value) in overlay.range(Space::Data, &everything) {
                prop_assert_eq!(model[&key[0]].as_deref(), value);
            }
        }
    }
}
