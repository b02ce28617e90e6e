//! Members around a place: `GEOSEARCH`, `GEOSEARCHSTORE`, and what `GEORADIUS` shares with them.

use super::reply::Shown;
use super::{length, point, spec, unit_m};
use crate::commands::args::Args;
use crate::commands::sorted_set::{READ_KEY, STORE_FROM};
use crate::commands::spec::{Arity, Flags, Spec};
use crate::commands::{Command, ReadCommand, WriteCommand};
use crate::data_types::geo::{self, Found, Point, Shape};
use crate::data_types::sorted_set::{self, SortedSet};
use crate::error::{Error, Result};
use crate::keyspace::Keys;
use crate::keyspace::event::{Event, EventClass};
use crate::keyspace::tx::{ReadTx, WriteTx};
use crate::protocol::Reply;
use bytes::Bytes;

/// In which order the members come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Nearest,
    Farthest,
}

/// The middle of a search.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Center {
    Point(Point),
    /// The last one of these; but all must be there.
    Members(Vec<Bytes>),
}

/// What is searched, and the unit of its lengths and of distances in the reply, m.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Area {
    shape: Shape,
    unit_m: f64,
}

/// What the words behind the key say; Redis looks at some of them only when it knows the key.
#[derive(Debug, Clone, Default)]
pub(super) struct Options {
    pub center: Option<Center>,
    pub area: Option<Area>,
    order: Option<Order>,
    count: Option<u64>,
    any: bool,
    shown: Shown,
    pub store: Option<Bytes>,
    store_distances: bool,
}

/// Which options a command has beyond those that all have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// `FROMMEMBER`, `BYRADIUS` and so on.
    Search,
    /// As `Search`, and `STOREDIST`.
    SearchStore,
    /// `STORE key` and `STOREDIST key`.
    Radius,
    RadiusRo,
}

/// A radius and its unit.
pub(super) fn circle(args: &mut Args) -> Result<Area> {
    let radius = length(args, "ERR need numeric radius")?;
    if radius < 0.0 {
        return Err(Error::text("ERR radius cannot be negative"));
    }
    let unit_m = unit_m(&args.bytes()?)?;
    Ok(Area { shape: Shape::Circle { radius: radius * unit_m }, unit_m })
}

fn rectangle(args: &mut Args) -> Result<Area> {
    let width = length(args, "ERR need numeric width")?;
    let height = length(args, "ERR need numeric height")?;
    if width < 0.0 || height < 0.0 {
        return Err(Error::text("ERR height or width cannot be negative"));
    }
    let unit_m = unit_m(&args.bytes()?)?;
    Ok(Area { shape: Shape::Box { width: width * unit_m, height: height * unit_m }, unit_m })
}

/// A longitude and a latitude, the next two words.
pub(super) fn center(args: &mut Args) -> Result<Center> {
    let (longitude, latitude) = (args.bytes()?, args.bytes()?);
    point(&longitude, &latitude).map(Center::Point)
}

impl Options {
    /// Reads the options up to the end, or to the first that makes no sense.
    pub(super) fn parse(&mut self, args: &mut Args, dialect: Dialect) -> Result<()> {
        while !args.is_empty() {
            if !self.take_common(args)? && !self.take_of(args, dialect)? {
                return Err(Error::Syntax);
            }
        }
        self.check(args, dialect)
    }

    fn take_common(&mut self, args: &mut Args) -> Result<bool> {
        if args.take("WITHDIST") {
            self.shown.distance = true;
        } else if args.take("WITHHASH") {
            self.shown.hash = true;
        } else if args.take("WITHCOORD") {
            self.shown.coordinates = true;
        } else if args.take("ANY") {
            self.any = true;
        } else if args.take("ASC") {
            self.order = Some(Order::Nearest);
        } else if args.take("DESC") {
            self.order = Some(Order::Farthest);
        } else if args.remaining() > 1 && args.take("COUNT") {
            let count = u64::try_from(args.integer()?).ok().filter(|count| *count > 0);
            self.count = Some(count.ok_or(Error::text("ERR COUNT must be > 0"))?);
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn take_of(&mut self, args: &mut Args, dialect: Dialect) -> Result<bool> {
        let left = args.remaining();
        match dialect {
            Dialect::RadiusRo => return Ok(false),
            Dialect::Radius if left < 2 => return Ok(false),
            Dialect::Radius if args.take("STORE") => self.store_distances = false,
            Dialect::Radius if args.take("STOREDIST") => self.store_distances = true,
            Dialect::Radius => return Ok(false),
            Dialect::SearchStore if args.take("STOREDIST") => {
                self.store_distances = true;
                return Ok(true);
            }
            Dialect::Search | Dialect::SearchStore => return self.take_shape(args),
        }
        self.store = Some(args.bytes()?);
        Ok(true)
    }

    fn take_shape(&mut self, args: &mut Args) -> Result<bool> {
        let left = args.remaining();
        let has_member = matches!(self.center, Some(Center::Members(_)));
        let has_point = matches!(self.center, Some(Center::Point(_)));
        let shape = self.area.map(|area| area.shape);
        if left > 1 && !has_point && args.take("FROMMEMBER") {
            match &mut self.center {
                Some(Center::Members(members)) => members.push(args.bytes()?),
                center => *center = Some(Center::Members(vec![args.bytes()?])),
            }
        } else if left > 2 && !has_member && args.take("FROMLONLAT") {
            self.center = Some(center(args)?);
        } else if left > 2 && !matches!(shape, Some(Shape::Box { .. })) && args.take("BYRADIUS") {
            self.area = Some(circle(args)?);
        } else if left > 3 && !matches!(shape, Some(Shape::Circle { .. })) && args.take("BYBOX") {
            self.area = Some(rectangle(args)?);
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn check(&self, args: &Args, dialect: Dialect) -> Result<()> {
        let stores = dialect == Dialect::SearchStore || self.store.is_some();
        if stores && self.shown.is_any() {
            let what =
                if dialect == Dialect::SearchStore { "GEOSEARCHSTORE" } else { "STORE option in GEORADIUS" };
            return Err(Error::err(format_args!(
                "{what} is not compatible with WITHDIST, WITHHASH and WITHCOORD options"
            )));
        }
        let is_search = matches!(dialect, Dialect::Search | Dialect::SearchStore);
        let missing = match (&self.center, &self.area) {
            (None, _) => Some("FROMMEMBER or FROMLONLAT"),
            (_, None) => Some("BYRADIUS and BYBOX"),
            _ => None,
        };
        if let Some(missing) = missing.filter(|_| is_search) {
            let name = args.typed_name();
            return Err(Error::err(format_args!("exactly one of {missing} can be specified for {name}")));
        }
        if self.any && self.count.is_none() {
            return Err(Error::text("ERR the ANY argument requires COUNT argument"));
        }
        Ok(())
    }
}

/// A search as a command asks for it.
#[derive(Debug, Clone)]
pub(super) struct Search {
    pub key: Bytes,
    pub options: Options,
    /// What was wrong with the words that count only where the key is there.
    pub area_error: Option<Error>,
    /// What was wrong with the words: Redis looks at the type of the key and at a member first.
    pub error: Option<Error>,
}

impl Search {
    /// Whether the options make sense, as far as they have to for a key that is not there.
    fn check(&self) -> Result<()> {
        self.error.clone().map_or(Ok(()), Err)
    }

    /// The members that are wanted, in order, and the unit of distances, m; none if the key is not there.
    fn run(&self, tx: &ReadTx) -> Result<Option<(Vec<Found>, f64)>> {
        let Options { center, area, order, count, any, .. } = &self.options;
        let Some(set) = SortedSet::open(tx, &self.key)? else { return self.check().map(|()| None) };
        let center = match center {
            Some(Center::Members(members)) => {
                let mut last = None;
                for member in members {
                    let unknown = Error::text("ERR could not decode requested zset member");
                    last = Some(Point::of_score(set.score(tx, member)?.ok_or(unknown)?));
                }
                last
            }
            Some(Center::Point(point)) => Some(*point),
            None => None,
        };
        self.area_error.clone().map_or(Ok(()), Err)?;
        self.check()?;
        let (Some(center), Some(Area { shape, unit_m })) = (center, *area) else { return Err(Error::Syntax) };
        let mut found = geo::search(tx, &set, center, shape, count.filter(|_| *any))?;
        // The first ones only mean something in an order.
        let order = order.or(count.filter(|_| !any).map(|_| Order::Nearest));
        match order {
            Some(Order::Nearest) => found.sort_by(|a, b| a.distance_m.total_cmp(&b.distance_m)),
            Some(Order::Farthest) => found.sort_by(|a, b| b.distance_m.total_cmp(&a.distance_m)),
            None => {}
        }
        let count = count.and_then(|count| usize::try_from(count).ok());
        found.truncate(count.unwrap_or(usize::MAX));
        Ok(Some((found, unit_m)))
    }

    /// The members with what is to be shown of them.
    pub(super) fn show(&self, tx: &ReadTx) -> Result<Reply> {
        let (found, unit_m) = self.run(tx)?.unwrap_or_default();
        let shown = self.options.shown;
        Ok(Reply::Array(found.into_iter().map(|found| shown.reply(found, unit_m)).collect()))
    }

    /// Stores the members, with their scores or their distances, in a key; how many there are.
    pub(super) fn store(&self, tx: &mut WriteTx, key: &Bytes, event: Event) -> Result<Reply> {
        let (found, unit_m) = self.run(tx)?.unwrap_or_default();
        let distances = self.options.store_distances;
        let score = |found: &Found| if distances { found.distance_m / unit_m } else { found.score };
        let members = found.into_iter().map(|found| (found.member.clone(), score(&found))).collect();
        sorted_set::store(tx, key, members, event).map(Into::into)
    }
}

const COMPLEXITY: &str = "O(N+log(M)) where N is the number of members in the cells around the shape and M the \
                          number of members in the index";

/// `GEOSEARCH`.
pub struct GeoSearch(Search);

impl Command for GeoSearch {
    const SPEC: Spec = spec("GEOSEARCH", Arity::AtLeast(7))
        .keys(READ_KEY)
        .syntax(
            "key <FROMMEMBER member | FROMLONLAT longitude latitude> <BYRADIUS radius <M | KM | FT | MI> | \
             BYBOX width height <M | KM | FT | MI>> [ASC | DESC] [COUNT count [ANY]] [WITHCOORD] [WITHDIST] \
             [WITHHASH]",
        )
        .doc("6.2.0", COMPLEXITY, "Returns the members of a geospatial index within a circle or a box.");
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        let (key, mut options) = (args.bytes()?, Options::default());
        let error = options.parse(args, Dialect::Search).err();
        Ok(GeoSearch(Search { key, options, area_error: None, error }))
    }
}

impl ReadCommand for GeoSearch {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.0.key)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<Reply> {
        self.0.show(tx)
    }
}

/// `GEOSEARCHSTORE`.
pub struct GeoSearchStore {
    destination: Bytes,
    search: Search,
}

impl Command for GeoSearchStore {
    const SPEC: Spec = spec("GEOSEARCHSTORE", Arity::AtLeast(8))
        .keys(STORE_FROM)
        .flags(Flags::DENYOOM)
        .syntax(
            "destination source <FROMMEMBER member | FROMLONLAT longitude latitude> <BYRADIUS radius \
             <M | KM | FT | MI> | BYBOX width height <M | KM | FT | MI>> [ASC | DESC] [COUNT count [ANY]] \
             [STOREDIST]",
        )
        .doc(
            "6.2.0",
            COMPLEXITY,
            "Stores the members of a geospatial index within a circle or a box in a key.",
        );
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        let (destination, key, mut options) = (args.bytes()?, args.bytes()?, Options::default());
        let error = options.parse(args, Dialect::SearchStore).err();
        Ok(GeoSearchStore { destination, search: Search { key, options, area_error: None, error } })
    }
}

impl WriteCommand for GeoSearchStore {
    fn keys(&self) -> Keys<'_> {
        Keys::many([&self.destination, &self.search.key])
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<Reply> {
        const EVENT: Event = Event::new(EventClass::SortedSet, "geosearchstore");
        self.search.store(tx, &self.destination, EVENT)
    }
}
