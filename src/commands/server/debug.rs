//! `DEBUG`: what tests, Redis' own among them, ask of a server. Off unless `enable-debug-command`
//! allows it.

mod help;

use super::{Command, Context, SessionCommand, may_wait};
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Flags, Group, Spec};
use crate::config::rewrite::{self, Extent};
use crate::config::values::ProtectedAction;
use crate::data_types::digest::{self as signature, Signature};
use crate::data_types::{key as data_key, string};
use crate::encoding::numbers::Kind;
use crate::encoding::{glob, text};
use crate::error::{Error, Result};
use crate::instance::clients::ClientAddress;
use crate::instance::process;
use crate::keyspace::event::Event;
use crate::keyspace::tx::ReadTx;
use crate::keyspace::{DbIndex, Keys, Origin};
use crate::protocol::Reply;
use crate::session::Dialect;
use bytes::Bytes;
use std::sync::atomic::Ordering;
use std::time::Duration;

pub struct Debug {
    words: Vec<Bytes>,
    /// What to answer when there is no such subcommand with so many words.
    complaint: Error,
}

impl Command for Debug {
    const SPEC: Spec = Spec::new("DEBUG", Group::Server, Arity::AtLeast(2))
        .flags(Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE).and(Flags::PROTECTED))
        .syntax("subcommand [arg [arg ...]]")
        .doc("1.0.0", "Depends on subcommand.", "A container for debugging commands.");
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        let complaint = args.subcommand_error();
        Ok(Debug { words: args.rest().to_vec(), complaint })
    }
}

/// Whether a client may send `DEBUG`.
///
/// # Errors
/// Why not, in Redis' words.
pub(in crate::commands) fn check_allowed(allowed: ProtectedAction, address: &ClientAddress) -> Result<()> {
    match allowed {
        ProtectedAction::Yes => Ok(()),
        ProtectedAction::Local if address.is_this_machine() => Ok(()),
        ProtectedAction::Local | ProtectedAction::No => Err(Error::text(
            "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run \
             it from a local connection, otherwise you need to set this option in the configuration file, and \
             then restart the server.",
        )),
    }
}

impl SessionCommand for Debug {
    fn run(self, context: &mut Context<'_>) -> Result<Reply> {
        let name = self.words.first().map(|word| word.to_ascii_lowercase()).unwrap_or_default();
        let args = self.words.get(1..).unwrap_or_default();
        match (name.as_slice(), args) {
            (b"help", []) => Ok(crate::commands::help::reply("DEBUG", help::LINES)),
            (b"sleep", [seconds]) => sleep(context, seconds),
            (b"set-active-expire", [on]) => {
                context.instance.keyspace.set_active_expiry(is_on(on));
                Ok(Reply::Ok)
            }
            (b"pause-cron", [on]) => {
                context.instance.pause_background(is_on(on));
                Ok(Reply::Ok)
            }
            (b"set-skip-checksum-validation", [on]) => {
                context.instance.keyspace.set_checks_payloads(!is_on(on));
                Ok(Reply::Ok)
            }
            (b"object", [key] | [key, _]) => object(context, key),
            (b"sdslen", [key]) => sdslen(context, key),
            (b"error", [message]) => Err(error(message)),
            (b"log", [message]) => {
                tracing::warn!("DEBUG LOG: {}", String::from_utf8_lossy(message));
                Ok(Reply::Ok)
            }
            (b"reload", options) => reload(context, options),
            (b"loadaof", []) => reload(context, &[]),
            (b"digest", []) => digest(context),
            (b"digest-value", keys) => digest_value(context, keys),
            (b"populate", [count, rest @ ..]) if rest.len() <= 2 => {
                populate(context, count, rest.first(), rest.get(1))
            }
            (b"protocol", [kind]) => protocol(context, kind),
            (b"change-repl-id", []) => {
                context.instance.identity.change_replication_id();
                Ok(Reply::Ok)
            }
            (b"htstats", [db] | [db, _]) => htstats(context, db),
            (b"htstats-key", [key] | [key, _]) => htstats_key(context, key),
            (b"listpack", [key]) => no_such_encoding(context, key, "listpack"),
            (b"quicklist", [key] | [key, _]) => no_such_encoding(context, key, "quicklist"),
            (b"structsize", []) => Ok(Reply::bulk(structsize())),
            (b"quicklist-packed-threshold", [size]) => packed_threshold(size),
            (b"replybuffer", [what, value]) => replybuffer(what, value, self.complaint),
            (b"client-eviction", []) => client_eviction(context),
            (b"stringmatch-len", [pattern, text]) => {
                Ok(Reply::Integer(glob::matches(pattern, text, glob::Case::Sensitive).into()))
            }
            (b"stringmatch-test", []) => Ok(match_random_strings()),
            (b"config-rewrite-force-all", []) => rewrite_config(context),
            (b"mallctl", [name, value @ ..]) => mallctl(name, value).ok_or(self.complaint)?,
            (b"clusterlink", [_, _, _]) => {
                Err(Error::text("ERR Debug option only available for cluster mode enabled setup!"))
            }
            (b"set-disable-deny-scripts", [allows]) => {
                let allows = text::parse_i64(allows).is_some_and(|number| number != 0);
                context.instance.scripts.allows_all_commands.store(allows, Ordering::Relaxed);
                Ok(Reply::Ok)
            }
            (b"dict-resizing", [_]) | (b"replicate", [_, ..]) => Ok(Reply::Ok),
            (
                b"panic" | b"segfault" | b"assert" | b"oom" | b"leak" | b"restart" | b"crash-and-recover",
                _,
            ) => Err(Error::err("DiskDB does not crash on command; stop the process instead")),
            _ => Err(self.complaint),
        }
    }
}

/// Runs `f` on a consistent view.
fn read<T>(context: &Context, keys: &Keys, f: impl FnOnce(&ReadTx<'_>) -> Result<T>) -> Result<T> {
    context.stands_alone()?;
    context.instance.keyspace.read(context.origin(), keys, f)
}

/// The longest sleep, s: long enough for any test.
const MAX_SLEEP_S: f64 = 3600.0;

fn sleep(context: &Context, seconds: &Bytes) -> Result<Reply> {
    may_wait(context)?;
    // As Redis, which reads what is no number as 0.
    let seconds = std::str::from_utf8(seconds).ok().and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    if seconds > 0.0 {
        #[allow(clippy::disallowed_methods)] // this is what was asked for
        std::thread::sleep(Duration::from_secs_f64(seconds.min(MAX_SLEEP_S)));
    }
    Ok(Reply::Ok)
}

fn object(context: &Context, key: &Bytes) -> Result<Reply> {
    let line = read(context, &Keys::one(key), |tx| {
        let meta = tx.meta(key)?.ok_or(Error::NoSuchKey)?;
        let bytes = data_key::stored_bytes(tx, key, &meta)?;
        let now_s = tx.now_ms() / 1000;
        let idle_s = now_s.saturating_sub(meta.updated_at_ms / 1000);
        Ok(format!(
            "Value at:{:#x} refcount:1 encoding:{} serializedlength:{bytes} lru:{} lru_seconds_idle:{idle_s}",
            std::ptr::from_ref(&meta) as usize,
            data_key::encoding(&meta),
            (meta.updated_at_ms / 1000) & 0xff_ffff,
        ))
    })?;
    Ok(Reply::Simple(line.into()))
}

fn sdslen(context: &Context, key: &Bytes) -> Result<Reply> {
    let line = read(context, &Keys::one(key), |tx| {
        let meta = tx.meta(key)?.ok_or(Error::NoSuchKey)?;
        if meta.kind != Kind::String || data_key::encoding(&meta) == "int" {
            return Err(Error::text("ERR Not an sds encoded string."));
        }
        let (key_len, len) = (key.len(), string::len(&meta));
        Ok(format!(
            "key_sds_len:{key_len}, key_sds_avail:0, key_zmalloc: {key_len}, val_sds_len:{len}, val_sds_avail:0, \
             val_zmalloc: {len}"
        ))
    })?;
    Ok(Reply::Simple(line.into()))
}

/// The error reply that the words ask for, on one line.
fn error(message: &Bytes) -> Error {
    Error::Text(String::from_utf8_lossy(message).replace(['\r', '\n'], " ").into())
}

fn reload(context: &Context, options: &[Bytes]) -> Result<Reply> {
    let known = |option: &Bytes| {
        ["MERGE", "NOFLUSH", "NOSAVE"].iter().any(|name| option.eq_ignore_ascii_case(name.as_bytes()))
    };
    if !options.iter().all(known) {
        return Err(Error::text("ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options."));
    }
    context.stands_alone()?;
    may_wait(context)?;
    context.instance.keyspace.reopen()?;
    context.instance.functions.load(&context.instance.keyspace)?;
    Ok(Reply::Ok)
}

fn digest(context: &Context) -> Result<Reply> {
    context.stands_alone()?;
    let keyspace = &context.instance.keyspace;
    let mut all = Signature::default();
    for db in 0..keyspace.database_count() {
        let origin = Origin { db, ..context.origin() };
        all.combine(keyspace.read(origin, &Keys::All, signature::of_database)?);
    }
    Ok(Reply::Simple(all.hex().into()))
}

fn digest_value(context: &Context, keys: &[Bytes]) -> Result<Reply> {
    let signatures = read(context, &Keys::many(keys), |tx| {
        keys.iter().map(|key| signature::of_value(tx, key)).collect::<Result<Vec<_>>>()
    })?;
    Ok(Reply::Array(signatures.iter().map(|signature| Reply::Simple(signature.hex().into())).collect()))
}

/// How many keys one transaction of `POPULATE` writes.
const POPULATE_AT_ONCE: u64 = 1000;
/// The longest value of `POPULATE`, bytes.
const MAX_POPULATE_SIZE: u64 = 512 << 20;

fn populate(
    context: &mut Context,
    count: &Bytes,
    prefix: Option<&Bytes>,
    size: Option<&Bytes>,
) -> Result<Reply> {
    let number = |word: &Bytes| {
        text::parse_i64(word).and_then(|number| u64::try_from(number).ok()).ok_or(Error::NotPositive)
    };
    let count = number(count)?;
    let size = size.map(number).transpose()?.filter(|size| *size > 0);
    if size.is_some_and(|size| size > MAX_POPULATE_SIZE) {
        return Err(Error::OutOfRange);
    }
    context.stands_alone()?;
    may_wait(context)?;
    let prefix = prefix.map_or(&b"key"[..], |prefix| prefix);
    let value = |number: u64| {
        let mut value = format!("value:{number}").into_bytes();
        if let Some(size) = size {
            value.resize(size as usize, 0);
        }
        Bytes::from(value)
    };
    let keyspace = &context.instance.keyspace;
    // Long values in smaller transactions.
    let at_once = (MAX_POPULATE_SIZE / 64 / size.unwrap_or(1).max(1)).clamp(1, POPULATE_AT_ONCE);
    let mut first = 0;
    while first < count {
        let numbers = first..count.min(first + at_once);
        let keys: Vec<Bytes> =
            numbers.clone().map(|number| [prefix, format!(":{number}").as_bytes()].concat().into()).collect();
        keyspace.write(context.origin(), &Keys::many(&keys), |tx| {
            for (number, key) in numbers.clone().zip(&keys) {
                let mut slot = tx.slot(key)?;
                if slot.meta().is_none() {
                    string::put(tx, &mut slot, &value(number), None, Event::SET);
                }
            }
            Ok(())
        })?;
        keyspace.engine().flush()?;
        first += at_once;
    }
    Ok(Reply::Ok)
}

#[allow(clippy::approx_constant)] // Redis answers 3.141, which is not meant to be exact
fn protocol(context: &Context, kind: &Bytes) -> Result<Reply> {
    let numbers = || (0..3).map(Reply::Integer).collect();
    let kind = kind.to_ascii_lowercase();
    Ok(match kind.as_slice() {
        b"string" => Reply::text("Hello World"),
        b"integer" => Reply::Integer(12345),
        b"double" => Reply::Double(3.141),
        b"null" => Reply::Null,
        b"array" => Reply::Array(numbers()),
        b"set" => Reply::Set(numbers()),
        b"map" => Reply::Map((0..3).map(|n| (Reply::Integer(n), Reply::Boolean(n == 1))).collect()),
        b"attrib" => Reply::Sequence(vec![
            Reply::Attributes(vec![(
                Reply::text("key-popularity"),
                Reply::Array(vec![Reply::text("key:123"), Reply::Integer(90)]),
            )]),
            Reply::text("Some real reply following the attribute"),
        ]),
        b"push" if context.session.dialect != Dialect::Resp3 => {
            return Err(Error::text("ERR RESP2 is not supported by this command"));
        }
        b"push" => Reply::Sequence(vec![
            Reply::Push(vec![Reply::text("server-cpu-usage"), Reply::Integer(42)]),
            Reply::text("Some real reply following the push reply"),
        ]),
        b"verbatim" => Reply::Verbatim("txt", Bytes::from_static(b"This is a verbatim\nstring")),
        b"true" => Reply::Boolean(true),
        b"false" => Reply::Boolean(false),
        b"bignum" => Reply::BigNumber("1234567999999999999999999999999999999".into()),
        _ => {
            return Err(Error::text(
                "ERR Wrong protocol type name. Please use one of the following: \
                 string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false",
            ));
        }
    })
}

fn htstats(context: &Context, db: &Bytes) -> Result<Reply> {
    let keyspace = &context.instance.keyspace;
    let db = text::parse_i64(db).ok_or(Error::NotInteger)?;
    let db = DbIndex::try_from(db).ok().filter(|db| *db < keyspace.database_count());
    let db = db.ok_or(Error::text("ERR Out of range database"))?;
    // The dictionaries are on disk, and sorted; there are no slots or chains.
    let stats = format!(
        "[Dictionary HT]\n number of elements: {}\n[Expires HT]\n number of elements: {}\n",
        keyspace.key_count(db)?,
        keyspace.expires_count(db)?
    );
    Ok(Reply::Verbatim("txt", stats.into()))
}

fn htstats_key(context: &Context, key: &Bytes) -> Result<Reply> {
    read(context, &Keys::one(key), |tx| tx.meta(key)?.map(drop).ok_or(Error::NoSuchKey))?;
    Err(Error::text("ERR The value stored at the specified key is not represented using an hash table"))
}

fn structsize() -> String {
    format!(
        "bits:{} meta:{} slot:{} session:{} client:{} reply:{}",
        usize::BITS,
        size_of::<crate::encoding::meta::Meta>(),
        size_of::<crate::keyspace::tx::Slot>(),
        size_of::<crate::session::Session>(),
        size_of::<crate::instance::clients::Client>(),
        size_of::<Reply>(),
    )
}

/// There are no packed nodes to choose between, so a sensible size is all that is asked for.
fn packed_threshold(size: &Bytes) -> Result<Reply> {
    let bytes = std::str::from_utf8(size).ok().and_then(crate::config::kind::parse_memory);
    match bytes {
        Some(0..=0xffff_ffff) => Ok(Reply::Ok),
        _ => Err(Error::text("ERR argument must be a memory value bigger than 1 and smaller than 4gb")),
    }
}

/// Reply buffers size themselves; what a test may set has no effect.
fn replybuffer(what: &Bytes, value: &Bytes, complaint: Error) -> Result<Reply> {
    let is = |word: &Bytes, name: &str| word.eq_ignore_ascii_case(name.as_bytes());
    if is(what, "RESIZING") {
        return Ok(Reply::Ok);
    }
    if !is(what, "PEAK-RESET-TIME") {
        return Err(complaint);
    }
    let named = is(value, "NEVER") || is(value, "RESET");
    if named || text::parse_i64(value).is_some() { Ok(Reply::Ok) } else { Err(Error::NotInteger) }
}

/// The sizes that are told apart, by their binary digits.
const SIZES: std::ops::RangeInclusive<usize> = 15..=33;

fn client_eviction(context: &Context) -> Result<Reply> {
    let clients = &context.instance.clients;
    if clients.memory_limit() == 0 {
        return Err(Error::text("ERR maxmemory-clients is disabled."));
    }
    let sizes = clients.evictable_by_size();
    let mut text = String::new();
    for digits in SIZES {
        let (first, last) = (digits == *SIZES.start(), digits == *SIZES.end());
        let counted = match (first, last) {
            (true, _) => &sizes[..=digits],
            (_, true) => &sizes[digits..],
            _ => &sizes[digits..=digits],
        };
        let (bytes, count) = counted.iter().fold((0, 0), |sum, size| (sum.0 + size.0, sum.1 + size.1));
        let from = if first { 0 } else { 1_u64 << (digits - 1) };
        let to = if last { "+            ".into() } else { format!(" - {:10}", (1_u64 << digits) - 1) };
        text += &format!("bucket {from:10}{to}: tot-mem: {bytes:10}, clients: {count}\n");
    }
    Ok(Reply::Verbatim("txt", text.into()))
}

fn no_such_encoding(context: &Context, key: &Bytes, encoding: &str) -> Result<Reply> {
    read(context, &Keys::one(key), |tx| tx.meta(key)?.map(drop).ok_or(Error::NoSuchKey))?;
    Err(Error::err(format_args!("Not a {encoding} encoded object.")))
}

/// A moment's work.
const MATCHES: u32 = 100_000;

fn match_random_strings() -> Reply {
    let mut random = fastrand::Rng::new();
    let mut word = |letters: &[u8]| -> Vec<u8> {
        (0..random.usize(..16)).map(|_| letters[random.usize(..letters.len())]).collect()
    };
    for _ in 0..MATCHES {
        let (pattern, text) = (word(b"ab*?[]^-\\"), word(b"ab-]"));
        std::hint::black_box(glob::matches(&pattern, &text, glob::Case::Ignored));
    }
    Reply::Simple("Apparently Redis did not crash: test passed".into())
}

fn rewrite_config(context: &Context) -> Result<Reply> {
    may_wait(context)?;
    let settings = context.instance.settings();
    let rewritten = match &settings.config_file {
        Some(path) => rewrite::rewrite_file(path, &settings, Extent::All).map_err(|error| error.to_string()),
        None => Err("the server is running without a config file".to_owned()),
    };
    rewritten.map_err(|reason| Error::err(format_args!("CONFIG-REWRITE-FORCE-ALL failed: {reason}")))?;
    Ok(Reply::Ok)
}

/// None: there is nobody to ask. Nothing can be set: a number in the wrong place would end the process.
fn mallctl(name: &Bytes, value: &[Bytes]) -> Option<Result<Reply>> {
    let reply = match (process::allocator_number(name)?, value.first().map(|value| text::parse_i64(value))) {
        (_, Some(None)) => Err(Error::NotInteger),
        (None, _) => Err(Error::text("ERR No such file or directory")),
        (Some(_), Some(Some(_))) => Err(Error::text("ERR Operation not permitted")),
        (Some(number), None) => Ok(Reply::Integer(number)),
    };
    Some(reply)
}

/// As Redis, which reads what is no number as 0.
fn is_on(word: &Bytes) -> bool {
    text::parse_i64(word).unwrap_or(0) != 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instance::clients::Transport;

    fn address(transport: Transport, peer: &str) -> ClientAddress {
        ClientAddress { transport, peer: peer.to_owned(), ..ClientAddress::embedded() }
    }

    #[test]
    fn who_may_debug() {
        let near = address(Transport::Tcp, "127.0.0.1:5");
        let far = address(Transport::Tcp, "10.0.0.1:5");
        assert!(check_allowed(ProtectedAction::Yes, &far).is_ok());
        assert!(check_allowed(ProtectedAction::No, &near).is_err());
        assert!(check_allowed(ProtectedAction::Local, &far).is_err());
        for local in [near, address(Transport::Tls, "[::1]:5"), address(Transport::Unix, "/tmp/s:0")] {
            assert!(check_allowed(ProtectedAction::Local, &local).is_ok(), "{local:?}");
        }
    }
}
