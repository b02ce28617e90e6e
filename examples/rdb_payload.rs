//! Shows what is in payloads of DUMP: for every line of hexadecimal digits that comes in, a line of
//! JSON goes out, with every string in hexadecimal digits too, and the payload as DiskDB writes it.
//! Directives may stand behind the digits: `hash-max-listpack-entries=5`.
//!
//! `scripts/rdb_check.py` holds the codec against real servers with it.

use diskdb::encoding::rdb::{self, Limits, Stream, StreamId, Value};
use serde_json::{Value as Json, json};
use std::io::{BufRead, Write};

const MAX_BYTES: u64 = 512 << 20;

fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    let digits = |at: usize| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok();
    (0..hex.len()).step_by(2).map(digits).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn limits_of<'a>(words: impl Iterator<Item = &'a str>) -> Option<Limits> {
    let mut limits = Limits::default();
    for word in words {
        let (name, value) = word.split_once('=')?;
        let number = || value.parse::<u64>().ok();
        match name {
            "list-max-listpack-size" => limits.list_max_listpack_size = value.parse().ok()?,
            "hash-max-listpack-entries" => limits.hash_max_listpack_entries = number()?,
            "hash-max-listpack-value" => limits.hash_max_listpack_value = number()?,
            "set-max-intset-entries" => limits.set_max_intset_entries = number()?,
            "zset-max-listpack-entries" => limits.zset_max_listpack_entries = number()?,
            "zset-max-listpack-value" => limits.zset_max_listpack_value = number()?,
            "stream-node-max-bytes" => limits.stream_node_max_bytes = number()?,
            "stream-node-max-entries" => limits.stream_node_max_entries = number()?,
            _ => return None,
        }
    }
    Some(limits)
}

fn id(id: StreamId) -> String {
    format!("{}-{}", id.ms, id.seq)
}

fn stream(stream: &Stream) -> Json {
    let groups = stream.groups.iter().map(|group| {
        let pending = group.pending.iter().map(|entry| {
            let owner = entry.consumer.map(|place| hex(&group.consumers[place].name));
            json!([id(entry.id), owner, entry.delivery_time_ms, entry.delivery_count])
        });
        let consumers = group.consumers.iter();
        let consumers = consumers.map(|one| json!([hex(&one.name), one.seen_time_ms, one.active_time_ms]));
        json!({
            "name": hex(&group.name), "last": id(group.last_id), "read": group.entries_read,
            "pending": pending.collect::<Vec<_>>(), "consumers": consumers.collect::<Vec<_>>(),
        })
    });
    let entries = stream.entries.iter().map(|entry| {
        let fields = entry.fields.iter().flat_map(|(field, value)| [hex(field), hex(value)]);
        json!([id(entry.id), fields.collect::<Vec<_>>()])
    });
    json!({
        "entries": entries.collect::<Vec<_>>(), "groups": groups.collect::<Vec<_>>(),
        "last": id(stream.last_id), "first": id(stream.first_id), "deleted": id(stream.max_deleted_id),
        "added": stream.entries_added,
    })
}

fn shown(value: &Value) -> Json {
    let strings = |strings: &[bytes::Bytes]| json!(strings.iter().map(|one| hex(one)).collect::<Vec<_>>());
    match value {
        Value::String(value) => json!({ "string": hex(value) }),
        Value::List(items) => json!({ "list": strings(items) }),
        Value::Set(members) => json!({ "set": strings(members) }),
        Value::SortedSet(members) => {
            // JSON has no infinity, and the digits have to be all of them.
            let members = members.iter().map(|(member, score)| json!([hex(member), format!("{score:e}")]));
            json!({ "zset": members.collect::<Vec<_>>() })
        }
        Value::Hash(fields) => {
            let fields = fields.iter().map(|(field, value, expire)| json!([hex(field), hex(value), expire]));
            json!({ "hash": fields.collect::<Vec<_>>() })
        }
        Value::Stream(value) => json!({ "stream": stream(value) }),
        Value::Array { values, cursor } => {
            let values = values.iter().map(|(index, value)| json!([index, hex(value)]));
            json!({ "array": values.collect::<Vec<_>>(), "cursor": cursor })
        }
    }
}

fn answer(line: &str) -> Json {
    let mut words = line.split_whitespace();
    let Some(payload) = words.next().and_then(bytes_of) else { return json!({ "error": "no payload" }) };
    let Some(limits) = limits_of(words) else { return json!({ "error": "unknown directive" }) };
    match rdb::read(&payload, MAX_BYTES) {
        Ok(value) => json!({ "value": shown(&value), "payload": hex(&rdb::write(&value, &limits)) }),
        Err(error) => json!({ "error": format!("{error:?}") }),
    }
}

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        writeln!(out, "{}", answer(&line?))?;
        out.flush()?;
    }
    Ok(())
}
