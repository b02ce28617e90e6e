//! The suite every engine passes. What it says about an engine is what the keyspace relies on.

use super::*;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Runs every check, each on an engine of its own.
fn check(open: &dyn Fn() -> Box<dyn Engine>) {
    for check in [
        writes_are_seen_at_once,
        batches_apply_ranges_then_writes,
        scans_go_both_ways_in_order,
        scans_see_nothing_later,
        counters_add_up,
        bounds_are_bounds,
        random_histories_match_a_model,
        values_die_whole,
        reopened_it_has_everything,
        reopening_disturbs_nobody,
        pages_that_change_little_are_whole,
    ] {
        check(open().as_ref());
    }
}

fn put(engine: &dyn Engine, space: Space, key: &[u8], value: &[u8]) -> Seq {
    engine.commit(Batch::of(space, key, Bytes::copy_from_slice(value))).unwrap()
}

fn delete(engine: &dyn Engine, space: Space, key: &[u8]) {
    let mut batch = Batch::default();
    batch.delete(space, key);
    engine.commit(batch).unwrap();
}

fn get(engine: &dyn Engine, space: Space, key: &[u8]) -> Option<Bytes> {
    engine.get(space, key, ReadTier::Disk).unwrap()
}

fn pairs(
    engine: &dyn Engine,
    space: Space,
    range: &ScanRange,
    direction: Direction,
) -> Vec<(Vec<u8>, Vec<u8>)> {
    rest(engine.scan(space, range, direction, ReadTier::Disk).unwrap().as_mut())
}

fn rest(scan: &mut dyn Scan) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut found = Vec::new();
    while let Some((key, value)) = scan.next().unwrap() {
        found.push((key.to_vec(), value.to_vec()));
    }
    assert!(scan.next().unwrap().is_none(), "a scan that has ended stays ended");
    found
}

fn everything() -> ScanRange {
    ScanRange { from: Vec::new(), to: None }
}

fn writes_are_seen_at_once(engine: &dyn Engine) {
    for space in Space::ALL {
        assert_eq!(get(engine, space, b"k"), None);
        let first = put(engine, space, b"k", b"1");
        assert_eq!(get(engine, space, b"k").as_deref(), Some(&b"1"[..]));
        let second = put(engine, space, b"k", b"2");
        assert!(second > first);
        engine.flush().unwrap();
        assert!(engine.flushed_seq() >= second && engine.flushed_seq() == engine.committed_seq());
        assert_eq!(get(engine, space, b"k").as_deref(), Some(&b"2"[..]));
        delete(engine, space, b"k");
        assert_eq!(get(engine, space, b"k"), None);
        engine.sync().unwrap();
        assert_eq!(engine.synced_seq(), engine.flushed_seq());
        assert_eq!(get(engine, space, b"k"), None);
        put(engine, space, b"", b"the empty key");
        assert_eq!(get(engine, space, b"").as_deref(), Some(&b"the empty key"[..]));
    }
}

fn batches_apply_ranges_then_writes(engine: &dyn Engine) {
    for space in Space::ALL {
        for flush in [false, true] {
            for key in [b"a", b"b", b"c", b"d"] {
                put(engine, space, key, b"old");
            }
            if flush {
                engine.flush().unwrap();
            }
            let mut batch = Batch::of(space, b"c", Bytes::from("new"));
            batch.delete(space, b"a");
            batch.deleted_ranges.push((space, b"b".to_vec(), b"d".to_vec()));
            engine.commit(batch).unwrap();
            assert_eq!(get(engine, space, b"b"), None);
            let expected = vec![(b"c".to_vec(), b"new".to_vec()), (b"d".to_vec(), b"old".to_vec())];
            assert_eq!(pairs(engine, space, &everything(), Direction::Forward), expected);
            let all = vec![(space, Vec::new(), vec![0xff])];
            engine.commit(Batch { deleted_ranges: all, ..Batch::default() }).unwrap();
            assert_eq!(get(engine, space, b"d"), None);
            engine.compact_range(space, &ScanRange::prefix(b"a")).unwrap();
        }
    }
}

fn scans_go_both_ways_in_order(engine: &dyn Engine) {
    let keys: Vec<Vec<u8>> = (0..200u8).map(|number| vec![number.reverse_bits(), number]).collect();
    for key in &keys {
        put(engine, Space::Data, key, key);
        put(engine, Space::Index, key, b"another space");
    }
    let mut sorted = keys.clone();
    sorted.sort();
    let inside: Vec<_> = sorted.iter().filter(|key| key[0] >= 0x20 && key[0] < 0x80).cloned().collect();
    let range = ScanRange::new(&[0x20], &[0x80]);
    let only_keys = |direction| {
        pairs(engine, Space::Data, &range, direction).into_iter().map(|(key, _)| key).collect::<Vec<_>>()
    };
    assert_eq!(only_keys(Direction::Forward), inside);
    assert_eq!(only_keys(Direction::Backward), inside.into_iter().rev().collect::<Vec<_>>());
}

fn scans_see_nothing_later(engine: &dyn Engine) {
    put(engine, Space::Data, b"a", b"1");
    put(engine, Space::Data, b"c", b"1");
    let mut scan = engine.scan(Space::Data, &everything(), Direction::Forward, ReadTier::Disk).unwrap();
    assert_eq!(scan.next().unwrap(), Some((&b"a"[..], &b"1"[..])));
    put(engine, Space::Data, b"b", b"2");
    put(engine, Space::Data, b"c", b"2");
    engine.flush().unwrap();
    assert_eq!(rest(scan.as_mut()), vec![(b"c".to_vec(), b"1".to_vec())]);
}

fn counters_add_up(engine: &dyn Engine) {
    let add = |delta| {
        let additions = vec![(b"count".to_vec(), delta)];
        engine.commit(Batch { additions, ..Batch::default() }).unwrap();
    };
    assert_eq!(engine.counter(b"count").unwrap(), 0);
    add(5);
    add(-7);
    assert_eq!(engine.counter(b"count").unwrap(), -2);
    engine.flush().unwrap();
    assert_eq!(get(engine, Space::System, b"count").as_deref(), Some(&(-2i64).to_be_bytes()[..]));
    put(engine, Space::System, b"count", &40i64.to_be_bytes());
    add(2);
    assert_eq!(engine.counter(b"count").unwrap(), 42);
    delete(engine, Space::System, b"count");
    assert_eq!(engine.counter(b"count").unwrap(), 0);
    add(1);
    assert_eq!(engine.counter(b"count").unwrap(), 1);
}

fn bounds_are_bounds(engine: &dyn Engine) {
    for key in [&b"a"[..], b"a\xff", b"a\xff\xff", b"b"] {
        put(engine, Space::Data, key, b"");
    }
    let count = |range| pairs(engine, Space::Data, &range, Direction::Forward).len();
    assert_eq!(count(ScanRange::prefix(b"a")), 3);
    assert_eq!(count(ScanRange::prefix(b"a\xff")), 2);
    assert_eq!(count(ScanRange::prefix(b"")), 4);
    assert_eq!(count(ScanRange::new(b"a", b"a")), 0);
    assert_eq!(count(ScanRange::new(b"b", b"a")), 0);
    assert_eq!(count(ScanRange::prefix(&[0xff, 0xff])), 0);
}

/// Members begin with 12 bytes that name their value, and go all at once.
fn values_die_whole(engine: &dyn Engine) {
    let mut random = fastrand::Rng::with_seed(11);
    let mut model: BTreeMap<Vec<u8>, u32> = BTreeMap::new();
    for step in 0..20_000u32 {
        let prefix = [random.u8(..8); 12];
        let key = [&prefix[..], &[random.u8(..4)]].concat();
        match random.u8(..10) {
            0..4 => {
                put(engine, Space::Data, &key, &step.to_be_bytes());
                model.insert(key, step);
            }
            4 => {
                let end = prefix_end(&prefix).unwrap();
                let mut batch = Batch::default();
                batch.deleted_ranges.push((Space::Data, prefix.to_vec(), end.clone()));
                model.retain(|other, _| !other.starts_with(&prefix));
                if random.bool() {
                    batch.put(Space::Data, &key, Bytes::copy_from_slice(&step.to_be_bytes()));
                    model.insert(key, step);
                }
                engine.commit(batch).unwrap();
            }
            5 if step % 8 == 0 => drop(engine.flush().unwrap()),
            _ => {
                let expected = model.get(&key).map(|step| step.to_be_bytes());
                assert_eq!(get(engine, Space::Data, &key).as_deref(), expected.as_ref().map(|it| &it[..]));
            }
        }
    }
}

fn random_histories_match_a_model(engine: &dyn Engine) {
    let mut random = fastrand::Rng::with_seed(7);
    let mut model: BTreeMap<(Space, Vec<u8>), Vec<u8>> = BTreeMap::new();
    let spaces = [Space::Meta, Space::Data, Space::Blob];
    for step in 0..3000u32 {
        let space = spaces[random.usize(..spaces.len())];
        let key = vec![random.u8(..4), random.u8(..8)];
        match random.u8(..12) {
            0..6 => {
                put(engine, space, &key, &step.to_be_bytes());
                model.insert((space, key), step.to_be_bytes().to_vec());
            }
            6..8 => {
                delete(engine, space, &key);
                model.remove(&(space, key));
            }
            8 if step % 10 == 0 => {
                let to = vec![random.u8(..4), random.u8(..8)];
                let deleted_ranges = vec![(space, key.clone(), to.clone())];
                engine.commit(Batch { deleted_ranges, ..Batch::default() }).unwrap();
                model.retain(|(of, other), _| *of != space || *other < key || *other >= to);
            }
            9 if step % 20 == 0 => engine.reopen().unwrap(),
            9 => drop(engine.flush().unwrap()),
            _ => {
                let expected = model.get(&(space, key.clone()));
                assert_eq!(get(engine, space, &key).as_deref(), expected.map(Vec::as_slice), "step {step}");
                let range = ScanRange::prefix(&key[..1]);
                let found = pairs(engine, space, &range, Direction::Forward);
                let expected: Vec<_> = model
                    .iter()
                    .filter(|((of, other), _)| *of == space && range.contains(other))
                    .map(|((_, key), value)| (key.clone(), value.clone()))
                    .collect();
                assert_eq!(found, expected, "step {step}");
            }
        }
    }
}

fn reopened_it_has_everything(engine: &dyn Engine) {
    for round in 0..3u8 {
        for space in Space::ALL {
            put(engine, space, &[round, 1], b"flushed");
            put(engine, space, b"deleted", b"");
        }
        engine.flush().unwrap();
        let additions = vec![(b"count".to_vec(), 3)];
        let last = engine.commit(Batch { additions, ..Batch::default() }).unwrap();
        for space in Space::ALL {
            put(engine, space, &[round, 2], b"not flushed");
            delete(engine, space, b"deleted");
        }
        let undone = engine.undone();
        engine.reopen().unwrap();
        assert!(
            engine.flushed_seq() == engine.committed_seq()
                && engine.synced_seq() > last
                && engine.undone() == undone
        );
        for space in Space::ALL {
            assert_eq!(get(engine, space, &[round, 1]).as_deref(), Some(&b"flushed"[..]));
            assert_eq!(get(engine, space, &[round, 2]).as_deref(), Some(&b"not flushed"[..]));
            assert_eq!(get(engine, space, b"deleted"), None);
        }
        assert_eq!(engine.counter(b"count").unwrap(), 3 * i64::from(round + 1));
        assert!(put(engine, Space::Data, b"next", b"") > last);
    }
}

/// Long values that change here and there, as the pages of a tree do.
fn pages_that_change_little_are_whole(engine: &dyn Engine) {
    let mut random = fastrand::Rng::with_seed(7);
    let mut pages = vec![Vec::new(); 4];
    for step in 0..2000 {
        let number = random.usize(..pages.len());
        let page: &mut Vec<u8> = &mut pages[number];
        let bytes = vec![random.u8(..); random.usize(1..40)];
        let at = random.usize(..=page.len());
        if page.len() > 1500 {
            page.drain(at.min(1300)..(at + random.usize(..200)).clamp(1300, 1500));
        } else {
            page.splice(at..(at + random.usize(..3)).min(page.len()), bytes);
        }
        let mut batch = Batch::of(Space::Index, &[number as u8], page.clone().into());
        if step % 500 == 499 {
            batch.deleted_ranges.push((Space::Index, vec![0], vec![9]));
            pages
                .iter_mut()
                .enumerate()
                .filter(|(other, _)| *other != number)
                .for_each(|(_, page)| page.clear());
        }
        engine.commit(batch).unwrap();
        match random.u8(..100) {
            0 => engine.reopen().unwrap(),
            1..10 => drop(engine.flush().unwrap()),
            _ => {}
        }
        for (number, page) in pages.iter().enumerate() {
            let found = get(engine, Space::Index, &[number as u8]).unwrap_or_default();
            assert_eq!(found, page, "page {number} after {step} steps");
        }
    }
    let found = pairs(engine, Space::Index, &everything(), Direction::Forward);
    let pages = pages.into_iter().enumerate().filter(|(_, page)| !page.is_empty());
    assert_eq!(found, pages.map(|(number, page)| (vec![number as u8], page)).collect::<Vec<_>>());
}

/// Readers, writers and scanners go on while the engine is reopened, and miss nothing.
fn reopening_disturbs_nobody(engine: &dyn Engine) {
    const REOPENINGS: usize = 5;
    let ended = AtomicUsize::new(0);
    let goes_on = || ended.load(Ordering::SeqCst) < REOPENINGS;
    let write = |writer: u8| {
        let mut written = 0u32;
        while goes_on() || written < 100 {
            let key = [&[writer], &written.to_be_bytes()[..]].concat();
            let mut batch = Batch::of(Space::Meta, &key, Bytes::from_static(b"header"));
            batch.put(Space::Data, &key, Bytes::from_static(b"member"));
            batch.additions.push((b"count".to_vec(), 1));
            engine.commit(batch).unwrap();
            if written.is_multiple_of(3) {
                engine.flush().unwrap();
            }
            for space in [Space::Meta, Space::Data] {
                let any = [&[writer], &fastrand::u32(..=written).to_be_bytes()[..]].concat();
                assert!(get(engine, space, &any).is_some(), "{any:?}");
            }
            written += 1;
        }
        i64::from(written)
    };
    let scan = || {
        while goes_on() {
            let mut scan =
                engine.scan(Space::Data, &everything(), Direction::Forward, ReadTier::Disk).unwrap();
            for _ in 0..100 {
                let Some((key, _)) = scan.next().unwrap() else { break };
                assert_eq!(get(engine, Space::Meta, key).as_deref(), Some(&b"header"[..]));
                assert!(!pairs(engine, Space::Data, &ScanRange::prefix(key), Direction::Backward).is_empty());
            }
        }
    };
    let written: i64 = std::thread::scope(|scope| {
        let writers = [1, 2].map(|writer| scope.spawn(move || write(writer)));
        scope.spawn(scan);
        for _ in 0..REOPENINGS {
            engine.reopen().unwrap();
            ended.fetch_add(1, Ordering::SeqCst);
        }
        writers.into_iter().map(|writer| writer.join().unwrap()).sum()
    });
    engine.reopen().unwrap();
    assert_eq!(engine.counter(b"count").unwrap(), written);
    assert_eq!(pairs(engine, Space::Data, &everything(), Direction::Forward).len() as i64, written);
}

#[test]
fn memory_engine() {
    check(&|| Box::new(memory::MemoryEngine::new()));
}

#[cfg(feature = "rocksdb")]
mod rocks {
    use super::*;
    use crate::storage::rocksdb::{RocksEngine, RocksOptions};
    use std::path::Path;

    /// An engine and the folder it lies in, gone together.
    struct Temporary {
        engine: Option<RocksEngine>,
        directory: tempfile::TempDir,
    }

    fn open(directory: &Path) -> RocksEngine {
        RocksEngine::open(directory, &RocksOptions::default()).unwrap()
    }

    /// Small enough that everything is evicted and flushed to files all the time.
    fn tiny() -> RocksOptions {
        RocksOptions { value_cache_bytes: 0, write_buffer_bytes: 64 << 10, ..RocksOptions::default() }
    }

    #[test]
    fn rocksdb_engine() {
        let directory = tempfile::tempdir().unwrap();
        let number = std::cell::Cell::new(0);
        for options in [RocksOptions::default(), tiny()] {
            check(&|| {
                number.set(number.get() + 1);
                let path = directory.path().join(number.get().to_string());
                Box::new(RocksEngine::open(&path, &options).unwrap())
            });
        }
    }

    #[test]
    fn what_was_flushed_is_there_after_reopening() {
        let directory = tempfile::tempdir().unwrap();
        let mut temporary = Temporary { engine: Some(open(directory.path())), directory };
        for round in 0..3u8 {
            let engine = temporary.engine.as_ref().unwrap();
            for space in Space::ALL {
                put(engine, space, &[round], &[round]);
            }
            let additions = vec![(b"count".to_vec(), 1)];
            engine.commit(Batch { additions, ..Batch::default() }).unwrap();
            temporary.engine = None;
            temporary.engine = Some(open(temporary.directory.path()));
            let engine = temporary.engine.as_ref().unwrap();
            for space in Space::ALL {
                assert_eq!(get(engine, space, &[round]).as_deref(), Some(&[round][..]));
            }
            assert_eq!(engine.counter(b"count").unwrap(), i64::from(round) + 1);
        }
    }

    fn stat(engine: &RocksEngine, name: &str) -> String {
        engine.stats().into_iter().find(|stat| stat.name == name).unwrap().value
    }

    #[test]
    fn reopening_opens_the_files_again() {
        let directory = tempfile::tempdir().unwrap();
        let engine = open(directory.path());
        let manifest = || std::fs::read_to_string(directory.path().join("CURRENT")).unwrap();
        let before = manifest();
        put(&engine, Space::Meta, b"k", b"v");
        assert_eq!(stat(&engine, "value_cache_entries"), "1");
        engine.reopen().unwrap();
        assert_ne!(manifest(), before);
        assert_eq!(stat(&engine, "value_cache_entries"), "0");
        assert_eq!(get(&engine, Space::Meta, b"k").as_deref(), Some(&b"v"[..]));
    }

    #[test]
    fn a_reopening_that_fails_can_be_tried_again() {
        let directory = tempfile::tempdir().unwrap();
        let (here, away) = (directory.path().join("here"), directory.path().join("away"));
        let engine = open(&here);
        put(&engine, Space::Meta, b"k", b"v");
        put(&engine, Space::Data, b"k", b"v");
        engine.flush().unwrap();
        std::fs::rename(&here, &away).unwrap();
        for _ in 0..2 {
            assert!(engine.reopen().is_err(), "an empty database took the place of the one that is gone");
            assert!(engine.get(Space::Expiry, b"k", ReadTier::Memory).is_err());
            assert!(engine.scan(Space::Data, &everything(), Direction::Forward, ReadTier::Disk).is_err());
            put(&engine, Space::Meta, b"k", b"lost");
            let undone = engine.undone();
            assert!(engine.flush().is_err() && engine.sync().is_err() && engine.undone() > undone);
            put(&engine, Space::Meta, b"k", b"lost, too");
        }
        let _ = std::fs::remove_dir_all(&here);
        std::fs::rename(&away, &here).unwrap();
        engine.reopen().unwrap();
        assert_eq!(get(&engine, Space::Meta, b"k").as_deref(), Some(&b"v"[..]));
        assert_eq!(get(&engine, Space::Data, b"k").as_deref(), Some(&b"v"[..]));
        put(&engine, Space::Data, b"l", b"w");
        engine.sync().unwrap();
    }

    #[test]
    fn a_directory_in_use_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let _first = open(directory.path());
        let second = RocksEngine::open(directory.path(), &RocksOptions::default());
        assert!(matches!(second.err(), Some(StorageError::Locked(_))));
    }

    #[test]
    fn a_checkpoint_opens_like_the_original() {
        let directory = tempfile::tempdir().unwrap();
        let engine = open(&directory.path().join("original"));
        put(&engine, Space::Meta, b"k", b"before");
        let copy = directory.path().join("copy");
        engine.checkpoint(&copy).unwrap();
        put(&engine, Space::Meta, b"k", b"after");
        assert_eq!(get(&open(&copy), Space::Meta, b"k").as_deref(), Some(&b"before"[..]));
        assert!(engine.checkpoint(&copy).is_err(), "an existing directory is not overwritten");
    }

    #[test]
    fn cold_reads_in_the_memory_tier_say_so() {
        let directory = tempfile::tempdir().unwrap();
        let options = RocksOptions { block_cache_bytes: 0, ..tiny() };
        let engine = RocksEngine::open(directory.path(), &options).unwrap();
        for number in 0..20_000u32 {
            put(&engine, Space::Meta, &number.to_be_bytes(), &[7; 100]);
            engine.flush().unwrap();
        }
        let mut cold = 0;
        for number in 0..20_000u32 {
            let key = number.to_be_bytes();
            match engine.get(Space::Meta, &key, ReadTier::Memory) {
                Err(StorageError::NeedsDisk) => cold += 1,
                answer => assert_eq!(answer.unwrap().as_deref(), Some(&[7; 100][..])),
            }
            assert_eq!(get(&engine, Space::Meta, &key).as_deref(), Some(&[7; 100][..]));
        }
        assert!(cold > 1000, "only {cold} reads were cold");
    }

    #[test]
    fn a_flipped_byte_gives_an_error_that_names_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let engine = RocksEngine::open(directory.path(), &tiny()).unwrap();
        for number in 0..20_000u32 {
            put(&engine, Space::Data, &number.to_be_bytes(), &number.to_le_bytes());
            engine.flush().unwrap();
        }
        drop(engine);
        let file = std::fs::read_dir(directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "sst"))
            .max_by_key(|path| path.metadata().unwrap().len())
            .unwrap();
        let mut bytes = std::fs::read(&file).unwrap();
        bytes[100] ^= 0x55;
        std::fs::write(&file, bytes).unwrap();
        let engine = RocksEngine::open(directory.path(), &tiny()).unwrap();
        let name = file.file_name().unwrap().to_str().unwrap();
        let mut errors = 0;
        for number in 0..20_000u32 {
            match engine.get(Space::Data, &number.to_be_bytes(), ReadTier::Disk) {
                Ok(value) => assert_eq!(value.as_deref(), Some(&number.to_le_bytes()[..])),
                Err(StorageError::Corruption(text)) => {
                    assert!(text.contains(name), "{text}");
                    errors += 1;
                }
                Err(error) => panic!("{error}"),
            }
        }
        assert!(errors > 0);
    }

    #[test]
    fn a_damaged_log_is_kept_and_replayed_up_to_the_damage_or_refused() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("db");
        let engine = open(&directory);
        for number in 0..10u8 {
            put(&engine, Space::Meta, &[number], &[number; 100]);
            engine.sync().unwrap();
        }
        // As a kill leaves it: a closed engine has nothing in its log.
        let log = |directory: &Path| {
            let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
            entries.filter(|path| path.extension().is_some_and(|it| it == "log")).max().unwrap()
        };
        let copy = parent.path().join("copy");
        std::fs::create_dir(&copy).unwrap();
        for entry in std::fs::read_dir(&directory).unwrap() {
            let from = entry.unwrap().path();
            std::fs::copy(&from, copy.join(from.file_name().unwrap())).unwrap();
        }
        drop(engine);
        let damaged = log(&copy);
        let mut bytes = std::fs::read(&damaged).unwrap();
        let middle = bytes.windows(50).position(|window| window == [5; 50]).unwrap();
        bytes[middle] ^= 1;
        std::fs::write(&damaged, &bytes).unwrap();
        let strict = RocksOptions { load_truncated_log: false, ..RocksOptions::default() };
        let refused = RocksEngine::open(&copy, &strict).err();
        assert!(matches!(refused, Some(StorageError::Corruption(_))), "{refused:?}");
        assert_eq!(std::fs::read(&damaged).unwrap(), bytes, "a refusal changes nothing");
        let engine = open(&copy);
        assert_eq!(get(&engine, Space::Meta, &[4]).as_deref(), Some(&[4; 100][..]));
        assert_eq!(get(&engine, Space::Meta, &[6]), None);
        let kept = parent.path().join("copy-damaged-log-1").join(damaged.file_name().unwrap());
        assert_eq!(std::fs::read(kept).unwrap(), bytes);
        drop(engine);
        open(&copy);
        assert!(!parent.path().join("copy-damaged-log-2").exists(), "told of once");
    }

    /// A file system of its own, unmounted when dropped.
    struct SmallDisk(tempfile::TempDir);

    impl SmallDisk {
        /// None where this process may not mount.
        fn mount(megabytes: u32) -> Option<SmallDisk> {
            let disk = SmallDisk(tempfile::tempdir().unwrap());
            let size = format!("size={megabytes}m");
            let mount = std::process::Command::new("mount")
                .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
                .arg(disk.0.path())
                .status();
            mount.is_ok_and(|status| status.success()).then_some(disk)
        }
    }

    impl Drop for SmallDisk {
        fn drop(&mut self) {
            let _ = std::process::Command::new("umount").arg(self.0.path()).status();
        }
    }

    #[test]
    fn a_full_disk_undoes_the_group_and_heals_when_there_is_room() {
        let Some(disk) = SmallDisk::mount(48) else {
            return eprintln!("skipped: mounting a small disk takes root");
        };
        let filler = disk.0.path().join("filler");
        std::fs::write(&filler, vec![0; 24 << 20]).unwrap();
        let directory = disk.0.path().join("data");
        let engine = open(&directory);
        let value = |number: u32| number.to_be_bytes().repeat(16 << 8);
        let mut kept = 0u32;
        let error = loop {
            put(&engine, Space::Meta, &kept.to_be_bytes(), &value(kept));
            let additions = vec![(b"count".to_vec(), 1)];
            engine.commit(Batch { additions, ..Batch::default() }).unwrap();
            match engine.flush() {
                Ok(_) => kept += 1,
                Err(error) => break error,
            }
        };
        assert!(matches!(error, StorageError::NoSpace(_)), "{error:?}");
        assert!(kept > 100, "{kept}");
        assert_eq!(engine.undone(), 1);
        assert!(matches!(engine.flush_failure(), Some(StorageError::NoSpace(_))));
        let check = |engine: &RocksEngine, kept: u32| {
            assert_eq!(engine.counter(b"count").unwrap(), i64::from(kept));
            for number in 0..kept {
                let stored = get(engine, Space::Meta, &number.to_be_bytes());
                assert_eq!(stored.as_deref(), Some(&value(number)[..]), "{number} of {kept}");
            }
            assert_eq!(get(engine, Space::Meta, &kept.to_be_bytes()), None);
        };
        check(&engine, kept);
        std::fs::remove_file(filler).unwrap();
        let mut tries = 0;
        loop {
            put(&engine, Space::Meta, &kept.to_be_bytes(), &value(kept));
            let additions = vec![(b"count".to_vec(), 1)];
            engine.commit(Batch { additions, ..Batch::default() }).unwrap();
            match engine.flush() {
                Ok(_) => break,
                Err(error) => assert!(tries < 300, "writes did not resume: {error}"),
            }
            tries += 1;
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        assert!(engine.flush_failure().is_none());
        check(&engine, kept + 1);
        drop(engine);
        check(&open(&directory), kept + 1);
    }
}
