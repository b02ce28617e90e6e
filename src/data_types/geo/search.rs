//! The members of a sorted set that lie within a circle or a box.

use super::cell::{Area, Cell};
use super::{EARTH_RADIUS_M, Point, degrees, radians};
use crate::data_types::sorted_set::{Range, SortedSet};
use crate::error::Result;
use crate::keyspace::tx::ReadTx;
use bytes::Bytes;
use std::ops::ControlFlow;

/// Half of a Mercator map's side, m.
const MERCATOR_MAX_M: f64 = 20_037_726.37;

/// What is searched around a place, m.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape {
    Circle { radius: f64 },
    Box { width: f64, height: f64 },
}

/// A member that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    pub member: Bytes,
    pub score: f64,
    pub point: Point,
    /// From the middle of the search, m.
    pub distance_m: f64,
}

/// When enough is found: any so many members, or (none) all of them.
pub type Stop = Option<u64>;

impl Shape {
    /// The distance from the center to the point farthest away, m.
    fn reach(self) -> f64 {
        match self {
            Shape::Circle { radius } => radius,
            Shape::Box { width, height } => ((width / 2.0).powi(2) + (height / 2.0).powi(2)).sqrt(),
        }
    }

    /// How far a place is from the center, m, if it lies within the shape.
    fn distance_m(self, center: Point, point: Point) -> Option<f64> {
        match self {
            Shape::Circle { radius } => Some(center.distance_m(point)).filter(|distance| *distance <= radius),
            Shape::Box { width, height } => {
                let same_latitude = Point { latitude: point.latitude, ..center };
                let same_longitude = Point { latitude: center.latitude, ..point };
                let inside = same_longitude.distance_m(point) <= height / 2.0
                    && same_latitude.distance_m(point) <= width / 2.0;
                inside.then(|| center.distance_m(point))
            }
        }
    }

    /// What must be searched, at least, in degrees.
    fn bounds(self, center: Point) -> Area {
        let (width, height) = match self {
            Shape::Circle { radius } => (radius, radius),
            Shape::Box { width, height } => (width / 2.0, height / 2.0),
        };
        let Point { longitude, latitude } = center;
        let up = degrees(height / EARTH_RADIUS_M);
        // Degrees of longitude are the shorter the nearer to a pole.
        let polar_edge = if latitude < 0.0 { latitude - up } else { latitude + up };
        let aside = degrees(width / EARTH_RADIUS_M / radians(polar_edge).cos());
        Area { west: longitude - aside, east: longitude + aside, south: latitude - up, north: latitude + up }
    }

    /// The size of cells of which the one with the center and those around it cover the shape, mostly.
    fn step(self, center: Point) -> u8 {
        let mut reach = self.reach();
        if reach == 0.0 {
            return Cell::FINEST;
        }
        let mut step = -1;
        while reach < MERCATOR_MAX_M {
            reach *= 2.0;
            step += 1;
        }
        let latitude = center.latitude.abs();
        step -= i32::from(latitude > 66.0) + i32::from(latitude > 80.0);
        step.clamp(1, i32::from(Cell::FINEST)) as u8
    }

    /// The cells that cover the shape, in the order in which they are searched.
    fn cells(self, center: Point) -> Vec<Cell> {
        const AROUND: [(i32, i32); 8] =
            [(0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)];
        let bounds = self.bounds(center);
        let mut middle = Cell::of(center, self.step(center));
        if middle.step > 1 && !covers(middle, bounds) {
            middle = Cell::of(center, middle.step - 1);
        }
        let area = middle.area();
        let is_needed = |(east, north): (i32, i32)| {
            middle.step < 2
                || !(north < 0 && area.south < bounds.south
                    || north > 0 && area.north > bounds.north
                    || east < 0 && area.west < bounds.west
                    || east > 0 && area.east > bounds.east)
        };
        let around = AROUND.into_iter().filter(|way| is_needed(*way));
        let mut cells: Vec<Cell> = around.map(|(east, north)| middle.neighbor(east, north)).collect();
        // Where there are few cells, the way east leads to the same one as the way west.
        cells.dedup();
        cells.insert(0, middle);
        cells
    }
}

/// Whether the cells around one reach as far as is to be searched.
fn covers(cell: Cell, bounds: Area) -> bool {
    let at = |east, north| cell.neighbor(east, north).area();
    at(0, 1).north >= bounds.north
        && at(0, -1).south <= bounds.south
        && at(1, 0).east >= bounds.east
        && at(-1, 0).west <= bounds.west
}

/// The members within a shape around a place, in the order in which they are met. O(log n + members
/// in the cells around it).
pub fn search(tx: &ReadTx, set: &SortedSet, center: Point, shape: Shape, stop: Stop) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    let is_enough = |found: &Vec<Found>| stop.is_some_and(|stop| found.len() as u64 >= stop);
    for cell in shape.cells(center) {
        if is_enough(&found) {
            break;
        }
        let places = set.ranks(tx, &Range::Score(cell.scores()))?;
        set.visit(tx, places, |member, score| {
            let point = Point::of_score(score);
            if let Some(distance_m) = shape.distance_m(center, point) {
                found.push(Found { member, score, point, distance_m });
            }
            Ok(if is_enough(&found) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SIZES_M: [f64; 4] = [1.0, 500.0, 40_000.0, 900_000.0];

    proptest! {
        /// Away from the edges of the map, where Redis, too, overlooks what lies beyond.
        #[test]
        fn cells_cover_the_shape(
            longitude in -150.0..150.0,
            latitude in -60.0..60.0,
            away in -1.0..1.0,
            up in -1.0..1.0,
            size in prop::sample::select(&SIZES_M),
            height in prop::sample::select(&SIZES_M),
        ) {
            let center = Point { longitude, latitude };
            let per_degree = radians(1.0) * EARTH_RADIUS_M;
            let latitude = latitude + up * size / per_degree;
            let point = Point { longitude: longitude + 2.0 * away * size / per_degree, latitude };
            for shape in [Shape::Circle { radius: size }, Shape::Box { width: size, height }] {
                let is_covered = shape.cells(center).into_iter().any(|cell| {
                    let scores = cell.scores();
                    scores.min.score <= point.score() && point.score() < scores.max.score
                });
                prop_assert!(is_covered || shape.distance_m(center, point).is_none());
            }
        }
    }

    #[test]
    fn few_cells_are_searched() {
        let center = Point { longitude: 6.08, latitude: 50.77 };
        let cells = Shape::Circle { radius: 1000.0 }.cells(center);
        assert!(cells.len() <= 9 && cells.iter().all(|cell| cell.step >= 12), "{cells:?}");
        assert_eq!(Shape::Circle { radius: 1e9 }.cells(center).len(), 4);
    }
}
