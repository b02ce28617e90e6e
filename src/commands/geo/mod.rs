//! The geo family.

mod add;
mod position;
mod radius;
mod reply;
mod search;

use super::Entry;
use super::args::Args;
use super::spec::{Arity, Group, Spec};
use crate::data_types::geo::Point;
use crate::encoding::text;
use crate::error::{Error, Result};
use bytes::Bytes;

pub static COMMANDS: &[Entry] = &[
    Entry::write::<add::GeoAdd>(),
    Entry::read::<position::GeoDist>(),
    Entry::read::<position::GeoHash>(),
    Entry::read::<position::GeoPos>(),
    Entry::write::<radius::GeoRadius>(),
    Entry::write::<radius::GeoRadiusByMember>(),
    Entry::read::<radius::GeoRadiusByMemberRo>(),
    Entry::read::<radius::GeoRadiusRo>(),
    Entry::read::<search::GeoSearch>(),
    Entry::write::<search::GeoSearchStore>(),
];

const fn spec(name: &'static str, arity: Arity) -> Spec {
    Spec::new(name, Group::Geo, arity)
}

/// A longitude and a latitude among a command's words.
fn point(longitude: &[u8], latitude: &[u8]) -> Result<Point> {
    let degrees = |word: &[u8]| text::parse_f64(word).ok_or(Error::NotFloat);
    let point = Point { longitude: degrees(longitude)?, latitude: degrees(latitude)? };
    if point.is_on_map() {
        return Ok(point);
    }
    let Point { longitude, latitude } = point;
    Err(Error::err(format_args!("invalid longitude,latitude pair {longitude:.6},{latitude:.6}")))
}

/// How many meters a unit has.
fn unit_m(word: &[u8]) -> Result<f64> {
    const UNITS: [(&str, f64); 4] = [("m", 1.0), ("km", 1000.0), ("ft", 0.3048), ("mi", 1609.34)];
    let unit = UNITS.into_iter().find(|(name, _)| word.eq_ignore_ascii_case(name.as_bytes()));
    let unit = unit.ok_or(Error::text("ERR unsupported unit provided. please use M, KM, FT, MI"))?;
    Ok(unit.1)
}

/// A length as a number of units that are named later.
fn length(args: &mut Args, complaint: &'static str) -> Result<f64> {
    text::parse_f64(&args.bytes()?).ok_or(Error::text(complaint))
}

/// A number of meters in a unit, with four digits behind the point.
fn distance(meters: f64, unit_m: f64) -> Bytes {
    format!("{:.4}", meters / unit_m).into()
}
