//! Random argument lists of every command of the table, run against a database in memory. What they
//! are made of comes from each command's own syntax, so a new command is tried as soon as it is there.
//! The fuzz target `arguments` runs the same.

use super::cli;
use super::resp::read_reply;
use bytes::Bytes;
use diskdb::api::{Connection, Db};
use diskdb::clock::{Clock, ManualClock};
use diskdb::commands::spec::Group;
use diskdb::commands::syntax::{self, Argument, Kind, Repeated};
use diskdb::commands::{self, Context, Found};
use diskdb::config::Settings;
use diskdb::error::Error;
use diskdb::instance::clients::Unblock;
use diskdb::protocol::{Dialect, Reply};
use diskdb::storage::memory::MemoryEngine;
use diskdb::storage::{Batch, Direction, ReadTier, ScanRange, Space};
use std::sync::Arc;

/// Where the choices come from: a generator of random numbers, or a fuzzer's bytes.
pub trait Choices {
    /// A number below `end`, which is not 0.
    fn below(&mut self, end: usize) -> usize;
}

impl<C: Choices + ?Sized> Choices for &mut C {
    fn below(&mut self, end: usize) -> usize {
        (**self).below(end)
    }
}

/// Commands that end or stop the process, wait for its disk, or change who may do what. `CONFIG SET` is
/// sent with values that make sense, see [`DIRECTIVES`].
const LEFT_OUT: &[&str] = &[
    "acl",
    "auth",
    "bgrewriteaof",
    "bgsave",
    "config|rewrite",
    "config|set",
    "client|kill",
    "client|pause",
    "client|reply",
    "debug",
    "failover",
    "monitor",
    "save",
    "shutdown",
];

/// What decides how collections are packed.
const DIRECTIVES: &[(&str, &[&str])] = &[
    ("hash-max-listpack-entries", &["0", "3", "512"]),
    ("hash-max-listpack-value", &["0", "8", "64"]),
    ("set-max-intset-entries", &["0", "3", "512"]),
    ("set-max-listpack-entries", &["0", "3", "128"]),
    ("set-max-listpack-value", &["0", "8", "64"]),
    ("zset-max-listpack-entries", &["0", "3", "128"]),
    ("zset-max-listpack-value", &["0", "8", "64"]),
    ("list-max-listpack-size", &["-2", "2", "128"]),
    ("hll-sparse-max-bytes", &["0", "3000"]),
];

const INTEGERS: &[&str] = &[
    "0",
    "1",
    "2",
    "3",
    "5",
    "7",
    "16",
    "100",
    "1000",
    "-1",
    "-2",
    "-3",
    "-7",
    "-100",
    "70000",
    "1048575",
    "2147483647",
    "-2147483648",
    "4294967296",
    "9223372036854775807",
    "-9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "18446744073709551615",
    "01",
    "+1",
    "1.5",
    "x",
    "",
];

const BOUNDS: &[&str] = &["0", "1", "2", "-1", "(1", "(-2.5", "-inf", "+inf", "inf", "0.5", "3e3"];

const LEX_BOUNDS: &[&str] = &["-", "+", "-", "+", "[m1", "(m2", "[m", "(", "(zz", "[1", "(2"];

/// What makes values, or moves them. They are called more often than others, or there would be little to read.
const MAKERS: &[&str] = &[
    "set",
    "setrange",
    "setbit",
    "lpush",
    "rpush",
    "hset",
    "hsetex",
    "sadd",
    "zadd",
    "pfadd",
    "xadd",
    "xadd",
    "xgroup|create",
    "xreadgroup",
    "geoadd",
    "arset",
    "dump",
    "restore",
];

/// What members, scores and the like are.
const NUMBERS: &[&str] = &["0", "1", "1", "2", "-1", "0.5", "-0", "-2.5", "3e3", "17", "1e20", "inf", "-inf"];

const DOUBLES: &[&str] = &[
    "0", "1", "1", "2", "-1", "0.5", "-0", "-2.5", "3e3", "1e308", "-1e308", "1e-320", "inf", "-inf", "+inf",
    "nan", "(1", "(-inf", "[a", "(c", "-", "+", "0x10", "x", "",
];

const PATTERNS: &[&str] = &["*", "a*", "?", "[a-c]*", "[^1]*", "\\", "[", "*1*", ""];

const BIT_FIELDS: &[&str] = &["u1", "u8", "i16", "u63", "i64", "u64", "i0", "x8", ""];

const IDS: &[&str] = &[
    "*",
    "0",
    "0-0",
    "0-1",
    "1-*",
    "5-5",
    "1000-3",
    "$",
    ">",
    "-",
    "+",
    "(1-1",
    "18446744073709551615",
    "x",
];

/// Which words a family's keys are called by: mostly its own, so that commands find what they look for.
fn own_keys(group: Group) -> &'static [&'static str] {
    match group.name() {
        "string" => &["string1", "string2", "number"],
        "bitmap" => &["bits1", "bits2", "string1"],
        "hyperloglog" => &["hll1", "hll2", "hll3"],
        "hash" => &["hash1", "hash2"],
        "set" => &["set1", "set2", "set3"],
        "list" => &["list1", "list2"],
        "sorted-set" => &["zset1", "zset2", "set1"],
        "geo" => &["geo1", "geo2"],
        "stream" => &["stream1", "stream2"],
        "array" => &["array1", "array2"],
        _ => &["string1", "bits1", "hll1", "hash1", "set1", "list1", "zset1", "geo1", "stream1", "array1"],
    }
}

fn all_commands() -> Vec<&'static Found> {
    let stands_alone =
        |found: &&Found| !found.entry.spec.syntax.is_empty() || found.entry.subcommands.is_empty();
    let is_wanted = |found: &&Found| {
        let container = found.name.split('|').next().unwrap_or_default();
        !LEFT_OUT.contains(&found.name.as_str()) && !LEFT_OUT.contains(&container)
    };
    commands::all_found().iter().copied().filter(stands_alone).filter(is_wanted).collect()
}

/// A source of commands.
pub struct Generator<C> {
    choices: C,
    clock: Arc<ManualClock>,
    data: Vec<&'static Found>,
    makers: Vec<&'static Found>,
    others: Vec<&'static Found>,
    /// Replies of `DUMP`, for `RESTORE`.
    payloads: Vec<Bytes>,
    /// The command at hand.
    group: Group,
    words: Vec<Bytes>,
    lex: bool,
    /// Whether the command has many different arguments.
    wide: bool,
    /// Where a number of keys or fields stands that is not known yet.
    count_at: Option<usize>,
}

impl<C: Choices> Generator<C> {
    pub fn new(choices: C, clock: Arc<ManualClock>) -> Generator<C> {
        let is_data = |found: &&Found| !matches!(found.entry.spec.group, Group::Connection | Group::Server);
        let (data, others): (Vec<_>, _) = all_commands().into_iter().partition(is_data);
        let makers = data.iter().copied().filter(|found| MAKERS.contains(&found.name.as_str())).collect();
        Generator {
            choices,
            clock,
            data,
            makers,
            others,
            payloads: Vec::new(),
            group: Group::Generic,
            words: Vec::new(),
            lex: false,
            wide: false,
            count_at: None,
        }
    }

    fn chance(&mut self, one_in: usize) -> bool {
        self.choices.below(one_in) == 0
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.choices.below(of.len())]
    }

    fn push(&mut self, word: impl AsRef<[u8]>) {
        self.words.push(Bytes::copy_from_slice(word.as_ref()));
    }

    /// The words of a command.
    pub fn command(&mut self) -> Vec<Bytes> {
        let from = match self.choices.below(24) {
            0 | 1 => &self.others,
            2..8 => &self.makers,
            _ => &self.data,
        };
        let at = self.choices.below(from.len());
        let found = from[at];
        self.wide = MAKERS.contains(&found.name.as_str()) && self.chance(30);
        self.lex = found.name.contains("lex") || found.name.starts_with("zrange") && self.chance(4);
        let is_rare = found.name.starts_with("flush") || found.name == "pfselftest";
        if is_rare && !self.chance(8) {
            return vec![Bytes::from_static(b"PING")];
        }
        self.group = found.entry.spec.group;
        self.count_at = None;
        found.name.split('|').for_each(|word| self.push(word));
        for argument in syntax::parse(found.entry.spec.syntax) {
            self.argument(&argument);
        }
        if self.chance(8) {
            self.spoil();
        }
        std::mem::take(&mut self.words)
    }

    fn argument(&mut self, argument: &Argument) {
        if argument.optional && !self.chance(3) {
            return;
        }
        let times = match argument.repeated {
            Repeated::Once => 1,
            _ if self.is_stream() && !self.wide && !self.chance(4) => 1,
            _ if self.wide => self.one(&[100, 300, 3000]),
            _ if self.chance(25) => 1 + self.choices.below(200),
            _ => 1 + self.choices.below(4),
        };
        for time in 0..times {
            if let Some(token) =
                argument.token.filter(|_| time == 0 || argument.repeated == Repeated::WithToken)
            {
                if self.chance(10) {
                    self.push(token.to_ascii_lowercase())
                } else {
                    self.push(token)
                };
            }
            match &argument.kind {
                Kind::Value(kind) => self.value(kind, &argument.name),
                Kind::PureToken => {}
                Kind::OneOf(choices) => {
                    let chosen = self.choices.below(choices.len());
                    self.argument(&Argument { optional: false, ..choices[chosen].clone() });
                }
                Kind::Block(parts) => parts.iter().for_each(|part| self.argument(part)),
            }
        }
        if argument.repeated != Repeated::Once
            && let Some(at) = self.count_at.take()
            && !self.chance(15)
        {
            self.words[at] = times.to_string().into();
        }
    }

    fn value(&mut self, kind: &str, name: &str) {
        let is_key = |name: &str| {
            name.contains("key") && !name.starts_with("num")
                || matches!(name, "source" | "destination" | "src" | "dst")
        };
        match (kind, name) {
            (_, name) if is_key(name) => {
                let own = if self.chance(8) { own_keys(Group::Generic) } else { own_keys(self.group) };
                let key = self.one(own);
                self.push(key);
            }
            (_, "group" | "consumer") => self.any(&["g1", "g2", "g2", "g3"]),
            (_, "id" | "start" | "end" | "lastid" | "last-id" | "max-deleted-id") if self.is_stream() => {
                if self.chance(2) {
                    self.any(IDS)
                } else {
                    let number = self.choices.below(90);
                    self.push(format!("{}-{}", number / 3, number % 3));
                }
            }
            (
                _,
                "min-idle-time" | "milliseconds" | "ms" | "threshold" | "maxcount" | "maxsize"
                | "entries-read",
            ) => {
                self.any(&["0", "0", "1", "5", "20", "1000", "-1", "x"]);
            }
            (_, "timeout") => self.any(&["0", "0", "0", "1", "1", "0.01", "-1", "x"]),
            (_, "ttl") => self.any(&["0", "0", "0", "1", "5000", "-1", "x"]),
            (_, "cursor") if !self.chance(3) => self.push("0"),
            (_, "value") if self.group == Group::Bitmap => self.any(&["0", "1", "1", "2"]),
            (_, "min" | "max" | "start" | "stop") if self.lex => self.any(LEX_BOUNDS),
            ("double", "min" | "max") if !self.chance(8) => self.any(BOUNDS),
            (_, "serialized-value") => {
                let at = self.choices.below(self.payloads.len() + 1);
                let payload = self.payloads.get(at).cloned().unwrap_or_default();
                self.words.push(payload);
            }
            (_, "encoding") => self.any(BIT_FIELDS),
            (_, "db" | "destination-db" | "index1" | "index2") => {
                self.any(&["0", "0", "1", "1", "1", "-1", "99"])
            }
            (_, "bit") => self.any(&["0", "1", "2"]),
            ("unix-time", _) => {
                let offset = self.one(&[-5_000, 0, 1, 900, 5_000, 1_000_000]);
                let now_ms = self.clock.now_ms() as i64 + offset;
                let divisor = if name.contains("milli") { 1 } else { 1000 };
                if self.chance(8) { self.any(INTEGERS) } else { self.push((now_ms / divisor).to_string()) }
            }
            ("integer", _) => self.integer(name),
            ("double", _) if self.chance(15) => self.any(DOUBLES),
            ("double", _) => self.any(NUMBERS),
            ("pattern", _) => self.any(PATTERNS),
            (_, "increment" | "decrement" | "numfields") => self.integer(name),
            _ => self.text(),
        }
    }

    fn integer(&mut self, name: &str) {
        if name.starts_with("num") {
            self.count_at = Some(self.words.len());
        }
        match self.choices.below(16) {
            0 | 1 => self.any(INTEGERS),
            2 => self.any(DOUBLES),
            _ => {
                let number = self.choices.below(40) as i64 - 4;
                self.push(number.to_string());
            }
        }
    }

    fn is_stream(&self) -> bool {
        self.group.name() == "stream"
    }

    fn any(&mut self, of: &[&str]) {
        let word = self.one(of);
        self.push(word);
    }

    /// Members, fields, elements, values: few different ones, so that they are met again.
    fn text(&mut self) {
        match self.choices.below(24) {
            3.. if self.wide => {
                let number = self.choices.below(100_000);
                self.push(format!("wide{number}"));
            }
            0 => self.any(INTEGERS),
            1 => self.any(DOUBLES),
            2 if !self.wide || self.chance(20) => {
                let len = self.one(&[0, 9, 64, 65, 300, 1024, 1025, 5000, 16_384, 16_385, 40_000]);
                let byte = self.choices.below(256) as u8;
                self.push(vec![byte; len]);
            }
            3 => {
                let len = self.choices.below(12);
                let bytes: Vec<u8> = (0..len).map(|_| self.choices.below(256) as u8).collect();
                self.push(bytes);
            }
            4..10 => {
                let number = self.choices.below(300);
                self.push(number.to_string());
            }
            _ => {
                let number = self.choices.below(30);
                self.push(format!("m{number}"));
            }
        }
    }

    /// Makes something wrong of the words, or something else.
    fn spoil(&mut self) {
        let at = self.choices.below(self.words.len());
        match self.choices.below(5) {
            0 => drop(self.words.remove(at)),
            1 => self.words.insert(at, self.words[at].clone()),
            2 => self.words.truncate(at + 1),
            3 => {
                self.text();
                self.words.swap_remove(at);
            }
            _ => {
                self.any(&[
                    "NX",
                    "COUNT",
                    "LIMIT",
                    "WITHSCORES",
                    "GET",
                    "STORE",
                    "FIELDS",
                    "-1",
                    "99999999999",
                ]);
                let word = self.words.pop().unwrap_or_default();
                self.words.insert(at, word);
            }
        }
        if self.words.is_empty() {
            self.push("PING");
        }
    }
}

/// A client, and the command that waits for something.
struct Client {
    connection: Connection,
    waiting: Option<Vec<Bytes>>,
    /// Whether it has said MULTI.
    queues: bool,
}

/// So many commands are shown when something is wrong.
const SHOWN: usize = 80;

/// A database, its clients, and what they have said.
pub struct History<C> {
    db: Db,
    clock: Arc<ManualClock>,
    clients: Vec<Client>,
    generator: Generator<C>,
    log: Vec<String>,
    damaged: bool,
    /// How many words the last command had.
    pub words: usize,
    /// How many values it may have asked for whether they are there or not: Redis has a limit for that.
    pub positions: usize,
}

impl<C: Choices> History<C> {
    /// An empty database without threads, whose time stands still unless a step moves it.
    pub fn new(choices: C) -> History<C> {
        let clock = Arc::new(ManualClock::at_ms(1_700_000_000_000));
        let settings = Settings { proto_max_bulk_len: 1 << 20, ..Settings::default() };
        let db = Db::over_with_clock(Box::new(MemoryEngine::new()), settings, clock.clone());
        let db = db.expect("an empty database opens");
        let clients =
            (0..4).map(|_| Client { connection: db.connect(), waiting: None, queues: false }).collect();
        History {
            generator: Generator::new(choices, clock.clone()),
            db,
            clock,
            clients,
            log: Vec::new(),
            damaged: false,
            words: 0,
            positions: 0,
        }
    }

    /// Something happens: mostly a command.
    pub fn step(&mut self) {
        // The last one only sets directives, and never waits.
        let administrator = self.clients.len() - 1;
        let client = self.generator.choices.below(administrator);
        match self.generator.choices.below(64) {
            0 => self.clock.advance_ms(self.generator.one(&[1, 10, 999, 1000, 5000])),
            1 => {
                let expired = self.db.instance().keyspace.expire_due(100);
                assert!(expired.is_ok() || self.damaged, "{expired:?}");
            }
            2 => drop(self.db.instance().keyspace.sweep().expect("garbage is swept")),
            3 | 4 => {
                let (directive, values) = self.generator.one(DIRECTIVES);
                let value = self.generator.one(values);
                let words = ["CONFIG", "SET", directive, value];
                self.run(administrator, words.map(|word| Bytes::copy_from_slice(word.as_bytes())).to_vec());
            }
            _ => match self.clients[client].waiting.take() {
                None => {
                    let ends = self.clients[client].queues && self.generator.chance(6);
                    let words =
                        if ends { vec![Bytes::from_static(b"EXEC")] } else { self.generator.command() };
                    self.run(client, words);
                }
                Some(words) => self.go_on(client, words),
            },
        }
    }

    /// A client that waits is woken if it was served, and loses its patience at times.
    fn go_on(&mut self, client: usize, words: Vec<Bytes>) {
        let impatient = self.generator.chance(3);
        let session = &mut self.clients[client].connection.session;
        if session.client.unblocked().is_none() && !impatient {
            self.clients[client].waiting = Some(words);
            return;
        }
        session.wait_ended = session.client.end_wait_now();
        self.run(client, words);
        self.clients[client].connection.session.wait_ended = None;
    }

    fn run(&mut self, client: usize, words: Vec<Bytes>) {
        let shown: Vec<String> =
            words.iter().map(|word| format!("\"{}\"", word[..word.len().min(60)].escape_ascii())).collect();
        self.log.push(format!("{client}: {}", shown.join(" ")));
        self.words = words.len();
        self.positions = if words[0].eq_ignore_ascii_case(b"ARGETRANGE") { 1_000_000 } else { 0 };
        let Client { connection, waiting, queues } = &mut self.clients[client];
        match words[0].to_ascii_lowercase().as_slice() {
            b"multi" => *queues = true,
            b"exec" | b"discard" | b"reset" => *queues = false,
            _ => {}
        }
        let session = &mut connection.session;
        let had_ended = session.wait_ended;
        match commands::execute(&mut Context::new(self.db.instance(), session), &words) {
            Ok(reply) => {
                check_reply(&reply);
                if let Reply::Bulk(payload) = &reply
                    && words[0].eq_ignore_ascii_case(b"DUMP")
                {
                    self.generator.payloads.truncate(30);
                    self.generator.payloads.insert(0, payload.clone());
                }
            }
            Err(Error::Blocked { .. }) => {
                assert_ne!(had_ended, Some(Unblock::Timeout), "a command that waits on when its time is up");
                session.client.begin_wait();
                *waiting = Some(words);
            }
            Err(error) => check_error(&error.to_string()),
        }
    }

    /// Spoils a record, as a broken disk might. What is asked for later may fail, and do no other harm.
    pub fn damage(&mut self) {
        self.damaged = true;
        let engine = self.db.instance().keyspace.engine();
        let space = self.generator.one(&[Space::Meta, Space::Meta, Space::Data, Space::Index, Space::Blob]);
        let everything = ScanRange { from: Vec::new(), to: None };
        let mut scan = engine.scan(space, &everything, Direction::Forward, ReadTier::Disk).expect("a scan");
        let mut records = Vec::new();
        while let Some((key, value)) = scan.next().expect("a record") {
            records.push((key.to_vec(), value.to_vec()));
        }
        drop(scan);
        if records.is_empty() {
            return;
        }
        let choices = &mut self.generator.choices;
        let at = choices.below(records.len());
        let other = choices.below(records.len());
        let (key, mut value) = records[at].clone();
        let byte = choices.below(value.len().max(1));
        match choices.below(6) {
            0 => value = records[other].1.clone(),
            1 => value.truncate(byte),
            2 => value.insert(byte, choices.below(256) as u8),
            _ if value.is_empty() => value.push(0xff),
            3 => value[byte] = self.generator.one(&[0, 1, 0x7f, 0x80, 0xff]),
            _ => value[byte] ^= 1 << choices.below(8),
        }
        let mut batch = Batch::default();
        match self.generator.choices.below(8) {
            0 => batch.delete(space, &key),
            _ => batch.put(space, &key, value.into()),
        }
        self.log.push(format!("damage: {} {}", space.name(), key.escape_ascii()));
        engine.commit(batch).expect("a commit");
    }

    /// Holds all that is stored against the rules, and looks what there is to be found.
    pub fn check_damaged(&self) {
        let _ = self.db.check();
    }

    /// Holds all that is stored against the rules.
    pub fn check(&self) {
        let report = self.db.check().expect("everything can be read");
        assert_eq!(report.problem_count, 0, "{}", report.problems.join("\n"));
    }
}

impl<C> Drop for History<C> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let from = self.log.len().saturating_sub(SHOWN);
            eprintln!("the last commands, each after its client:\n{}", self.log[from..].join("\n"));
        }
    }
}

/// An error begins with a code.
fn check_error(text: &str) {
    let code = text.split(' ').next().unwrap_or_default();
    assert!(
        !code.is_empty() && code.chars().all(|c| c.is_ascii_uppercase()),
        "an error without a code: {text}"
    );
    check_reply(&Reply::Error(text.to_owned().into()));
}

/// A reply is well formed in each protocol.
fn check_reply(reply: &Reply) {
    for dialect in [Dialect::Resp2, Dialect::Resp3, Dialect::Text] {
        let wire = cli::written(reply, dialect);
        let mut rest = wire.as_slice();
        while dialect != Dialect::Text && !rest.is_empty() {
            read_reply(&mut rest).expect("a reply on the wire");
        }
    }
}
