//! Where members are: `GEODIST`, `GEOHASH`, `GEOPOS`.

use super::{distance, reply, spec, unit_m};
use crate::commands::args::Args;
use crate::commands::sorted_set::READ_KEY;
use crate::commands::spec::{Arity, Spec};
use crate::commands::{Command, ReadCommand};
use crate::data_types::geo::Point;
use crate::data_types::sorted_set::SortedSet;
use crate::error::{Error, Result};
use crate::keyspace::Keys;
use crate::keyspace::tx::ReadTx;
use crate::protocol::Reply;
use bytes::Bytes;

const EACH: &str = "O(1) for each member";

/// The places of members; none for those that are not there.
fn points(tx: &ReadTx, key: &[u8], members: &[Bytes]) -> Result<Vec<Option<Point>>> {
    let Some(set) = SortedSet::open(tx, key)? else { return Ok(vec![None; members.len()]) };
    members.iter().map(|member| Ok(set.score(tx, member)?.map(Point::of_score))).collect()
}

/// `GEODIST`.
pub struct GeoDist {
    pub key: Bytes,
    pub members: [Bytes; 2],
    /// In m.
    pub unit_m: f64,
}

impl Command for GeoDist {
    const SPEC: Spec = spec("GEODIST", Arity::AtLeast(4))
        .keys(READ_KEY)
        .syntax("key member1 member2 [M | KM | FT | MI]")
        .doc("3.2.0", "O(1)", "Returns the distance between two members of a geospatial index.");
    type Output = Option<Bytes>;

    fn parse(args: &mut Args) -> Result<Self> {
        let (key, members) = (args.bytes()?, [args.bytes()?, args.bytes()?]);
        let unit_m = match args.rest() {
            [] => 1.0,
            [unit] => unit_m(unit)?,
            _ => return Err(Error::Syntax),
        };
        Ok(GeoDist { key, members, unit_m })
    }
}

impl ReadCommand for GeoDist {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<Option<Bytes>> {
        match points(tx, &self.key, &self.members)?[..] {
            [Some(a), Some(b)] => Ok(Some(distance(a.distance_m(b), self.unit_m))),
            _ => Ok(None),
        }
    }
}

const HASH: bool = true;

/// `GEOHASH` and `GEOPOS`.
pub struct Positions<const AS_HASH: bool> {
    pub key: Bytes,
    pub members: Vec<Bytes>,
}

pub type GeoHash = Positions<HASH>;
pub type GeoPos = Positions<{ !HASH }>;

impl<const AS_HASH: bool> Command for Positions<AS_HASH> {
    const SPEC: Spec = {
        let name = if AS_HASH { "GEOHASH" } else { "GEOPOS" };
        let summary = if AS_HASH {
            "Returns members of a geospatial index as geohash strings."
        } else {
            "Returns the longitude and latitude of members of a geospatial index."
        };
        spec(name, Arity::AtLeast(2))
            .keys(READ_KEY)
            .syntax("key [member [member ...]]")
            .doc("3.2.0", EACH, summary)
    };
    type Output = Vec<Reply>;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(Positions { key: args.bytes()?, members: args.rest().to_vec() })
    }
}

impl<const AS_HASH: bool> ReadCommand for Positions<AS_HASH> {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<Vec<Reply>> {
        let shown = |point: Option<Point>| match point {
            Some(point) if AS_HASH => point.geohash().into(),
            Some(point) => reply::coordinates(point),
            None if AS_HASH => Reply::Null,
            None => Reply::NullArray,
        };
        Ok(points(tx, &self.key, &self.members)?.into_iter().map(shown).collect())
    }
}
