//! How `EXEC`s on different keys run side by side: so many clients, each with keys of its own, on as many
//! threads. Without a lock that all of them share, two clients on two processors do nearly twice as
//! much as one, and more clients than processors no less.

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use diskdb::api::Db;
use diskdb::config::Settings;
use diskdb::storage::Engine;
use diskdb::storage::memory::MemoryEngine;
use std::path::Path;
use std::sync::Barrier;
use std::time::{Duration, Instant};

const CLIENTS: [u64; 4] = [1, 2, 4, 8];

/// Commands of a transaction.
const COMMANDS: u64 = 4;

/// A client flushes after so many transactions, as the server does at the end of a turn.
const TRANSACTIONS_TO_A_FLUSH: u64 = 64;

fn words(line: &str) -> Vec<Bytes> {
    line.split(' ').map(|word| Bytes::copy_from_slice(word.as_bytes())).collect()
}

/// Runs as many transactions as `count` on each client; returns how long all of them took.
fn run(db: &Db, clients: u64, count: u64) -> Duration {
    let barrier = Barrier::new(clients as usize + 1);
    let client = |number: u64| {
        let mut connection = db.connect();
        let mut random = fastrand::Rng::with_seed(number);
        let (multi, exec) = (words("MULTI"), words("EXEC"));
        barrier.wait();
        for done in 0..count {
            let mut call = |words: &[Bytes]| {
                connection.call(words).unwrap_or_else(|error| panic!("{error}"));
            };
            call(&multi);
            for _ in 0..COMMANDS {
                call(&words(&format!("INCR client:{number}:{}", random.u32(..10_000))));
            }
            call(&exec);
            if done % TRANSACTIONS_TO_A_FLUSH == 0 {
                let flushed = db.instance().keyspace.engine().flush();
                flushed.unwrap_or_else(|error| panic!("{error}"));
            }
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..clients).map(|number| scope.spawn(move || client(number))).collect();
        barrier.wait();
        let began = Instant::now();
        threads.into_iter().for_each(|thread| thread.join().unwrap_or_else(|_| panic!("a client failed")));
        began.elapsed()
    })
}

fn transactions(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("disjoint EXECs");
    group.sample_size(10);
    for name in ["memory", "rocksdb"] {
        let directory = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let Some(engine) = open(name, directory.path()) else { continue };
        let db = Db::over(engine, Settings::default()).unwrap_or_else(|error| panic!("{error}"));
        for clients in CLIENTS {
            group.throughput(Throughput::Elements(clients));
            group.bench_function(BenchmarkId::new(name, clients), |bencher| {
                bencher.iter_custom(|count| run(&db, clients, count));
            });
        }
    }
}

fn open(name: &str, _directory: &Path) -> Option<Box<dyn Engine>> {
    match name {
        "memory" => Some(Box::new(MemoryEngine::new())),
        #[cfg(feature = "rocksdb")]
        "rocksdb" => {
            use diskdb::storage::rocksdb::{RocksEngine, RocksOptions};
            let engine = RocksEngine::open(_directory, &RocksOptions::default());
            Some(Box::new(engine.unwrap_or_else(|error| panic!("{error}"))))
        }
        _ => None,
    }
}

criterion_group!(benches, transactions);
criterion_main!(benches);
