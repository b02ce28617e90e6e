//! Where walks over keys go on. Redis' cursors are numbers, ours are places between keys: a bounded
//! table maps one to the other. The oldest cursors are forgotten first.

use crate::error::{Error, Result};
use bytes::Bytes;
use hashbrown::HashMap;
use parking_lot::Mutex;
use std::collections::VecDeque;

/// How many cursors are remembered, unless [`Cursors::set_most`] says otherwise.
const CURSORS: usize = 65_536;
/// How many bytes of keys they may take together.
const CURSOR_BYTES: usize = 64 << 20;
/// How far the count of openings is shifted in a cursor, so that one from before a restart is
/// recognized as unknown instead of taken for another.
const OPENED_SHIFT: u32 = 32;

/// The cursors that clients hold.
#[derive(Debug)]
pub struct Cursors {
    table: Mutex<Table>,
}

#[derive(Debug)]
struct Table {
    /// The places in the order they were given out.
    places: VecDeque<Bytes>,
    /// The number of the first of them.
    oldest: u64,
    numbers: HashMap<Bytes, u64>,
    bytes: usize,
    /// How many are remembered.
    most: usize,
}

impl Cursors {
    /// An empty table for the `opened`th opening of the database.
    pub fn new(opened: u32) -> Cursors {
        let oldest = (u64::from(opened) << OPENED_SHIFT) + 1;
        let (places, numbers) = (VecDeque::new(), HashMap::new());
        Cursors { table: Mutex::new(Table { places, oldest, numbers, bytes: 0, most: CURSORS }) }
    }

    /// Sets how many cursors are remembered (`scan-cursors`), at least one.
    pub fn set_most(&self, most: usize) {
        let mut table = self.table.lock();
        table.most = most.max(1);
        table.forget_what_is_too_much();
    }

    /// A number for a place; the same place gets the same number as long as that is not among the
    /// older half of those remembered. O(1).
    pub fn number_of(&self, place: Bytes) -> u64 {
        let mut table = self.table.lock();
        let known = table.numbers.get(&place).copied();
        if let Some(number) = known
            && number - table.oldest >= (table.places.len() / 2) as u64
        {
            return number;
        }
        let number = table.oldest + table.places.len() as u64;
        table.bytes += place.len();
        table.numbers.insert(place.clone(), number);
        table.places.push_back(place);
        table.forget_what_is_too_much();
        number
    }

    /// The place a number stands for. O(1).
    ///
    /// # Errors
    /// When the number was never given out, or is forgotten.
    pub fn place_of(&self, number: u64) -> Result<Bytes> {
        let table = self.table.lock();
        let position = number.checked_sub(table.oldest).and_then(|position| usize::try_from(position).ok());
        let place = position.and_then(|position| table.places.get(position));
        place.cloned().ok_or(Error::text("ERR unknown or forgotten cursor, start again from 0"))
    }
}

impl Table {
    fn forget_what_is_too_much(&mut self) {
        while self.places.len() > self.most || (self.bytes > CURSOR_BYTES && self.places.len() > 1) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some(place) = self.places.pop_front() else { return };
        if self.numbers.get(&place) == Some(&self.oldest) {
            self.numbers.remove(&place);
        }
        self.bytes -= place.len();
        self.oldest += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(number: usize) -> Bytes {
        Bytes::from(number.to_string())
    }

    #[test]
    fn places_come_back() {
        let cursors = Cursors::new(1);
        let (a, b) = (cursors.number_of(place(1)), cursors.number_of(place(2)));
        assert_ne!(a, b);
        assert_eq!(cursors.place_of(a).unwrap(), place(1));
        assert_eq!(cursors.place_of(b).unwrap(), place(2));
        assert_eq!(cursors.number_of(place(2)), b);
    }

    #[test]
    fn the_oldest_is_forgotten() {
        let cursors = Cursors::new(1);
        let first = cursors.number_of(place(0));
        for number in 1..=CURSORS {
            cursors.number_of(place(number));
        }
        assert!(cursors.place_of(first).is_err());
        assert_eq!(cursors.place_of(first + 1).unwrap(), place(1));
        assert_eq!(cursors.table.lock().numbers.len(), CURSORS);
    }

    #[test]
    fn fewer_are_remembered_if_asked() {
        let cursors = Cursors::new(1);
        let numbers: Vec<u64> = (0..10).map(|number| cursors.number_of(place(number))).collect();
        cursors.set_most(3);
        assert_eq!(numbers.iter().filter(|number| cursors.place_of(**number).is_ok()).count(), 3);
        let next = cursors.number_of(place(10));
        assert_eq!(cursors.place_of(next).unwrap(), place(10));
        assert!(cursors.place_of(numbers[7]).is_err() && cursors.place_of(numbers[8]).is_ok());
        cursors.set_most(0);
        assert_eq!(cursors.place_of(next).unwrap(), place(10));
    }

    #[test]
    fn a_place_about_to_be_forgotten_gets_a_new_number() {
        let cursors = Cursors::new(1);
        let first = cursors.number_of(place(0));
        for number in 1..CURSORS {
            cursors.number_of(place(number));
        }
        let again = cursors.number_of(place(0));
        assert_ne!(again, first);
        assert_eq!(cursors.place_of(again).unwrap(), place(0));
        assert_eq!(cursors.number_of(place(0)), again);
    }

    #[test]
    fn long_keys_are_bounded() {
        let cursors = Cursors::new(1);
        for number in 0..100u8 {
            cursors.number_of(Bytes::from(vec![number; 1 << 20]));
        }
        assert!(cursors.table.lock().bytes <= CURSOR_BYTES);
    }

    #[test]
    fn numbers_that_were_never_given_out() {
        let cursors = Cursors::new(2);
        let number = cursors.number_of(place(0));
        for unknown in [1, number - 1, number + 1, u64::MAX, (1 << OPENED_SHIFT) + 1] {
            assert!(cursors.place_of(unknown).is_err(), "{unknown}");
        }
    }
}
