//! What a counted tree costs, one change to a command: from the bytes of the root to the bytes of
//! the root, with pages in memory. With the argument `written`: how much each change writes, for
//! several sizes of pages.

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group};
use diskdb::data_types::tree::{Limits, Pages, PagesMut, Root, Tree};
use diskdb::error::Result;
use hashbrown::HashMap;
use std::hint::black_box;

const LARGE: u64 = 1_000_000;

#[derive(Default)]
struct Memory {
    pages: HashMap<u64, Bytes>,
    /// Pages and bytes written.
    written: (u64, u64),
}

impl Pages for Memory {
    fn read(&self, id: u64) -> Result<Option<Bytes>> {
        Ok(self.pages.get(&id).cloned())
    }
}

impl PagesMut for Memory {
    fn write(&mut self, id: u64, page: Bytes) {
        self.written = (self.written.0 + 1, self.written.1 + page.len() as u64);
        self.pages.insert(id, page);
    }

    fn delete(&mut self, id: u64) {
        self.pages.remove(&id);
    }
}

/// A tree as it is kept between commands.
struct Kept {
    memory: Memory,
    root: Bytes,
    limits: Limits,
}

impl Kept {
    fn new(limits: Limits) -> Kept {
        Kept { memory: Memory::default(), root: Root::default().encode(), limits }
    }

    fn open(&self) -> Tree {
        Tree::open(Root::decode(self.root.clone()).unwrap(), self.limits)
    }

    fn change<T>(&mut self, change: impl FnOnce(&mut Tree, &Memory) -> T) -> T {
        let mut tree = self.open();
        let result = change(&mut tree, &self.memory);
        self.root = tree.finish(&mut self.memory).encode();
        self.memory.written.1 += self.root.len() as u64;
        result
    }
}

/// A member of a sorted set: a score and a name, 20 bytes.
fn member(number: u64) -> [u8; 20] {
    let mut entry = [0; 20];
    // Numbers in a random order, each once.
    let score = (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20) as f64;
    entry[..8].copy_from_slice(&(score.to_bits() | 1 << 63).to_be_bytes());
    entry[8..].copy_from_slice(format!("member{:06}", number % LARGE).as_bytes());
    entry
}

fn add(kept: &mut Kept, number: u64) {
    let entry = member(number);
    kept.change(|tree, pages| tree.insert(pages, |other| other.cmp(&entry), &entry)).unwrap();
}

fn remove(kept: &mut Kept, number: u64) {
    let entry = member(number);
    let removed = kept.change(|tree, pages| tree.remove(pages, |other| other.cmp(&entry))).unwrap();
    assert!(removed.is_some());
}

/// A sorted set of members that came in a random order.
fn sorted_set(limits: Limits, size: u64) -> Kept {
    let mut kept = Kept::new(limits);
    kept.change(|tree, pages| {
        for entry in (0..size).map(member) {
            tree.insert(pages, |other| other.cmp(&entry), &entry).unwrap();
        }
    });
    kept
}

fn list(size: u64) -> Kept {
    let mut kept = Kept::new(Limits::POSITIONAL);
    kept.change(|tree, pages| tree.extend_back(pages, (0..size).map(member))).unwrap();
    kept
}

fn report(kept: &mut Kept, name: &str, changes: u64, mut change: impl FnMut(&mut Kept, u64)) {
    let pages = kept.memory.pages.len();
    let stored: usize = kept.memory.pages.values().map(Bytes::len).sum();
    kept.memory.written = (0, 0);
    (0..changes).for_each(|number| change(kept, number));
    let (count, bytes) = kept.memory.written;
    let (count, bytes) = (count as f64 / changes as f64, bytes as f64 / changes as f64);
    println!(
        "{name:50} {count:5.2} pages, {bytes:5.0} bytes with the root of {}; {pages} pages of {stored} bytes",
        kept.root.len()
    );
}

fn what_is_written() {
    for leaf_bytes in [512, 1024, 2048] {
        for inner_entries in [32, 64, 128, 256] {
            let limits = Limits { leaf_bytes, inner_entries, ..Limits::BYTEWISE };
            let name = format!("a member more of {LARGE}, leaf {leaf_bytes}, inner {inner_entries}");
            report(&mut sorted_set(limits, LARGE), &name, 20_000, |kept, number| add(kept, LARGE + number));
        }
    }
    for size in [100, 1000, LARGE] {
        report(&mut list(size), &format!("pushed to a list of {size}"), 20_000, |kept, number| {
            kept.change(|tree, pages| tree.push_front(pages, &member(number))).unwrap();
            let written = kept.memory.written;
            kept.change(|tree, pages| tree.remove_at(pages, size)).unwrap();
            kept.memory.written = written;
        });
    }
}

fn lists(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("list");
    group.throughput(Throughput::Elements(2));
    for size in [10, 1000, LARGE] {
        let mut kept = None;
        let entry = member(1);
        group.bench_function(format!("push to the front and pop from the back of {size}"), |bencher| {
            let kept = kept.get_or_insert_with(|| list(size));
            bencher.iter(|| {
                kept.change(|tree, pages| tree.push_front(pages, &entry)).unwrap();
                kept.change(|tree, pages| tree.remove_at(pages, size)).unwrap()
            });
        });
    }
    group.throughput(Throughput::Elements(1));
    let kept = list(LARGE);
    let mut random = fastrand::Rng::with_seed(1);
    group.bench_function("entry at a random place", |bencher| {
        bencher.iter(|| kept.open().get(&kept.memory, random.u64(..LARGE)).unwrap());
    });
    group.throughput(Throughput::Elements(100));
    for back in [false, true] {
        let name = if back { "100 entries backward" } else { "100 entries" };
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let (tree, start) = (kept.open(), random.u64(..LARGE - 100));
                let mut entries = tree.entries(&kept.memory, start..start + 100);
                let mut next = || if back { entries.next_back() } else { entries.next() };
                while let Some(entry) = next() {
                    black_box(entry.unwrap());
                }
            });
        });
    }
    group.throughput(Throughput::Elements(LARGE));
    group.sample_size(10);
    group.bench_function("built", |bencher| bencher.iter(|| list(LARGE)));
    group.finish();
}

fn sorted_sets(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("sorted set");
    group.throughput(Throughput::Elements(2));
    for size in [10, 1000, LARGE] {
        let mut kept = None;
        let mut number = size;
        group.bench_function(format!("random member in and out of {size}"), |bencher| {
            let kept = kept.get_or_insert_with(|| sorted_set(Limits::BYTEWISE, size));
            bencher.iter(|| {
                add(kept, number);
                remove(kept, number - size);
                number += 1;
            });
        });
    }
    group.throughput(Throughput::Elements(1));
    let mut kept = None;
    let mut random = fastrand::Rng::with_seed(1);
    group.bench_function("rank of a random member", |bencher| {
        let kept = kept.get_or_insert_with(|| sorted_set(Limits::BYTEWISE, LARGE));
        bencher.iter(|| {
            let entry = member(random.u64(..LARGE));
            kept.open().search(&kept.memory, |other| other.cmp(&entry)).unwrap()
        });
    });
    group.finish();
}

criterion_group!(benches, lists, sorted_sets);

fn main() {
    if std::env::args().any(|word| word == "written") {
        return what_is_written();
    }
    benches();
    Criterion::default().configure_from_args().final_summary();
}
