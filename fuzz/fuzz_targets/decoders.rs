//! Every decoder of stored bytes. What decodes must encode to something that decodes to the same.
#![no_main]

use bytes::Bytes;
use diskdb::encoding::databases::Databases;
use diskdb::encoding::functions;
use diskdb::encoding::glob::{self, Case};
use diskdb::encoding::meta::{Head, Meta};
use diskdb::data_types::tree::Root;
use diskdb::encoding::{intset, keys, listpack, lzf, text, varint, ziplist, zipmap};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let bytes = Bytes::copy_from_slice(data);
    if let Ok(meta) = Meta::decode(bytes.clone()) {
        assert_eq!(Meta::decode(meta.encode()).as_ref(), Ok(&meta));
    }
    if let Ok(root) = Root::decode(bytes.clone()) {
        assert_eq!(Root::decode(root.encode()).as_ref(), Ok(&root));
    }
    let _ = Head::decode(data);
    if let Ok(databases) = Databases::decode(data) {
        assert_eq!(databases.encode(), data);
    }
    if let Ok((functions, text)) = functions::decode(data) {
        let again = functions::encode(&functions, &text);
        assert_eq!(functions::decode(&again), Ok((functions, text)));
    }
    if let Ok((namespace, key)) = keys::decode_meta(data) {
        assert_eq!(keys::meta(namespace, key).as_slice(), data);
    }
    if let Ok((namespace, deadline_ms, key)) = keys::decode_expiry(data) {
        assert_eq!(keys::expiry(namespace, deadline_ms, key), data);
    }
    if let Ok((namespace, version, number)) = keys::decode_chunk(data) {
        assert_eq!(keys::chunk(namespace, version, number).as_slice(), data);
    }
    let mut rest = data;
    if let Ok(value) = varint::take(&mut rest) {
        let mut out = Vec::new();
        varint::put(&mut out, value);
        assert_eq!(out, data[..data.len() - rest.len()]);
    }
    if let Ok(members) = intset::decode(data) {
        assert_eq!(intset::decode(&intset::encode(&members)).as_ref(), Ok(&members));
    }
    let _ = listpack::decode(data).map(Iterator::count);
    let _ = ziplist::decode(data).map(Iterator::count);
    let _ = zipmap::decode(data);
    let _ = lzf::decompress(data, 1 << 16);
    if let Some(number) = text::parse_i64(data) {
        assert_eq!(number.to_string().as_bytes(), data);
    }
    if let Some(middle) = data.iter().position(|byte| *byte == 0) {
        let _ = glob::matches(&data[..middle], &data[middle + 1..], Case::Sensitive);
    }
});
