//! What `GEOSEARCH` replaces: `GEORADIUS`, `GEORADIUSBYMEMBER`, and the forms that only read.

use super::search::{self, Center, Dialect, Options, Search};
use super::spec;
use crate::commands::args::Args;
use crate::commands::sorted_set::READ_KEY;
use crate::commands::spec::{Arity, Begin, Find, Flags, KeyFlags, KeySpec, Spec};
use crate::commands::{Command, ReadCommand, WriteCommand};
use crate::error::Result;
use crate::keyspace::Keys;
use crate::keyspace::event::{Event, EventClass};
use crate::keyspace::tx::{ReadTx, WriteTx};
use crate::protocol::Reply;

const BY_MEMBER: bool = true;
const STORES: bool = true;

/// `GEORADIUS` and `GEORADIUSBYMEMBER`, which may store what they find; with `_RO` they may not.
pub struct Radius<const FROM_MEMBER: bool, const MAY_STORE: bool>(Search);

pub type GeoRadius = Radius<{ !BY_MEMBER }, STORES>;
pub type GeoRadiusByMember = Radius<BY_MEMBER, STORES>;
pub type GeoRadiusRo = Radius<{ !BY_MEMBER }, { !STORES }>;
pub type GeoRadiusByMemberRo = Radius<BY_MEMBER, { !STORES }>;

/// The key with the index, and those that are behind `STORE` and `STOREDIST` from a word on.
const fn store_keys(from: i32) -> [KeySpec; 3] {
    const STORED: KeyFlags = KeyFlags::OW.and(KeyFlags::UPDATE).and(KeyFlags::INCOMPLETE);
    const NEXT: Find = Find::Range { last: 0, step: 1, limit: 0 };
    [
        READ_KEY[0],
        KeySpec { begin: Begin::Keyword("STORE", from), find: NEXT, flags: STORED },
        KeySpec { begin: Begin::Keyword("STOREDIST", from), find: NEXT, flags: STORED },
    ]
}

const fn radius_spec(from_member: bool, may_store: bool) -> Spec {
    const KEYS: &[KeySpec] = &store_keys(6);
    const KEYS_BY_MEMBER: &[KeySpec] = &store_keys(5);
    const COMPLEXITY: &str = "O(N+log(M)) where N is the number of members in the cells around the circle and M the \
                              number of members in the index";
    const AROUND_POINT: &str = "Returns the members of a geospatial index within a distance of a place.";
    const AROUND_MEMBER: &str = "Returns the members of a geospatial index within a distance of one of them.";
    let (name, arity) = match (from_member, may_store) {
        (false, true) => ("GEORADIUS", 6),
        (false, false) => ("GEORADIUS_RO", 6),
        (true, true) => ("GEORADIUSBYMEMBER", 5),
        (true, false) => ("GEORADIUSBYMEMBER_RO", 5),
    };
    let syntax = match (from_member, may_store) {
        (false, true) => {
            "key longitude latitude radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] \
             [ASC | DESC] [STORE key | STOREDIST key]"
        }
        (false, false) => {
            "key longitude latitude radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] \
             [ASC | DESC]"
        }
        (true, true) => {
            "key member radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] \
             [ASC | DESC] [STORE key | STOREDIST key]"
        }
        (true, false) => {
            "key member radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT count [ANY]] [ASC | DESC]"
        }
    };
    let replaced_by = if from_member {
        "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments"
    } else {
        "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument"
    };
    let summary = if from_member { AROUND_MEMBER } else { AROUND_POINT };
    let since = if may_store { "3.2.0" } else { "3.2.10" };
    let spec = spec(name, Arity::AtLeast(arity)).syntax(syntax).doc(since, COMPLEXITY, summary);
    let spec = spec.deprecated("6.2.0", replaced_by);
    if !may_store {
        return spec.keys(READ_KEY);
    }
    spec.keys(if from_member { KEYS_BY_MEMBER } else { KEYS }).flags(Flags::DENYOOM.and(Flags::MOVABLEKEYS))
}

impl<const FROM_MEMBER: bool, const MAY_STORE: bool> Command for Radius<FROM_MEMBER, MAY_STORE> {
    const SPEC: Spec = radius_spec(FROM_MEMBER, MAY_STORE);
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        let (key, mut options) = (args.bytes()?, Options::default());
        let mut area_error = None;
        let head = |args: &mut Args, options: &mut Options| {
            options.center = Some(search::center(args)?);
            options.area = Some(search::circle(args)?);
            Ok(())
        };
        let head = if FROM_MEMBER {
            options.center = Some(Center::Members(vec![args.bytes()?]));
            match search::circle(&mut args.clone()) {
                Ok(area) => options.area = Some(area),
                Err(error) => area_error = Some(error),
            }
            // The words themselves, whatever they are.
            args.bytes().and_then(|_| args.bytes()).map(drop)
        } else {
            head(args, &mut options)
        };
        let dialect = if MAY_STORE { Dialect::Radius } else { Dialect::RadiusRo };
        let error = head.and_then(|()| options.parse(args, dialect)).err();
        Ok(Radius(Search { key, options, area_error, error }))
    }
}

impl<const FROM_MEMBER: bool> ReadCommand for Radius<FROM_MEMBER, { !STORES }> {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.0.key)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<Reply> {
        self.0.show(tx)
    }
}

impl<const FROM_MEMBER: bool> WriteCommand for Radius<FROM_MEMBER, STORES> {
    fn keys(&self) -> Keys<'_> {
        Keys::many([&self.0.key].into_iter().chain(&self.0.options.store))
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<Reply> {
        const EVENT: Event = Event::new(EventClass::SortedSet, "georadiusstore");
        match &self.0.options.store {
            Some(key) => self.0.store(tx, key, EVENT),
            None => self.0.show(tx),
        }
    }
}
