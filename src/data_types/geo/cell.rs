//! The cells of the map: halved again and again, in longitude and in latitude by turns.

use super::{MAX_LATITUDE, MAX_LONGITUDE, Point};
use crate::data_types::sorted_set::{ScoreBound, ScoreRange};

/// One cell of the map, by the way to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    /// A bit for each halving, the first one highest: longitude in the odd bits, latitude in the even.
    pub(super) bits: u64,
    /// How often both were halved.
    pub(super) step: u8,
}

/// What a cell covers, in degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Area {
    pub west: f64,
    pub east: f64,
    pub south: f64,
    pub north: f64,
}

/// Bits in groups of 16, 8, 4, 2 and 1, with as much room between them.
const GROUPS: [(u32, u64); 5] = [
    (16, 0x0000_ffff_0000_ffff),
    (8, 0x00ff_00ff_00ff_00ff),
    (4, 0x0f0f_0f0f_0f0f_0f0f),
    (2, 0x3333_3333_3333_3333),
    (1, 0x5555_5555_5555_5555),
];

/// Puts zero bits between the bits of a number.
fn spread(number: u32) -> u64 {
    GROUPS.into_iter().fold(number.into(), |bits, (shift, mask)| (bits | bits << shift) & mask)
}

/// The even bits of a number, without the others.
fn gather(bits: u64) -> u32 {
    let joined = GROUPS.into_iter().rev().fold(bits, |bits, (shift, mask)| {
        let bits = bits & mask;
        bits | bits >> shift
    });
    joined as u32
}

impl Cell {
    /// Halvings of a cell whose number is a score: all that a double can count.
    pub(super) const FINEST: u8 = 26;

    /// The cell that a place is in.
    pub(super) fn of(point: Point, step: u8) -> Cell {
        Cell::within(point, step, (MAX_LONGITUDE, MAX_LATITUDE))
    }

    /// The same on a map that ends at these longitudes and latitudes.
    pub(super) fn within(point: Point, step: u8, (max_longitude, max_latitude): (f64, f64)) -> Cell {
        let place =
            |degrees: f64, max: f64| ((degrees + max) / (max + max) * f64::from(1_u32 << step)) as u32;
        Cell::at(place(point.longitude, max_longitude), place(point.latitude, max_latitude), step)
    }

    fn at(column: u32, row: u32, step: u8) -> Cell {
        Cell { bits: spread(row) | spread(column) << 1, step }
    }

    /// The first score of the finest cells it is made of.
    pub(super) fn first_score(self) -> u64 {
        self.bits << (2 * (Cell::FINEST - self.step))
    }

    /// The scores of the finest cells it is made of.
    pub(super) fn scores(self) -> ScoreRange {
        let next = Cell { bits: self.bits.wrapping_add(1), ..self };
        ScoreRange {
            min: ScoreBound { score: self.first_score() as f64, exclusive: false },
            max: ScoreBound { score: next.first_score() as f64, exclusive: true },
        }
    }

    pub(super) fn area(self) -> Area {
        let edge = |place: f64, max: f64| -max + (place / f64::from(1_u32 << self.step)) * (max + max);
        let (column, row) = (f64::from(gather(self.bits >> 1)), f64::from(gather(self.bits)));
        Area {
            west: edge(column, MAX_LONGITUDE),
            east: edge(column + 1.0, MAX_LONGITUDE),
            south: edge(row, MAX_LATITUDE),
            north: edge(row + 1.0, MAX_LATITUDE),
        }
    }

    /// Its middle; on the edge of the map for what is no cell of it.
    pub(super) fn middle(self) -> Point {
        let Area { west, east, south, north } = self.area();
        Point {
            longitude: ((west + east) / 2.0).clamp(-MAX_LONGITUDE, MAX_LONGITUDE),
            latitude: ((south + north) / 2.0).clamp(-MAX_LATITUDE, MAX_LATITUDE),
        }
    }

    /// The cell so many columns east and rows north, beginning again behind the edge of the map.
    pub(super) fn neighbor(self, east: i32, north: i32) -> Cell {
        let moved = |place: u32, by: i32| match by {
            0 => place,
            by => place.wrapping_add_signed(by) & ((1_u32 << self.step) - 1),
        };
        Cell::at(moved(gather(self.bits >> 1), east), moved(gather(self.bits), north), self.step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bits_come_back(column: u32, row: u32) {
            let bits = Cell::at(column, row, Cell::FINEST).bits;
            prop_assert_eq!((gather(bits >> 1), gather(bits)), (column, row));
        }

        #[test]
        fn a_place_is_in_its_cell(longitude in -180.0..180.0, latitude in -85.0..85.0, step in 1u8..=26) {
            let cell = Cell::of(Point { longitude, latitude }, step);
            let Area { west, east, south, north } = cell.area();
            prop_assert!(west <= longitude && longitude <= east && south <= latitude && latitude <= north);
            let score = Cell::of(Point { longitude, latitude }, Cell::FINEST).first_score() as f64;
            prop_assert!(cell.scores().min.score <= score && score < cell.scores().max.score);
        }

        #[test]
        fn there_and_back(bits in 0u64..1 << 20, east in -1i32..=1, north in -1i32..=1) {
            let cell = Cell { bits, step: 10 };
            prop_assert_eq!(cell.neighbor(east, north).neighbor(-east, -north), cell);
        }

        #[test]
        fn never_panics(bits: u64, step in 1u8..=26, east in -1i32..=1, north in -1i32..=1) {
            let cell = Cell { bits, step };
            let _ = (cell.scores(), cell.middle(), cell.neighbor(east, north));
        }
    }
}
