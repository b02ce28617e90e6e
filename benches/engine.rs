//! What one operation costs inside the process: engine reads and writes, and whole commands, on
//! each engine. A group is what one turn of the event loop commits together.

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use diskdb::api::Db;
use diskdb::commands::{self, Context};
use diskdb::config::Settings;
use diskdb::storage::memory::MemoryEngine;
use diskdb::storage::{Batch, Engine, ReadTier, Space};
use std::hint::black_box;
use std::path::Path;

const KEYS: u32 = 1_000_000;

struct Target {
    name: &'static str,
    engine: Box<dyn Engine>,
    /// Deleted with the target.
    _directory: tempfile::TempDir,
}

fn targets() -> Vec<Target> {
    vec![
        target("memory", |_| Box::new(MemoryEngine::new())),
        #[cfg(feature = "rocksdb")]
        target("rocksdb", |directory| {
            use diskdb::storage::rocksdb::{RocksEngine, RocksOptions};
            let engine = RocksEngine::open(directory, &RocksOptions::default());
            Box::new(engine.unwrap_or_else(|error| panic!("{error}")))
        }),
    ]
}

fn target(name: &'static str, open: impl Fn(&Path) -> Box<dyn Engine>) -> Target {
    let directory = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
    Target { name, engine: open(directory.path()), _directory: directory }
}

fn key(random: &mut fastrand::Rng) -> Vec<u8> {
    format!("key:{:012}", random.u32(..KEYS)).into_bytes()
}

fn engines(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("engine");
    for target in targets() {
        let engine = target.engine.as_ref();
        let mut random = fastrand::Rng::with_seed(1);
        for commits in [25u64, 400] {
            group.throughput(Throughput::Elements(commits));
            group.bench_function(BenchmarkId::new(format!("{}/commits", target.name), commits), |bencher| {
                bencher.iter(|| {
                    for _ in 0..commits {
                        let batch = Batch::of(Space::Meta, &key(&mut random), Bytes::from_static(&[1; 20]));
                        let _ = black_box(engine.commit(batch));
                    }
                    let _ = black_box(engine.flush());
                });
            });
        }
        group.throughput(Throughput::Elements(1));
        group.bench_function(BenchmarkId::new(target.name, "get"), |bencher| {
            bencher.iter(|| black_box(engine.get(Space::Meta, &key(&mut random), ReadTier::Disk).is_ok()));
        });
    }
    group.finish();
}

fn whole_commands(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("command");
    for target in targets() {
        let Ok(db) = Db::over(target.engine, Settings::default()) else { continue };
        let instance = db.instance().clone();
        let mut connection = db.connect();
        let mut random = fastrand::Rng::with_seed(2);
        let mut run = |name: &'static str, words: &mut dyn FnMut() -> Vec<Bytes>| {
            group.throughput(Throughput::Elements(25));
            group.bench_function(BenchmarkId::new(target.name, name), |bencher| {
                bencher.iter(|| {
                    for _ in 0..25 {
                        let mut context = Context::new(&instance, &mut connection.session);
                        let _ = black_box(commands::execute(&mut context, &words()));
                    }
                    let _ = black_box(instance.keyspace.engine().flush());
                });
            });
        };
        run("PING", &mut || vec![Bytes::from_static(b"PING")]);
        let mut keyed = |name: &'static [u8], value: Option<&'static [u8]>| {
            let mut words = vec![Bytes::from_static(name), key(&mut random).into()];
            words.extend(value.map(Bytes::from_static));
            words
        };
        run("SET", &mut || keyed(b"SET", Some(b"xxx")));
        run("GET", &mut || keyed(b"GET", None));
    }
    group.finish();
}

criterion_group!(benches, engines, whole_commands);
criterion_main!(benches);
