//! Random SORTs of lists, sets and sorted sets, sent to DiskDB and to the installed redis-server alike:
//! every reply must be the same, in both protocols. Skipped where there is no redis-server.

mod common;

use bytes::Bytes;
use common::oracle::{Oracle, one};
use common::words;
use fastrand::Rng;

const NUMBERS: &[&str] = &["0", "1", "2", "3", "10", "-1", "-5", "100", "9223372036854775807", "x"];

/// Values to sort by, no two of which are the same: what becomes of equal ones is left open.
const WEIGHTS: &[&str] = &["-1", "3", "5e1", "0x20", "inf", "-inf", " 7", "", "0.5", "-0.25", "word", "Word"];

fn element(rng: &mut Rng) -> String {
    rng.u32(..WEIGHTS.len() as u32).to_string()
}

/// A `SORT` with any options; the replies of some are left open in Redis, and these are not made.
fn sort(rng: &mut Rng) -> Vec<Bytes> {
    let (name, key) =
        (one(rng, &["SORT", "SORT", "SORT_RO"]), one(rng, &["l", "s", "z", "none", "text", "d"]));
    let mut line = format!("{name} {key}");
    match rng.u8(..6) {
        // The order of a set is left open, and that of elements without a weight.
        0 if key != "s" => line += " BY nosort",
        _ if key == "d" => {}
        1 => line += " BY w_*",
        2 => line += " BY h_*->f",
        3 => line += " BY n_*",
        _ => {}
    }
    for pattern in ["#", "w_*", "h_*->f", "h_*", "w_*->f", "fixed"] {
        if rng.u8(..6) == 0 {
            line += &format!(" GET {pattern}");
        }
    }
    let options = ["ASC", "DESC", "ALPHA", "LIMIT", "STORE"];
    for _ in 0..rng.u8(..4) {
        let option = one(rng, &options);
        line += &match option.as_str() {
            "LIMIT" => format!(" LIMIT {} {}", one(rng, NUMBERS), one(rng, NUMBERS)),
            "STORE" => " STORE d".to_owned(),
            option => format!(" {option}"),
        };
    }
    words(&line)
}

#[test]
fn replies_are_those_of_redis() {
    let Some(mut oracle) = Oracle::start(20_000) else { return };
    for (number, weight) in WEIGHTS.iter().enumerate() {
        oracle.compare(
            &[b"SET", format!("w_{number}").as_bytes(), weight.as_bytes()].map(Bytes::copy_from_slice),
        );
        oracle.compare_line(&format!("SET n_{number} {}", 100 - number));
        oracle.compare_line(&format!("HSET h_{number} f {} g x", number * 7 % 13));
    }
    oracle.compare_line("SET text x");
    for number in 0..oracle.commands {
        let rng = &mut oracle.rng;
        let command = match rng.u8(..20) {
            0 => words(&format!("RPUSH l {} {}", element(rng), element(rng))),
            1 => words(&format!("LPOP l {}", rng.u8(..4))),
            2 => words(&format!("SADD s {} {}", element(rng), element(rng))),
            3 => words(&format!("SREM s {}", element(rng))),
            4 => words(&format!("ZADD z {} {}", rng.i32(-3..3), element(rng))),
            5 => words(&format!("ZREM z {}", element(rng))),
            6 => words(&one(rng, &["LRANGE d 0 -1", "TYPE d", "DEL d", "EXPIRE d 1000", "TTL d"])),
            7 if number % 50 == 0 => words(&one(rng, &["DEL l", "DEL s", "DEL z", "RPUSH l word"])),
            _ => sort(rng),
        };
        oracle.compare(&command);
    }
}
