//! Places on Earth as members of a sorted set: the score is the number of the cell the place is in.
//!
//! A place is found again with an error of at most 0.6 m, for a cell is what is kept of it.

mod cell;
mod search;

pub use cell::Cell;
pub use search::{Found, Shape, Stop, search};

use std::f64::consts::PI;

/// As Redis takes it, m.
const EARTH_RADIUS_M: f64 = 6_372_797.560856;

/// The longitudes and latitudes there are, degrees: those of a Mercator map that is a square.
const MAX_LONGITUDE: f64 = 180.0;
const MAX_LATITUDE: f64 = 85.05112878;

fn radians(degrees: f64) -> f64 {
    degrees * (PI / 180.0)
}

fn degrees(radians: f64) -> f64 {
    radians / (PI / 180.0)
}

/// A place, in degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    pub longitude: f64,
    pub latitude: f64,
}

impl Point {
    /// Whether the place is on the map: the poles are not.
    pub fn is_on_map(self) -> bool {
        self.longitude.abs() <= MAX_LONGITUDE && self.latitude.abs() <= MAX_LATITUDE
    }

    /// The score of a place on the map.
    pub fn score(self) -> f64 {
        Cell::of(self, Cell::FINEST).first_score() as f64
    }

    /// The place of a score: the middle of its cell.
    pub fn of_score(score: f64) -> Point {
        Cell { bits: score as i64 as u64, step: Cell::FINEST }.middle()
    }

    /// How far it is to another place along a great circle, m (haversine formula).
    pub fn distance_m(self, other: Point) -> f64 {
        let (latitude, other_latitude) = (radians(self.latitude), radians(other.latitude));
        let v = ((radians(other.longitude) - radians(self.longitude)) / 2.0).sin();
        if v == 0.0 {
            // Straight north or south; the last digit is Redis' only this way.
            return EARTH_RADIUS_M * (other_latitude - latitude).abs();
        }
        let u = ((other_latitude - latitude) / 2.0).sin();
        let cosines = latitude.cos() * other_latitude.cos();
        2.0 * EARTH_RADIUS_M * (u * u + cosines * v * v).sqrt().asin()
    }

    /// The geohash as the rest of the world writes it: 11 characters, the last of which says nothing.
    pub fn geohash(self) -> String {
        const ALPHABET: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
        const BITS_PER_CHARACTER: u32 = 5;
        let bits = Cell::within(self, Cell::FINEST, (180.0, 90.0)).bits;
        let character = |shift: u32| char::from(ALPHABET[(bits >> shift) as usize % ALPHABET.len()]);
        let characters =
            (1..=10).map(|number| character(2 * u32::from(Cell::FINEST) - number * BITS_PER_CHARACTER));
        characters.chain(['0']).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PALERMO: Point = Point { longitude: 13.361389, latitude: 38.115556 };
    const CATANIA: Point = Point { longitude: 15.087269, latitude: 37.502669 };

    #[test]
    fn golden() {
        assert_eq!(PALERMO.score(), 3479099956230698.0);
        assert_eq!(CATANIA.score(), 3479447370796909.0);
        let (palermo, catania) = (Point::of_score(PALERMO.score()), Point::of_score(CATANIA.score()));
        assert_eq!(format!("{:.4}", palermo.distance_m(catania)), "166274.1516");
        assert_eq!((palermo.geohash(), catania.geohash()), ("sqc8b49rny0".into(), "sqdtr74hyu0".into()));
    }

    #[test]
    fn the_edges_of_the_map() {
        for (longitude, latitude) in [(180.0, MAX_LATITUDE), (-180.0, -MAX_LATITUDE), (0.0, 0.0)] {
            let point = Point { longitude, latitude };
            assert!(point.is_on_map());
            assert!(Point::of_score(point.score()).distance_m(point) < 1.0);
        }
        assert!(!Point { longitude: 0.0, latitude: 85.06 }.is_on_map());
        assert!(!Point { longitude: f64::NAN, latitude: 0.0 }.is_on_map());
    }

    #[test]
    fn any_score_is_somewhere() {
        for score in [f64::INFINITY, f64::NEG_INFINITY, -1.0, 1e300, 0.5] {
            assert!(Point::of_score(score).is_on_map(), "{score}");
        }
    }
}
