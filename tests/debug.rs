//! DEBUG, which transcripts do not reach: it is off by default.

use bytes::Bytes;
use diskdb::api::{Connection, Db};
use diskdb::clock::ManualClock;
use diskdb::config::Settings;
use diskdb::config::values::ProtectedAction;
use diskdb::error::Error;
use diskdb::protocol::Reply;
use diskdb::session::Dialect;
use diskdb::storage::memory::MemoryEngine;
use std::sync::Arc;

struct Client(Connection, Arc<ManualClock>, Db);

impl Client {
    fn new(allowed: ProtectedAction) -> Client {
        let settings = Settings { enable_debug_command: allowed, ..Settings::default() };
        Client::over(|clock| Db::over_with_clock(Box::new(MemoryEngine::new()), settings, clock))
    }

    fn over(open: impl FnOnce(Arc<ManualClock>) -> Result<Db, Error>) -> Client {
        let clock = Arc::new(ManualClock::at_ms(1_750_000_000_000));
        let db = open(clock.clone()).unwrap();
        Client(db.connect(), clock, db)
    }

    fn call(&mut self, line: &str) -> Result<Reply, Error> {
        let words: Vec<Bytes> = line.split(' ').map(|word| Bytes::copy_from_slice(word.as_bytes())).collect();
        self.0.call(&words)
    }

    fn simple(&mut self, line: &str) -> String {
        match self.call(line).unwrap() {
            Reply::Simple(text) => text.into_owned(),
            reply => panic!("{line}: {reply:?}"),
        }
    }

    fn error(&mut self, line: &str) -> String {
        self.call(line).unwrap_err().to_string()
    }
}

#[test]
fn off_by_default() {
    let mut client = Client::new(ProtectedAction::No);
    assert!(client.error("DEBUG SLEEP 0").starts_with("ERR DEBUG command not allowed. If the"));
    assert_eq!(client.error("DEBUG"), "ERR wrong number of arguments for 'debug' command");
}

#[test]
fn errors_as_redis() {
    let mut client = Client::new(ProtectedAction::Yes);
    let cases = [
        ("nothing", "unknown subcommand or wrong number of arguments for 'nothing'. Try DEBUG HELP."),
        ("SLEEP", "unknown subcommand or wrong number of arguments for 'SLEEP'. Try DEBUG HELP."),
        ("OBJECT nothing", "no such key"),
        ("RELOAD other", "DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options."),
        ("HTSTATS 99", "Out of range database"),
        ("HTSTATS x", "value is not an integer or out of range"),
        ("POPULATE x", "value is out of range, must be positive"),
        ("POPULATE -1", "value is out of range, must be positive"),
        ("POPULATE 1 p -1", "value is out of range, must be positive"),
        (
            "POPULATE 1 p 1 x",
            "unknown subcommand or wrong number of arguments for 'POPULATE'. Try DEBUG HELP.",
        ),
        (
            "QUICKLIST-PACKED-THRESHOLD x",
            "argument must be a memory value bigger than 1 and smaller than 4gb",
        ),
        (
            "QUICKLIST-PACKED-THRESHOLD 5gb",
            "argument must be a memory value bigger than 1 and smaller than 4gb",
        ),
        ("REPLYBUFFER PEAK-RESET-TIME x", "value is not an integer or out of range"),
        ("LISTPACK nothing", "no such key"),
        ("LISTPACK s", "Not a listpack encoded object."),
        ("QUICKLIST nothing", "no such key"),
        ("QUICKLIST s 1", "Not a quicklist encoded object."),
        ("HTSTATS-KEY nothing full", "no such key"),
        ("CLUSTERLINK KILL all x", "Debug option only available for cluster mode enabled setup!"),
        (
            "CONFIG-REWRITE-FORCE-ALL",
            "CONFIG-REWRITE-FORCE-ALL failed: the server is running without a config file",
        ),
        ("REPLICATE", "unknown subcommand or wrong number of arguments for 'REPLICATE'. Try DEBUG HELP."),
        ("PROTOCOL push", "RESP2 is not supported by this command"),
        (
            "REPLYBUFFER x 1",
            "unknown subcommand or wrong number of arguments for 'REPLYBUFFER'. Try DEBUG HELP.",
        ),
    ];
    client.call("SET s 1").unwrap();
    for (line, text) in cases {
        assert_eq!(client.error(&format!("DEBUG {line}")), format!("ERR {text}"));
    }
    assert_eq!(client.error("DEBUG ERROR abc"), "abc");
    for line in [
        "SLEEP 0",
        "SLEEP x",
        "RELOAD NOSAVE",
        "LOADAOF",
        "CHANGE-REPL-ID",
        "LOG hello",
        "REPLYBUFFER RESIZING x",
        "PAUSE-CRON 0",
        "DICT-RESIZING x",
        "SET-DISABLE-DENY-SCRIPTS 1",
        "REPLICATE SET q 1",
    ] {
        assert_eq!(client.call(&format!("DEBUG {line}")).unwrap(), Reply::Ok, "{line}");
    }
}

#[test]
fn the_same_data_has_the_same_digest() {
    let mut one = Client::new(ProtectedAction::Yes);
    assert_eq!(one.simple("DEBUG DIGEST"), "0".repeat(40));
    let mut other = Client::new(ProtectedAction::Local);
    for line in ["SET a 1", "SET b 2", "SELECT 3", "SET a 3", "SELECT 0"] {
        one.call(line).unwrap();
    }
    for line in ["SELECT 3", "SET a 9", "SET a 3", "SELECT 0", "SET b 2", "SET c 1", "DEL c", "SET a 1"] {
        other.call(line).unwrap();
    }
    assert_eq!(one.simple("DEBUG DIGEST"), other.simple("DEBUG DIGEST"));
    let values = |client: &mut Client| client.call("DEBUG DIGEST-VALUE a nothing").unwrap();
    assert_eq!(values(&mut one), values(&mut other));
    other.call("SET a 2").unwrap();
    assert_ne!(one.simple("DEBUG DIGEST"), other.simple("DEBUG DIGEST"));
    assert_ne!(values(&mut one), values(&mut other));
}

/// After `DEBUG RELOAD` everything is as it was, deadlines, the exchange of databases and functions included.
fn reload(mut client: Client) {
    for line in ["SET a 1", "SET due 1 PX 10", "SELECT 3", "SET b 2", "SWAPDB 3 5", "SELECT 0"] {
        client.call(line).unwrap();
    }
    client.call(&format!("SET long {}", "x".repeat(100_000))).unwrap();
    let library = "#!lua\tname=l\nredis.register_function('f',function()return(7)end)";
    client.call(&format!("FUNCTION LOAD {library}")).unwrap();
    let digest = client.simple("DEBUG DIGEST");
    for line in ["RELOAD", "RELOAD NOSAVE NOFLUSH MERGE", "LOADAOF"] {
        assert_eq!(client.call(&format!("DEBUG {line}")).unwrap(), Reply::Ok);
        assert_eq!(client.simple("DEBUG DIGEST"), digest);
        assert_eq!(client.call("DBSIZE").unwrap(), Reply::Integer(3));
        assert_eq!(client.call("FCALL f 0").unwrap(), Reply::Integer(7));
    }
    for (line, reply) in [("GET a", Some("1")), ("SELECT 5", None), ("GET b", Some("2")), ("SELECT 0", None)]
    {
        assert_eq!(client.call(line).unwrap(), reply.map_or(Reply::Ok, Reply::text), "{line}");
    }
    client.1.advance_ms(20);
    assert_eq!(client.2.instance().keyspace.expire_due(10).unwrap(), 1);
    assert_eq!(client.call("DBSIZE").unwrap(), Reply::Integer(2));
}

#[test]
fn reload_on_the_memory_engine() {
    reload(Client::new(ProtectedAction::Yes));
}

#[cfg(feature = "rocksdb")]
#[test]
fn reload_on_rocksdb() {
    let directory = tempfile::tempdir().unwrap();
    let dir = directory.path().display().to_string();
    let settings = Settings { enable_debug_command: ProtectedAction::Yes, dir, ..Settings::default() };
    reload(Client::over(|clock| Db::open_with_clock(settings, clock)));
}

#[test]
fn populates_and_describes() {
    let mut client = Client::new(ProtectedAction::Yes);
    client.call("SET key:1 mine").unwrap();
    client.call("DEBUG POPULATE 2500").unwrap();
    assert_eq!(client.call("DBSIZE").unwrap(), Reply::Integer(2500));
    assert_eq!(client.call("STRLEN key:1").unwrap(), Reply::Integer(4));
    assert_eq!(client.call("GETRANGE key:2499 0 -1").unwrap(), Reply::text("value:2499"));
    client.call("DEBUG POPULATE 2 p 3").unwrap();
    assert_eq!(client.call("STRLEN p:1").unwrap(), Reply::Integer(3));
    let line = client.simple("DEBUG OBJECT key:1");
    assert!(
        line.starts_with("Value at:0x") && line.contains(" refcount:1 encoding:embstr serializedlength:")
    );
    assert!(client.simple("DEBUG SDSLEN key:1").contains("val_sds_len:4, val_sds_avail:0"));
    client.0.session.speak(Dialect::Resp3);
    assert!(matches!(client.call("DEBUG PROTOCOL push").unwrap(), Reply::Sequence(_)));
}

#[test]
fn patterns() {
    let mut client = Client::new(ProtectedAction::Yes);
    assert_eq!(client.call("DEBUG STRINGMATCH-LEN h*l? hello").unwrap(), Reply::Integer(1));
    assert_eq!(client.call("DEBUG STRINGMATCH-LEN H*l? hello").unwrap(), Reply::Integer(0));
    assert_eq!(client.simple("DEBUG STRINGMATCH-TEST"), "Apparently Redis did not crash: test passed");
}

#[test]
fn the_checksum_of_a_payload_may_be_left_unread() {
    let mut client = Client::new(ProtectedAction::Yes);
    client.call("SET a hello").unwrap();
    let Reply::Bulk(payload) = client.call("DUMP a").unwrap() else { panic!() };
    let mut damaged = payload.to_vec();
    *damaged.last_mut().unwrap() ^= 1;
    let restore = |client: &mut Client, key: &'static str| {
        let words = ["RESTORE", key, "0"].map(|word| Bytes::from_static(word.as_bytes()));
        client.0.call(&[&words[..], &[Bytes::from(damaged.clone())]].concat())
    };
    assert!(restore(&mut client, "b").is_err());
    client.call("DEBUG SET-SKIP-CHECKSUM-VALIDATION 1").unwrap();
    assert_eq!(restore(&mut client, "b").unwrap(), Reply::Ok);
    client.call("DEBUG SET-SKIP-CHECKSUM-VALIDATION 0").unwrap();
    assert!(restore(&mut client, "c").is_err());
    assert_eq!(client.call("GET b").unwrap(), Reply::text("hello"));
}

#[test]
fn the_whole_configuration_can_be_written() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("diskdb.conf");
    let settings = Settings {
        enable_debug_command: ProtectedAction::Yes,
        config_file: Some(path.clone()),
        ..Settings::default()
    };
    let mut client =
        Client::over(|clock| Db::over_with_clock(Box::new(MemoryEngine::new()), settings, clock));
    assert_eq!(client.call("DEBUG CONFIG-REWRITE-FORCE-ALL").unwrap(), Reply::Ok);
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains("\nmaxclients 10000\n"), "{text}");
}

#[test]
fn clients_by_the_memory_they_take() {
    let mut client = Client::new(ProtectedAction::Yes);
    assert_eq!(client.error("DEBUG CLIENT-EVICTION"), "ERR maxmemory-clients is disabled.");
    client.call("CONFIG SET maxmemory-clients 100mb").unwrap();
    let Reply::Verbatim("txt", text) = client.call("DEBUG CLIENT-EVICTION").unwrap() else { panic!() };
    let text = String::from_utf8(text.to_vec()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 19);
    assert_eq!(lines[0], "bucket          0 -      32767: tot-mem:          0, clients: 0");
    assert_eq!(lines[1], "bucket      32768 -      65535: tot-mem:          0, clients: 0");
    assert_eq!(lines[18], "bucket 4294967296+            : tot-mem:          0, clients: 0");
}

/// Where the allocator tells nothing, there is no such subcommand, as in Redis.
#[test]
fn what_the_allocator_tells() {
    let mut client = Client::new(ProtectedAction::Yes);
    if !cfg!(feature = "jemalloc") {
        let unknown = "ERR unknown subcommand or wrong number of arguments for 'MALLCTL'. Try DEBUG HELP.";
        return assert_eq!(client.error("DEBUG MALLCTL arenas.narenas"), unknown);
    }
    assert!(matches!(client.call("DEBUG MALLCTL arenas.narenas"), Ok(Reply::Integer(1..))));
    assert!(matches!(client.call("DEBUG MALLCTL arenas.page"), Ok(Reply::Integer(4096..))));
    assert_eq!(client.error("DEBUG MALLCTL nothing"), "ERR No such file or directory");
    assert_eq!(
        client.error("DEBUG MALLCTL background_thread x"),
        "ERR value is not an integer or out of range"
    );
    assert_eq!(client.error("DEBUG MALLCTL background_thread 1"), "ERR Operation not permitted");
}

/// Each line of the help that is not indented begins with the name of a subcommand that there is.
#[test]
fn the_help_lists_what_there_is() {
    let mut client = Client::new(ProtectedAction::Yes);
    let Reply::Array(lines) = client.call("DEBUG HELP").unwrap() else { panic!() };
    let lines: Vec<String> = lines
        .into_iter()
        .map(|line| match line {
            Reply::Simple(line) => line.into_owned(),
            line => panic!("{line:?}"),
        })
        .collect();
    let mut found = 0;
    for line in &lines[1..lines.len() - 2] {
        if line.starts_with(' ') || (line.starts_with("MALLCTL") && !cfg!(feature = "jemalloc")) {
            continue;
        }
        // As many words as it wants at least.
        let words = line.split(" [").next().unwrap().split(' ').map(|word| match word {
            "<seconds>" | "<count>" | "<0|1>" => "0",
            word => word,
        });
        let call = format!("DEBUG {}", words.collect::<Vec<_>>().join(" "));
        let reply = client.call(&call).map_or_else(|error| error.to_string(), |_| String::new());
        assert!(!reply.contains("unknown subcommand"), "{call}: {reply}");
        found += 1;
    }
    assert!(found > 25, "only {found} subcommands");
}

#[test]
fn expiry_can_be_stopped() {
    let mut client = Client::new(ProtectedAction::Yes);
    client.call("SET a 1 PX 10").unwrap();
    client.call("DEBUG SET-ACTIVE-EXPIRE 0").unwrap();
    client.1.advance_ms(20);
    assert_eq!(client.2.instance().keyspace.expire_due(10).unwrap(), 0);
    client.call("DEBUG SET-ACTIVE-EXPIRE 1").unwrap();
    assert_eq!(client.2.instance().keyspace.expire_due(10).unwrap(), 1);
}
