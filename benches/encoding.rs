//! What the codecs of keys and headers cost.

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use diskdb::encoding::keys::{self, Namespace};
use diskdb::encoding::meta::{Meta, Outside};
use diskdb::encoding::numbers::Kind;
use diskdb::encoding::{text, varint};
use std::hint::black_box;

const NAMESPACE: Namespace = Namespace(3);
const KEY: &[u8] = b"key:000000000001";

fn key_codecs(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("keys");
    group.bench_function("meta", |bencher| bencher.iter(|| keys::meta(NAMESPACE, black_box(KEY))));
    let meta = keys::meta(NAMESPACE, KEY);
    group.bench_function("meta, decoded", |bencher| bencher.iter(|| keys::decode_meta(black_box(&meta))));
    group.bench_function("expiry", |bencher| {
        bencher.iter(|| keys::expiry(NAMESPACE, black_box(1_750_000_000_000), KEY));
    });
    group.bench_function("chunk", |bencher| bencher.iter(|| keys::chunk(NAMESPACE, black_box(1), 2)));
    group.finish();
}

fn headers(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("header");
    let stamp = |meta| Meta {
        created_at_ms: 1_750_000_000_000,
        updated_at_ms: 1_750_000_360_000,
        revision: 7,
        ..meta
    };
    let cases = [
        ("3 bytes", stamp(Meta::inline(Kind::String, Bytes::from_static(b"xxx")))),
        ("1024 bytes", stamp(Meta::inline(Kind::String, vec![b'x'; 1024].into()))),
        (
            "outside, with a deadline",
            Meta {
                expire_at_ms: Some(1_750_001_000_000),
                ..stamp(Meta::outside(Kind::String, Outside { version: 1 << 41, len: 1 << 20 }))
            },
        ),
    ];
    for (name, meta) in cases {
        group.bench_function(format!("{name}, encoded"), |bencher| {
            bencher.iter(|| black_box(&meta).encode());
        });
        let bytes = meta.encode();
        group.bench_function(format!("{name}, decoded"), |bencher| {
            bencher.iter(|| Meta::decode(black_box(bytes.clone())));
        });
    }
    group.finish();
}

fn numbers(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("numbers");
    group.bench_function("varint", |bencher| {
        let mut out = Vec::with_capacity(10);
        bencher.iter(|| {
            out.clear();
            varint::put(&mut out, black_box(1_750_000_000_000));
            varint::take(&mut out.as_slice())
        });
    });
    group.bench_function("integer from text", |bencher| {
        bencher.iter(|| text::parse_i64(black_box(b"1234567890123")));
    });
    group.finish();
}

criterion_group!(benches, key_codecs, headers, numbers);
criterion_main!(benches);
