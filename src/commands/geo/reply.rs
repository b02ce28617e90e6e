//! Places in replies.

use super::distance;
use crate::data_types::geo::{Found, Point};
use crate::protocol::Reply;

/// What is shown of a member beside its name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shown {
    pub distance: bool,
    pub hash: bool,
    pub coordinates: bool,
}

/// Degrees with 17 digits behind the point, without the zeros at the end.
fn degrees(degrees: f64) -> Reply {
    let text = format!("{degrees:.17}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    Reply::Decimal(if text == "-0" { "0".to_owned() } else { text.to_owned() })
}

/// A longitude and a latitude.
pub fn coordinates(point: Point) -> Reply {
    Reply::Array(vec![degrees(point.longitude), degrees(point.latitude)])
}

impl Shown {
    /// Whether it is anything at all.
    pub fn is_any(self) -> bool {
        self != Shown::default()
    }

    /// A member that was found, distances in the unit.
    pub fn reply(self, found: Found, unit_m: f64) -> Reply {
        if !self.is_any() {
            return found.member.into();
        }
        let mut parts = vec![found.member.into()];
        if self.distance {
            parts.push(distance(found.distance_m, unit_m).into());
        }
        if self.hash {
            parts.push(Reply::Integer(found.score as i64));
        }
        if self.coordinates {
            parts.push(coordinates(found.point));
        }
        Reply::Array(parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn degrees_as_redis_prints_them() {
        for (number, expected) in [
            (13.361389338970184, "13.36138933897018433"),
            (-0.0, "0"),
            (-180.0, "-180"),
            (0.5, "0.5"),
            (100.0, "100"),
            (-1e-20, "0"),
        ] {
            assert_eq!(degrees(number), Reply::Decimal(expected.into()));
        }
    }
}
