//! Deadlines and counts, against a model and by themselves.

use super::event::{Commit, Event, Observer};
use super::tx::{Slot, WriteTx};
use super::*;
use crate::clock::ManualClock;
use crate::encoding::meta::{Meta, Outside};
use crate::encoding::numbers::Kind;
use crate::storage::memory::MemoryEngine;
use crate::storage::{self, Direction};
use faulty_engine::FaultyEngine;
use proptest::prelude::*;
use std::collections::BTreeMap;

#[path = "../../tests/common/faulty_engine.rs"]
mod faulty_engine;

const START_MS: u64 = 1_000_000;

#[derive(Default)]
struct Log(Mutex<Vec<(DbIndex, Bytes, &'static str)>>);

impl Observer for Log {
    fn committed(&self, commit: &Commit) {
        let events = commit.changes.iter().map(|change| (change.db, change.key.clone(), change.event.name));
        self.0.lock().extend(events);
    }
}

struct World {
    engine: FaultyEngine,
    clock: Arc<ManualClock>,
    keyspace: Keyspace,
}

const DATABASES: u32 = 3;

impl World {
    fn new() -> World {
        let (engine, clock) = (FaultyEngine::default(), Arc::new(ManualClock::at_ms(START_MS)));
        let keyspace = Keyspace::open(Box::new(engine.clone()), clock.clone(), DATABASES).unwrap();
        World { engine, clock, keyspace }
    }

    fn reopen(self) -> World {
        drop(self.keyspace);
        let keyspace = Keyspace::open(Box::new(self.engine.clone()), self.clock.clone(), DATABASES).unwrap();
        World { keyspace, ..self }
    }

    fn write<T>(&self, db: DbIndex, key: &Bytes, f: impl Fn(&mut WriteTx, &Bytes) -> Result<T>) -> T {
        let origin = Origin { db, client: 0, tier: ReadTier::Disk };
        self.keyspace.write(origin, &Keys::one(key), |tx| f(tx, key)).unwrap().value
    }

    /// Puts a value with so many members: a sorted set if they are odd in number, else a string.
    fn put(&self, db: DbIndex, key: &Bytes, deadline_ms: Option<u64>, size: usize) {
        self.write(db, key, |tx, key| {
            let mut slot = tx.slot(key)?;
            let kind = if size % 2 == 1 { Kind::SortedSet } else { Kind::String };
            let mut meta = Meta::inline(kind, Bytes::from_static(b"v"));
            if size > 0 {
                let outside = Outside { version: tx.new_version(), len: size as u64 };
                meta = Meta::outside(kind, outside);
                for (number, space) in
                    (0..size).flat_map(|n| keys::member_spaces(kind).iter().map(move |s| (n, s)))
                {
                    let member = keys::chunk(slot.namespace(), outside.version, number as u32);
                    tx.write(*space, &member, Some(Bytes::from_static(b"member")));
                }
            }
            meta.expire_at_ms = deadline_ms;
            tx.put(&mut slot, meta, Event::SET);
            Ok(())
        });
    }

    fn exists(&self, db: DbIndex, key: &[u8]) -> bool {
        let origin = Origin { db, client: 0, tier: ReadTier::Disk };
        self.keyspace.read(origin, &Keys::one(key), |tx| tx.meta(key)).unwrap().is_some()
    }

    fn entries(&self, space: Space, prefix: &[u8]) -> Vec<(Vec<u8>, Bytes)> {
        let range = ScanRange::prefix(prefix);
        let mut scan = self.engine.scan(space, &range, Direction::Forward, ReadTier::Disk).unwrap();
        let mut all = Vec::new();
        while let Some((key, value)) = scan.next().unwrap() {
            all.push((key.to_vec(), Bytes::copy_from_slice(value)));
        }
        all
    }

    /// The index holds exactly the deadlines of the headers, the counts count them, and every
    /// member belongs to a header.
    fn check(&self) {
        for db in 0..DATABASES {
            let prefix = self.keyspace.namespace(db).prefix();
            let mut deadlines = Vec::new();
            let mut versions = Vec::new();
            let headers = self.entries(Space::Meta, &prefix);
            for (stored, bytes) in &headers {
                let meta = Meta::decode(bytes.clone()).unwrap();
                let (namespace, key) = keys::decode_meta(stored).unwrap();
                deadlines.extend(meta.expire_at_ms.map(|deadline| keys::expiry(namespace, deadline, key)));
                versions.extend(meta.outside.map(|outside| outside.version));
            }
            deadlines.sort();
            let index: Vec<Vec<u8>> =
                self.entries(Space::Expiry, &prefix).into_iter().map(|(key, _)| key).collect();
            assert_eq!(index, deadlines, "database {db}");
            assert_eq!(self.keyspace.key_count(db).unwrap(), headers.len() as u64, "database {db}");
            assert_eq!(self.keyspace.expires_count(db).unwrap(), index.len() as u64, "database {db}");
            for space in [Space::Data, Space::Index, Space::Blob] {
                for (key, _) in self.entries(space, &prefix) {
                    assert!(versions.contains(&keys::decode_chunk(&key).unwrap().1), "stray in {space:?}");
                }
            }
        }
    }
}

fn key(name: &str) -> Bytes {
    Bytes::copy_from_slice(name.as_bytes())
}

#[test]
fn a_look_at_a_dead_key_deletes_it() {
    let world = World::new();
    let log = Arc::new(Log::default());
    world.keyspace.observe(log.clone());
    world.put(0, &key("a"), Some(START_MS + 10), 0);
    world.clock.advance_ms(10);
    assert!(!world.exists(0, b"a"));
    assert_eq!(world.keyspace.key_count(0).unwrap(), 0);
    assert_eq!(log.0.lock().last().unwrap(), &(0, key("a"), "expired"));
    world.check();
}

#[test]
fn a_dead_key_can_be_looked_at_when_nothing_can_be_written() {
    let world = World::new();
    world.put(0, &key("a"), Some(START_MS + 10), 0);
    world.clock.advance_ms(10);
    world.engine.faults.refuse_commits.store(true, Ordering::SeqCst);
    assert!(!world.exists(0, b"a"));
    world.engine.faults.refuse_commits.store(false, Ordering::SeqCst);
    assert_eq!(world.keyspace.expire_due(10).unwrap(), 1);
    world.check();
}

#[test]
fn keys_die_when_their_time_comes() {
    let world = World::new();
    let log = Arc::new(Log::default());
    world.keyspace.observe(log.clone());
    for number in 0..100u64 {
        world.put(1, &key(&number.to_string()), Some(START_MS + 10 + number / 10), number as usize % 3);
    }
    assert_eq!(world.keyspace.expire_due(1000).unwrap(), 0);
    world.clock.advance_ms(14);
    assert_eq!(world.keyspace.live_key_count(1, ReadTier::Disk).unwrap(), 50);
    // In parts, with entries of the same time on both sides of a cut.
    let mut parts = Vec::new();
    while parts.last() != Some(&0) {
        parts.push(world.keyspace.expire_due(7).unwrap());
    }
    assert_eq!(parts.iter().sum::<usize>(), 50, "{parts:?}");
    assert_eq!(world.keyspace.key_count(1).unwrap(), 50);
    assert_eq!(log.0.lock().iter().filter(|(_, _, event)| *event == "expired").count(), 50);
    world.check();
}

#[test]
fn deadlines_survive_reopening() {
    let world = World::new();
    world.put(0, &key("a"), Some(START_MS + 10), 2);
    world.put(0, &key("b"), Some(START_MS + 20), 2);
    world.clock.advance_ms(15);
    let world = world.reopen();
    assert_eq!(world.keyspace.expire_due(10).unwrap(), 1);
    assert!(!world.exists(0, b"a") && world.exists(0, b"b"));
    world.check();
}

#[test]
fn a_clock_that_steps_back_loses_no_deadline() {
    let world = World::new();
    world.clock.advance_ms(1000);
    world.put(0, &key("old"), Some(START_MS + 1500), 0);
    assert_eq!(world.keyspace.expire_due(10).unwrap(), 0);
    world.clock.set_ms(START_MS);
    world.put(0, &key("a"), Some(START_MS + 10), 0);
    assert_eq!(world.keyspace.expire_due(10).unwrap(), 0);
    world.clock.advance_ms(10);
    assert_eq!(world.keyspace.live_key_count(0, ReadTier::Disk).unwrap(), 1);
    assert_eq!(world.keyspace.expire_due(10).unwrap(), 1);
    world.clock.set_ms(START_MS + 1500);
    assert_eq!(world.keyspace.expire_due(10).unwrap(), 1);
    world.check();
}

/// A clock that steps back by itself after it was asked a number of times.
struct SteppingBack {
    asked: AtomicU64,
    steps_back_at: AtomicU64,
}

impl crate::clock::Clock for SteppingBack {
    fn now_us(&self) -> u64 {
        let asked = self.asked.fetch_add(1, Ordering::SeqCst);
        let late = asked < self.steps_back_at.load(Ordering::SeqCst);
        (START_MS + if late { 1000 } else { 0 }) * 1000
    }
}

#[test]
fn a_clock_that_steps_back_during_a_walk_loses_no_deadline() {
    let clock = Arc::new(SteppingBack { asked: 0.into(), steps_back_at: 0.into() });
    let keyspace = Keyspace::open(Box::new(MemoryEngine::new()), clock.clone(), 1).unwrap();
    let origin = Origin { db: 0, client: 0, tier: ReadTier::Disk };
    let name = key("a");
    let put = |tx: &mut WriteTx| {
        let mut slot = tx.slot(&name)?;
        let meta = Meta { expire_at_ms: Some(START_MS + 500), ..Meta::inline(Kind::String, Bytes::new()) };
        tx.put(&mut slot, meta, Event::SET);
        Ok(())
    };
    keyspace.write(origin, &Keys::one(&name), put).unwrap();
    // The entry is due when it is read, and not any more when the key is.
    clock.steps_back_at.store(clock.asked.load(Ordering::SeqCst) + 1, Ordering::SeqCst);
    keyspace.expire_due(10).unwrap();
    assert_eq!(keyspace.key_count(0).unwrap(), 1);
    clock.steps_back_at.store(u64::MAX, Ordering::SeqCst);
    keyspace.expire_due(10).unwrap();
    assert_eq!(keyspace.key_count(0).unwrap(), 0);
}

#[test]
fn a_walk_that_fails_is_walked_again() {
    let world = World::new();
    world.put(0, &key("a"), Some(START_MS + 10), 0);
    world.clock.advance_ms(10);
    world.engine.faults.refuse_commits.store(true, Ordering::SeqCst);
    assert!(world.keyspace.expire_due(10).is_err());
    world.engine.faults.refuse_commits.store(false, Ordering::SeqCst);
    assert_eq!(world.keyspace.expire_due(10).unwrap(), 1);
    world.check();
}

#[test]
fn dead_keys_count_only_where_they_are_left_lying() {
    let world = World::new();
    world.put(0, &key("a"), Some(START_MS + 10), 0);
    world.put(0, &key("b"), None, 0);
    world.clock.advance_ms(10);
    assert_eq!(world.keyspace.live_key_count(0, ReadTier::Disk).unwrap(), 1);
    world.keyspace.set_active_expiry(false);
    assert_eq!(world.keyspace.live_key_count(0, ReadTier::Disk).unwrap(), 2);
}

/// Writers set deadlines that come while walks are under way: none may be passed by.
#[test]
fn walks_and_writers_side_by_side() {
    let clock = Arc::new(crate::clock::SystemClock);
    let keyspace = Keyspace::open(Box::new(MemoryEngine::new()), clock, 1).unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::SeqCst) {
                keyspace.expire_due(64).unwrap();
            }
        });
        let writers: Vec<_> = (0..2)
            .map(|writer| {
                let keyspace = &keyspace;
                scope.spawn(move || {
                    for number in 0..3000 {
                        let name = key(&format!("{writer}:{number}"));
                        let origin = Origin { db: 0, client: 0, tier: ReadTier::Disk };
                        let put = |tx: &mut WriteTx| {
                            let mut slot = tx.slot(&name)?;
                            let expire_at_ms = Some(tx.now_ms() + 1);
                            let meta = Meta { expire_at_ms, ..Meta::inline(Kind::String, Bytes::new()) };
                            tx.put(&mut slot, meta, Event::SET);
                            Ok(())
                        };
                        keyspace.write(origin, &Keys::one(&name), put).unwrap();
                    }
                })
            })
            .collect();
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        // However busy the machine is: an entry that was passed by would never go.
        for _ in 0..500 {
            if keyspace.key_count(0).unwrap() == 0 {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        stop.store(true, Ordering::SeqCst);
    });
    assert_eq!(keyspace.key_count(0).unwrap(), 0);
}

#[derive(Debug, Clone)]
enum Op {
    Put { db: DbIndex, key: u8, ttl_ms: Option<u64>, size: usize },
    Delete { db: DbIndex, key: u8 },
    Look { db: DbIndex, key: u8 },
    Tick(u64),
    StepBack(u64),
    Expire(usize),
    Flush(Option<DbIndex>),
    Swap(DbIndex, DbIndex),
    Sweep,
    Reopen,
}

fn any_op() -> impl Strategy<Value = Op> {
    let db = 0..DATABASES;
    prop_oneof![
        8 => (db.clone(), 0..12u8, prop::option::of(1..200u64), 0..3usize)
            .prop_map(|(db, key, ttl_ms, size)| Op::Put { db, key, ttl_ms, size }),
        2 => (db.clone(), 0..12u8).prop_map(|(db, key)| Op::Delete { db, key }),
        3 => (db.clone(), 0..12u8).prop_map(|(db, key)| Op::Look { db, key }),
        4 => (1..100u64).prop_map(Op::Tick),
        1 => (1..100u64).prop_map(Op::StepBack),
        4 => (1..5usize).prop_map(Op::Expire),
        1 => prop::option::of(db.clone()).prop_map(Op::Flush),
        1 => (db.clone(), db).prop_map(|(a, b)| Op::Swap(a, b)),
        1 => Just(Op::Sweep),
        1 => Just(Op::Reopen),
    ]
}

/// What ought to be there: the deadline of each key.
type Model = Vec<BTreeMap<Bytes, Option<u64>>>;

fn apply(mut world: World, model: &mut Model, op: Op) -> World {
    let name = |number: u8| Bytes::from(vec![number]);
    let now_ms = world.keyspace.clock().now_ms();
    match op {
        Op::Put { db, key, ttl_ms, size } => {
            let deadline_ms = ttl_ms.map(|ttl_ms| now_ms + ttl_ms);
            world.put(db, &name(key), deadline_ms, size);
            model[db as usize].insert(name(key), deadline_ms);
        }
        Op::Delete { db, key } => {
            world.write(db, &name(key), |tx, key| {
                let mut slot = tx.slot(key)?;
                tx.delete(&mut slot, Event::DEL);
                Ok(())
            });
            model[db as usize].remove(&name(key));
        }
        Op::Look { db, key } => {
            let expected = model[db as usize].contains_key(&name(key));
            assert_eq!(world.exists(db, &name(key)), expected);
        }
        Op::Tick(ms) => world.clock.advance_ms(ms),
        // Keys that died are gone from the model, but may still lie about: all of them go first.
        Op::StepBack(ms) => {
            while world.keyspace.expire_due(64).unwrap() > 0 {}
            world.clock.set_ms(now_ms - ms);
        }
        Op::Expire(limit) => drop(world.keyspace.expire_due(limit).unwrap()),
        Op::Flush(which) => {
            world.keyspace.flush_databases(0, which).unwrap();
            let all = 0..DATABASES;
            all.filter(|db| which.is_none_or(|which| which == *db)).for_each(|db| model[db as usize].clear());
        }
        Op::Swap(a, b) => {
            world.keyspace.swap_databases(0, a, b).unwrap();
            model.swap(a as usize, b as usize);
        }
        Op::Sweep => drop(world.keyspace.sweep().unwrap()),
        Op::Reopen => world = world.reopen(),
    }
    let now_ms = world.keyspace.clock().now_ms();
    for keys in model.iter_mut() {
        keys.retain(|_, deadline_ms| deadline_ms.is_none_or(|deadline_ms| deadline_ms > now_ms));
    }
    world
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn counts_and_index_are_exact(ops in prop::collection::vec(any_op(), 1..80)) {
        let mut world = World::new();
        let mut model: Model = vec![BTreeMap::new(); DATABASES as usize];
        for op in ops {
            world = apply(world, &mut model, op);
            world.check();
            for db in 0..DATABASES {
                let live = world.keyspace.live_key_count(db, ReadTier::Disk).unwrap();
                prop_assert_eq!(live, model[db as usize].len() as u64);
            }
        }
        // In the end everything dead goes, and nothing else.
        while world.keyspace.expire_due(3).unwrap() > 0 {}
        while world.keyspace.sweep().unwrap() {}
        for db in 0..DATABASES {
            prop_assert_eq!(world.keyspace.key_count(db).unwrap(), model[db as usize].len() as u64);
        }
        let kept = Space::ALL.iter().filter(|space| **space != Space::System);
        let namespaces: Vec<_> = (0..DATABASES).map(|db| world.keyspace.namespace(db).prefix()).collect();
        for space in kept {
            for (key, _) in world.entries(*space, b"") {
                prop_assert!(namespaces.iter().any(|prefix| key.starts_with(prefix)), "unswept garbage");
            }
        }
    }
}

#[test]
fn a_part_that_failed_is_taken_back() {
    fn put(tx: &mut WriteTx, key: &'static str) -> Result<()> {
        let mut slot = tx.slot(&Bytes::from_static(key.as_bytes()))?;
        tx.put(&mut slot, Meta::inline(Kind::String, Bytes::from_static(b"v")), Event::SET);
        Ok(())
    }
    let world = World::new();
    let log = Arc::new(Log::default());
    world.keyspace.observe(log.clone());
    let origin = Origin { db: 0, client: 0, tier: ReadTier::Disk };
    let written = world.keyspace.write(origin, &Keys::All, |tx| {
        put(tx, "stays")?;
        let failed = tx.part(|tx| {
            put(tx, "goes")?;
            let mut slot = tx.slot(&Bytes::from_static(b"stays"))?;
            tx.delete(&mut slot, Event::DEL);
            tx.flush_databases(None)?;
            put(tx, "goes as well")?;
            Err::<(), _>(Error::Syntax)
        });
        assert!(failed.is_err());
        tx.live_key_count()
    });
    assert_eq!(written.unwrap().value, 1);
    assert_eq!(world.keyspace.key_count(0).unwrap(), 1);
    assert!(world.exists(0, b"stays") && !world.exists(0, b"goes") && !world.exists(0, b"goes as well"));
    assert_eq!(*log.0.lock(), [(0, Bytes::from_static(b"stays"), "set")]);
}

#[test]
fn values_of_many_members_are_left_to_the_background() {
    let world = World::new();
    let key = |name: &'static str| Bytes::from_static(name.as_bytes());
    let delete = |name| {
        world.write(0, &key(name), |tx, key| {
            let mut slot = tx.slot(key)?;
            tx.delete(&mut slot, Event::DEL);
            Ok(())
        });
    };
    for (name, size) in [("large", 65), ("small", 64), ("inline", 0)] {
        world.put(0, &key(name), None, size);
        delete(name);
    }
    assert_eq!(world.keyspace.tallies().get().lazily_freed, 1);
    world.put(0, &key("one"), None, 0);
    world.put(1, &key("other"), None, 1);
    world.keyspace.flush_databases(0, None).unwrap();
    assert_eq!(world.keyspace.tallies().get().lazily_freed, 3);
    world.keyspace.tallies().reset();
    assert_eq!(world.keyspace.tallies().get().lazily_freed, 0);
}

/// What was written ahead of the commit by a part that failed goes with it; what others wrote stays.
#[test]
fn a_part_that_failed_leaves_nothing_of_large_values() {
    fn put_large(tx: &mut WriteTx, key: &'static str) -> Result<()> {
        let mut slot = tx.slot(&Bytes::from_static(key.as_bytes()))?;
        let (namespace, outside) = (slot.namespace(), Outside { version: tx.new_version(), len: 300 });
        tx.put(&mut slot, Meta::outside(Kind::String, outside), Event::SET);
        for number in 0..300 {
            let key = keys::chunk(namespace, outside.version, number);
            tx.write(Space::Blob, &key, Some(vec![7; 10_000].into()));
        }
        let last = keys::chunk(namespace, outside.version, 0);
        assert_eq!(tx.get(Space::Blob, &last)?.map(|chunk| chunk.len()), Some(10_000));
        Ok(())
    }
    let world = World::new();
    let origin = Origin { db: 0, client: 0, tier: ReadTier::Disk };
    for fails in [false, true] {
        let written = world.keyspace.write(origin, &Keys::All, |tx| {
            tx.part(|tx| put_large(tx, "before"))?;
            let failed = tx.part(|tx| {
                put_large(tx, "before")?;
                put_large(tx, "goes")?;
                Err::<(), _>(Error::Syntax)
            });
            assert!(failed.is_err());
            tx.part(|tx| put_large(tx, "after"))?;
            if fails { Err(Error::Syntax) } else { Ok(()) }
        });
        assert_eq!(written.is_err(), fails);
        assert!(world.exists(0, b"before") && world.exists(0, b"after") && !world.exists(0, b"goes"));
        assert_eq!(world.entries(Space::Blob, b"").len(), 600);
        assert_eq!(world.entries(Space::System, system_key::STAGED), []);
        world.check();
    }
    // Nothing is written ahead where nobody may wait.
    let memory = Origin { tier: ReadTier::Memory, ..origin };
    let written = world.keyspace.write(memory, &Keys::All, |tx| put_large(tx, "memory"));
    assert!(matches!(written, Err(Error::NeedsDisk)));
    world.check();
}

#[test]
fn who_must_not_wait_does_not_wait_for_who_may() {
    let world = World::new();
    let (slow, quick) = (Origin { db: 0, client: 0, tier: ReadTier::Disk }, ReadTier::Memory);
    let quick = Origin { tier: quick, ..slow };
    let keyspace = &world.keyspace;
    let outcomes = || {
        let keys = Keys::one(b"locked");
        let read = keyspace.read(quick, &keys, |tx| tx.meta(b"locked")).map(drop);
        (read, keyspace.write(quick, &keys, |tx| tx.slot(&Bytes::from_static(b"locked"))).map(drop))
    };
    let waited = keyspace.write(slow, &Keys::one(b"locked"), |_| {
        Ok(std::thread::scope(|scope| scope.spawn(outcomes).join().unwrap()))
    });
    assert!(matches!(waited.unwrap().value, (Err(Error::NeedsDisk), Err(Error::NeedsDisk))));
    assert!(matches!(outcomes(), (Ok(()), Ok(()))));
}

#[test]
fn a_copy_has_what_its_transaction_wrote_before() {
    let world = World::new();
    let (large, copy) = (Bytes::from_static(b"large"), Bytes::from_static(b"copy"));
    world.put(0, &large, None, 3001);
    let member = |slot: &Slot| {
        let outside = slot.meta().and_then(|meta| meta.outside);
        keys::chunk(slot.namespace(), outside.map_or(0, |outside| outside.version), 7)
    };
    for touches in [false, true] {
        let found = world.write(0, &large, |tx, large| {
            let mut source = tx.slot(large)?;
            if touches {
                tx.write(Space::Data, &member(&source), Some(Bytes::from_static(b"changed")));
                let meta = source.meta().cloned().unwrap();
                tx.put(&mut source, meta, Event::SET);
            }
            let mut target = tx.slot(&copy)?;
            let meta = tx.duplicate(&source, &target)?.unwrap();
            tx.put(&mut target, meta, Event::SET);
            tx.get(Space::Data, &member(&target))
        });
        assert_eq!(found.unwrap(), if touches { "changed" } else { "member" });
        world.check();
    }
}
