//! Scripts beside other clients: those that take long, those that meet on a key, those that end badly.

use super::support::*;
use diskdb::config::Settings;
use diskdb::server::Server;
use std::net::TcpStream;
use std::time::{Duration, Instant};

const BUSY: &str =
    "-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.\r\n";
const FOR_EVER: &str = "while true do end";

type Tcp = Client<TcpStream>;

fn eval(client: &mut Tcp, script: &str, keys: &[&str]) {
    let count = keys.len().to_string();
    let mut words: Vec<&[u8]> = vec![b"EVAL", script.as_bytes(), count.as_bytes()];
    words.extend(keys.iter().map(|key| key.as_bytes()));
    client.send(command(&words));
}

/// A server where a script is soon said to take long.
fn start_impatient() -> Server {
    start(Settings { busy_reply_threshold: 20, ..settings() })
}

/// Waits until clients are told that a script runs.
fn await_busy(client: &mut Tcp) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        client.send("PING\r\n");
        match client.line().as_str() {
            "+PONG" => assert!(Instant::now() < deadline, "the script does not run"),
            busy => return assert_eq!(format!("{busy}\r\n"), BUSY),
        }
    }
}

fn killed(client: &mut Tcp) {
    let reply = client.line();
    assert!(reply.starts_with("-ERR Script killed by user with SCRIPT KILL"), "{reply}");
}

#[test]
fn a_script_that_takes_long_is_killed() {
    let server = start_impatient();
    let (mut runner, mut other) = (connect(&server), connect(&server));
    other.call("SCRIPT KILL", "-NOTBUSY No scripts in execution right now.\r\n");
    let pcall = "local f = function() while true do redis.call('PING') end end while true do pcall(f) end";
    let coroutine = "local f = coroutine.wrap(function() while true do end end) while true do pcall(f) end";
    for script in [FOR_EVER, pcall, coroutine] {
        eval(&mut runner, script, &["k"]);
        await_busy(&mut other);
        // Whether it wants the key or not.
        other.call("GET k", BUSY);
        other.call("GET other", BUSY);
        other.call("SHUTDOWN", BUSY);
        other.call("MULTI", "+OK\r\n");
        other.call("GET k", BUSY);
        other.call("DISCARD", "+OK\r\n");
        other.call("SCRIPT KILL", "+OK\r\n");
        killed(&mut runner);
        other.call("GET k", "$-1\r\n");
        runner.call("EVAL 'return 1' 0", ":1\r\n");
    }
    server.stop().unwrap();
}

#[test]
fn a_script_that_has_written_is_not_killed_but_ends_with_the_server() {
    let server = start_impatient();
    let (mut runner, mut other) = (connect(&server), connect(&server));
    eval(&mut runner, "redis.call('SET', KEYS[1], 1) while true do end", &["k"]);
    await_busy(&mut other);
    other.send("SCRIPT KILL\r\n");
    assert!(other.line().starts_with("-UNKILLABLE "));
    await_busy(&mut other);
    other.send("SHUTDOWN NOSAVE\r\n");
    let began = Instant::now();
    server.wait().unwrap();
    assert!(began.elapsed() < Duration::from_secs(1), "as a script may never end, nobody waits for it");
    let reply = runner.line();
    assert!(reply.is_empty() || reply.starts_with("-ERR the server stops"), "{reply}");
}

#[test]
fn a_server_that_stops_gives_scripts_the_time_of_clients() {
    let server = start(Settings { shutdown_timeout: 1, ..settings() });
    let mut runner = connect(&server);
    eval(&mut runner, FOR_EVER, &[]);
    std::thread::sleep(Duration::from_millis(30));
    server.stop().unwrap();
}

#[test]
fn who_wants_the_keys_of_a_script_holds_up_nobody() {
    let server = start(Settings { server_threads: 1, ..settings() });
    let (mut runner, mut other, mut third) = (connect(&server), connect(&server), connect(&server));
    eval(
        &mut runner,
        "redis.call('SET', 'mine', 1) local t = os.clock() while os.clock() < t + 0.3 do end",
        &[],
    );
    std::thread::sleep(Duration::from_millis(20));
    other.send("GET mine\r\n");
    let began = Instant::now();
    for _ in 0..20 {
        third.call("PING", "+PONG\r\n");
        third.call("GET free", "$-1\r\n");
    }
    assert!(began.elapsed() < Duration::from_millis(200), "{:?}", began.elapsed());
    other.expect("$1\r\n1\r\n");
    runner.expect("$-1\r\n");
    server.stop().unwrap();
}

#[test]
fn who_has_waited_for_a_key_is_told_that_a_script_has_it() {
    let server = start(Settings { busy_reply_threshold: 150, ..settings() });
    let (mut runner, mut reader, mut other) = (connect(&server), connect(&server), connect(&server));
    eval(&mut runner, FOR_EVER, &["k"]);
    std::thread::sleep(Duration::from_millis(50));
    reader.send("APPEND k x\r\n");
    reader.expect(BUSY);
    other.call("SCRIPT KILL", "+OK\r\n");
    killed(&mut runner);
    reader.call("APPEND k x", ":1\r\n");
    server.stop().unwrap();
}

#[test]
fn limits_of_time_and_memory() {
    let server = start(Settings { script_time_limit: 50, script_memory_limit: 4 << 20, ..settings() });
    let mut client = connect(&server);
    eval(&mut client, "redis.call('SET', 'k', 1) while true do end", &[]);
    let reply = client.line();
    assert!(reply.starts_with("-ERR the script ran longer than script-time-limit (50 ms)"), "{reply}");
    client.call("EXISTS k", ":0\r\n");
    // Half of a transaction is not undone with it.
    client.send(command(&[b"MULTI"]));
    client.send(command(&[b"SET", b"a", b"1"]));
    eval(&mut client, "redis.call('SET', 'b', 1) while true do end", &[]);
    client.send(command(&[b"EXEC"]));
    client.expect("+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n");
    assert!(client.line().starts_with("-ERR the script ran longer"));
    client.call("EXISTS a b", ":1\r\n");

    client.call("CONFIG SET script-time-limit 0", "+OK\r\n");
    eval(&mut client, "local t = {} for i = 1, 1e9 do t[i] = i .. ' bottles' end", &[]);
    let reply = client.line();
    assert!(reply.contains("script-memory-limit"), "{reply}");
    eval(&mut client, "local ok = pcall(string.rep, 'x', 1e8) return ok and 1 or 0", &[]);
    client.expect(":0\r\n");
    // The machine is as good as new.
    eval(&mut client, "return #string.rep('x', 1000000)", &[]);
    client.expect(":1000000\r\n");
    server.stop().unwrap();
}

/// So many clients run a script so often, each with its own arguments.
fn run_side_by_side(
    server: &Server,
    clients: usize,
    times: usize,
    script: &str,
    keys: impl Fn(usize) -> String + Sync,
) {
    std::thread::scope(|scope| {
        for number in 0..clients {
            let keys = &keys;
            scope.spawn(move || {
                let mut client = connect(server);
                let (keys, number) = (keys(number), number.to_string());
                let count = usize::from(!keys.is_empty()).to_string();
                let mut words: Vec<&[u8]> = vec![b"EVAL", script.as_bytes(), count.as_bytes()];
                if !keys.is_empty() {
                    words.push(keys.as_bytes());
                }
                words.push(number.as_bytes());
                for _ in 0..times {
                    client.send(command(&words));
                    client.expect("+OK\r\n");
                }
            });
        }
    });
}

const ADD: &str = "local key = KEYS[1] or 'sum' local old = tonumber(redis.call('GET', key) or 0) \
                   return redis.call('SET', key, old + 1)";

#[test]
fn nothing_comes_between_the_commands_of_a_script() {
    let server = start(settings());
    let mut client = connect(&server);
    run_side_by_side(&server, 4, 200, ADD, |_| "sum".to_owned());
    client.call("GET sum", "$3\r\n800\r\n");
    // Nor where the key is not declared.
    run_side_by_side(&server, 4, 200, ADD, |_| String::new());
    client.call("GET sum", "$4\r\n1600\r\n");
    run_side_by_side(&server, 4, 50, ADD, |number| format!("own:{number}"));
    client.call("GET own:3", "$2\r\n50\r\n");
    // Two keys that scripts come to in different order, none declared: they give way to each other.
    let transfer = "local from, to = 'a', 'b' if ARGV[1] % 2 == 1 then from, to = to, from end \
                    redis.call('DECR', from) redis.call('INCR', to) return redis.status_reply('OK')";
    run_side_by_side(&server, 4, 200, transfer, |_| String::new());
    client.send("MGET a b\r\n");
    client.expect("*2\r\n$1\r\n0\r\n$1\r\n0\r\n");
    server.stop().unwrap();
}

#[test]
fn a_script_serves_who_waits_once_it_has_ended() {
    let server = start(settings());
    let (mut waiter, mut runner) = (connect(&server), connect(&server));
    waiter.send("BLPOP k 0\r\n");
    runner.await_info("clients", "blocked_clients", "1");
    eval(
        &mut runner,
        "redis.call('LPUSH', 'k', 'a') redis.call('LPUSH', 'k', 'b') return redis.call('LLEN', 'k')",
        &[],
    );
    runner.expect(":2\r\n");
    waiter.expect("*2\r\n$1\r\nk\r\n$1\r\nb\r\n");
    // A script waits for nothing.
    eval(&mut runner, "return redis.call('BLPOP', 'none', 0)", &[]);
    runner.expect("$-1\r\n");
    server.stop().unwrap();
}

#[test]
fn what_others_are_told_of_scripts() {
    let server = start(settings());
    let (mut runner, mut watcher, mut listener) = (connect(&server), connect(&server), connect(&server));
    runner.call("CONFIG SET notify-keyspace-events KA", "+OK\r\n");
    runner.call("CONFIG SET slowlog-log-slower-than 0", "+OK\r\n");
    listener.call("SUBSCRIBE __keyspace@0__:k", "*3\r\n$9\r\nsubscribe\r\n$16\r\n__keyspace@0__:k\r\n:1\r\n");
    watcher.call("MONITOR", "+OK\r\n");
    runner.call("SLOWLOG RESET", "+OK\r\n");
    eval(&mut runner, "redis.call('SET', KEYS[1], 1) return redis.call('DEL', KEYS[1])", &["k"]);
    runner.expect(":1\r\n");
    for event in ["set", "del"] {
        let length = event.len();
        listener
            .expect(format!("*3\r\n$7\r\nmessage\r\n$16\r\n__keyspace@0__:k\r\n${length}\r\n{event}\r\n"));
    }
    assert!(watcher.line().contains("\"EVAL\""));
    for (name, rest) in [("SET", " \"1\""), ("DEL", "")] {
        let line = watcher.line();
        assert!(line.ends_with(&format!("[0 lua] \"{name}\" \"k\"{rest}")), "{line}");
    }
    // SLOWLOG RESET and EVAL: what a script calls is not told of.
    runner.call("SLOWLOG LEN", ":2\r\n");
    server.stop().unwrap();
}

#[test]
fn a_pause_holds_back_scripts_that_may_write() {
    let server = start(settings());
    let (mut pauser, mut reader, mut writer) = (connect(&server), connect(&server), connect(&server));
    pauser.call("CLIENT PAUSE 100000 WRITE", "+OK\r\n");
    eval(&mut writer, "return 1", &[]);
    eval(&mut reader, "#!lua flags=no-writes\nreturn 2", &[]);
    reader.expect(":2\r\n");
    reader.send(command(&[b"EVAL_RO", b"return 3", b"0"]));
    reader.expect(":3\r\n");
    writer.silence(Duration::from_millis(30));
    pauser.call("CLIENT UNPAUSE", "+OK\r\n");
    writer.expect(":1\r\n");
    server.stop().unwrap();
}

#[test]
fn debug_lets_scripts_call_what_they_must_not() {
    use diskdb::config::values::ProtectedAction;
    let server = start(Settings { enable_debug_command: ProtectedAction::Yes, ..settings() });
    let mut client = connect(&server);
    eval(&mut client, "return redis.call('CLIENT', 'GETNAME')", &[]);
    assert!(client.line().starts_with("-ERR This Redis command is not allowed from script"));
    client.call("DEBUG SET-DISABLE-DENY-SCRIPTS 1", "+OK\r\n");
    eval(&mut client, "return redis.call('CLIENT', 'GETNAME')", &[]);
    client.expect("$-1\r\n");
    client.call("DEBUG SET-DISABLE-DENY-SCRIPTS 0", "+OK\r\n");
    eval(&mut client, "return redis.call('CLIENT', 'GETNAME')", &[]);
    assert!(client.line().starts_with("-ERR This Redis command is not allowed from script"));
    server.stop().unwrap();
}

#[test]
fn what_can_make_lua_crash_is_refused() {
    let server = start(settings());
    let mut client = connect(&server);
    for (script, refusal) in [
        ("return {unpack({1, 2, 3}, -2, 2147483647)}", "too many results to unpack"),
        ("return {unpack({1, 2, 3}, -2147483648, 2147483647)}", "too many results to unpack"),
        ("return string.find(('a'):rep(1e5), ('a?'):rep(1e5))", "pattern too complex"),
        ("return string.gsub(('a'):rep(1e5), ('a-'):rep(1e5), '', true)", "pattern too complex"),
        ("local function f() return f() + 1 end return f()", "stack overflow"),
        ("return loadstring(string.dump(function() end))()", "attempt to call a nil value"),
    ] {
        eval(&mut client, script, &[]);
        let reply = client.line();
        assert!(reply.contains(refusal), "{script}: {reply}");
    }
    // What only looks like it.
    eval(&mut client, "local s = ('+'):rep(5000) return string.find('-' .. s, s, 1, true)", &[]);
    client.expect(":2\r\n");
    eval(&mut client, "return {unpack({1, 2, 3}, 2)}", &[]);
    client.expect("*2\r\n:2\r\n:3\r\n");
    eval(
        &mut client,
        "local t = {} for i = 1, 7900 do t[i] = i end return redis.call('RPUSH', 'k', unpack(t))",
        &[],
    );
    client.expect(":7900\r\n");
    server.stop().unwrap();
}
