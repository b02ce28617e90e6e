//! Random places and searches, sent to DiskDB and to the installed redis-server alike: every reply must
//! be the same, in both protocols. Skipped where there is no redis-server.

mod common;

use common::oracle::{Oracle, one};
use fastrand::Rng;

const UNITS: &[&str] = &["m", "km", "ft", "mi", "KM", "m", "km", "yd"];
const KEYS: &[&str] = &["world", "world", "city", "none", "text"];

/// Places with something about them: edges of the map, the equator, the poles, and what is no place.
const LONGITUDES: &[&str] =
    &["0", "180", "-180", "179.9999", "-179.9999", "1e-9", "180.01", "x", "inf", "-0"];
const LATITUDES: &[&str] =
    &["0", "85.05112878", "-85.05112878", "85.05", "-85.05", "66", "-80.5", "90", "x", "nan"];

struct Words {
    rng: Rng,
}

impl Words {
    fn one(&mut self, of: &[&str]) -> String {
        one(&mut self.rng, of)
    }

    /// Anywhere, or around one city, so that small circles find something.
    fn point(&mut self) -> String {
        let (x, y) = (self.rng.f64() * 2.0 - 1.0, self.rng.f64() * 2.0 - 1.0);
        match self.rng.u8(..12) {
            0 => format!("{} {}", self.one(LONGITUDES), self.one(LATITUDES)),
            1 => format!("{} {}", self.one(LONGITUDES), y * 85.0),
            2 => format!("{} {}", x * 180.0, self.one(LATITUDES)),
            3..7 => format!("{} {}", x * 180.0, y * 85.05),
            7 => format!("{} {}", 180.0 - x.abs() * 0.1, y * 0.1),
            _ => format!("{:.4} {:.4}", 6.08 + x * 0.2, 50.77 + y * 0.2),
        }
    }

    /// A place that no other member has: in which order these come is left open.
    fn own_point(&mut self) -> String {
        loop {
            let point = self.point();
            let is_edge = |(place, edges): (&str, &[&str])| edges.contains(&place);
            if !point.split(' ').zip([LONGITUDES, LATITUDES]).all(is_edge) {
                return point;
            }
        }
    }

    fn member(&mut self) -> String {
        format!("m{}", self.rng.u32(..400))
    }

    /// From nothing to more than there is.
    fn length(&mut self) -> String {
        match self.rng.u8(..30) {
            0 => self.one(&["0", "-1", "x", "1e300", "inf", "nan"]),
            _ => format!("{:.3}", 10f64.powf(self.rng.f64() * 7.0)),
        }
    }

    fn center(&mut self) -> String {
        match self.rng.u8(..2) {
            0 => format!(" FROMMEMBER {}", self.member()),
            _ => format!(" FROMLONLAT {}", self.point()),
        }
    }

    fn shape(&mut self) -> String {
        match self.rng.u8(..2) {
            0 => format!(" BYRADIUS {} {}", self.length(), self.one(UNITS)),
            _ => format!(" BYBOX {} {} {}", self.length(), self.length(), self.one(UNITS)),
        }
    }

    fn options(&mut self, more: &[&str]) -> String {
        let mut options = String::new();
        let all = ["ASC", "DESC", "COUNT", "ANY", "WITHCOORD", "WITHDIST", "WITHHASH", "nonsense"];
        for _ in 0..self.rng.u8(..5) {
            let option =
                if self.rng.u8(..4) == 0 && !more.is_empty() { self.one(more) } else { self.one(&all) };
            options += &match option.as_str() {
                "nonsense" if self.rng.bool() => continue,
                "COUNT" => format!(" COUNT {}", self.one(&["1", "3", "10", "100", "1000", "0", "-1", "x"])),
                "ANY" if self.rng.bool() => format!(" COUNT {} ANY", self.rng.u8(1..20)),
                option => format!(" {option}"),
            };
        }
        options
    }

    fn search(&mut self) -> String {
        let mut parts = vec![self.center(), self.shape()];
        if self.rng.u8(..10) == 0 {
            parts.push(if self.rng.bool() { self.center() } else { self.shape() });
        }
        if self.rng.u8(..30) == 0 {
            parts.pop();
        }
        parts.concat()
    }

    fn next(&mut self) -> String {
        let key = self.one(KEYS);
        match self.rng.u8(..20) {
            0..6 => {
                let options = self.one(&["", "", "", "", " NX", " XX", " CH", " nx ch", " NX XX"]);
                let places: String = (0..self.rng.usize(1..4))
                    .map(|_| format!(" {} {}", self.own_point(), self.member()))
                    .collect();
                format!("GEOADD {key}{options}{places}")
            }
            6 => format!("GEODIST {key} {} {} {}", self.member(), self.member(), self.one(UNITS)),
            7 => format!("GEODIST {key} {} {}", self.member(), self.member()),
            8 => format!("GEOPOS {key} {} {}", self.member(), self.member()),
            9 => format!("GEOHASH {key} {} {}", self.member(), self.member()),
            10..15 => format!("GEOSEARCH {key}{}{}", self.search(), self.options(&[])),
            15 => {
                let (search, options) = (self.search(), self.options(&["STOREDIST"]));
                let options = options.replace(" WITHCOORD", "").replace(" WITHHASH", "");
                format!("GEOSEARCHSTORE d {key}{search}{options}")
            }
            16 => {
                let options = self.options(&["STORE d", "STOREDIST d"]);
                format!("GEORADIUS {key} {} {} {}{options}", self.point(), self.length(), self.one(UNITS))
            }
            17 => {
                let (name, more) = match self.rng.bool() {
                    true => ("GEORADIUSBYMEMBER", &["STORE d", "STOREDIST d"][..]),
                    false => ("GEORADIUSBYMEMBER_RO", &[][..]),
                };
                let options = self.options(more);
                format!("{name} {key} {} {} {}{options}", self.member(), self.length(), self.one(UNITS))
            }
            18 => self.one(&[
                "ZRANGE d 0 -1 WITHSCORES",
                "TYPE d",
                "DEL d",
                "ZRANGE city 0 20 WITHSCORES",
                "ZADD city 1.5 m1",
            ]),
            _ => format!("ZREM {key} {}", self.member()),
        }
    }
}

#[test]
fn replies_are_those_of_redis() {
    let Some(mut oracle) = Oracle::start(20_000) else { return };
    oracle.compare_line("SET text x");
    let mut generator = Words { rng: oracle.rng.fork() };
    for number in 0..oracle.commands {
        oracle.compare_line(&generator.next());
        if number % 4000 == 3999 {
            oracle.compare_line("DEL world city d");
        }
    }
}
