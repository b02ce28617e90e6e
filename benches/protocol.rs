//! What reading requests and writing replies cost.

use bytes::{Bytes, BytesMut};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use diskdb::protocol::{Dialect, Limits, Reply, ReplyBuffer, RequestParser};
use std::hint::black_box;

/// Requests that arrive in one read.
const PIPELINE: u64 = 16;

fn request(words: &[&[u8]]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        out.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
    out
}

fn parse(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parser");
    let value = vec![b'x'; 1024];
    let cases: [(&str, Vec<u8>); 4] = [
        ("get", request(&[b"GET", b"key:000000000001"])),
        ("set 3", request(&[b"SET", b"key:000000000001", b"xxx"])),
        ("set 1024", request(&[b"SET", b"key:000000000001", &value])),
        ("inline", b"SET key:000000000001 xxx\r\n".to_vec()),
    ];
    group.throughput(Throughput::Elements(PIPELINE));
    for (name, one) in cases {
        let input = one.repeat(PIPELINE as usize);
        let mut buffer = BytesMut::with_capacity(64 * 1024);
        let mut parser = RequestParser::new();
        let limits = Limits::default();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                buffer.reserve(input.len());
                buffer.extend_from_slice(&input);
                while let Ok(Some(request)) = parser.next(&mut buffer, &limits) {
                    black_box(&request.words);
                }
            });
        });
    }
    group.finish();
}

/// A value that arrives in reads of 16 KB, the copy out of the socket included.
fn parse_large(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parser/large value");
    group.sample_size(10);
    for megabytes in [1usize, 64] {
        let input = request(&[b"SET", b"k", &vec![b'x'; megabytes << 20]]);
        group.throughput(Throughput::Bytes(input.len() as u64));
        group.bench_function(BenchmarkId::from_parameter(format!("{megabytes} MB")), |bencher| {
            bencher.iter(|| {
                let mut buffer = BytesMut::new();
                let mut parser = RequestParser::new();
                for piece in input.chunks(16 * 1024) {
                    if buffer.capacity() - buffer.len() < piece.len() {
                        buffer.reserve(16 * 1024);
                    }
                    buffer.extend_from_slice(piece);
                    let _ = black_box(parser.next(&mut buffer, &Limits::default()));
                }
            });
        });
    }
    group.finish();
}

fn write(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("writer");
    let pairs = (0..100).map(|i| (Reply::bulk(format!("field:{i}")), Reply::Integer(i))).collect();
    let cases = [
        ("ok", Reply::Ok),
        ("integer", Reply::Integer(123_456)),
        ("bulk 3", Reply::text("xxx")),
        ("bulk 1024", Reply::Bulk(vec![b'x'; 1024].into())),
        ("bulk 64 KB", Reply::Bulk(vec![b'x'; 64 * 1024].into())),
        ("chunks 4 x 16 KB", Reply::Chunks(vec![Bytes::from(vec![b'x'; 16 * 1024]); 4])),
        ("double", Reply::Double(0.1)),
        ("map of 100", Reply::Map(pairs)),
    ];
    group.throughput(Throughput::Elements(PIPELINE));
    for (name, reply) in cases {
        let mut buffer = ReplyBuffer::new();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                for _ in 0..PIPELINE {
                    buffer.write(black_box(&reply), Dialect::Resp3);
                }
                buffer.clear();
            });
        });
    }
    group.finish();
}

criterion_group!(benches, parse, parse_large, write);
criterion_main!(benches);
