use super::*;
use crate::clock::ManualClock;
use crate::keyspace::{Keys, Keyspace, Origin};
use crate::storage::ReadTier;
use crate::storage::memory::MemoryEngine;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const ORIGIN: Origin = Origin { db: 0, client: 1, tier: ReadTier::Disk };

fn keyspace() -> Keyspace {
    Keyspace::open(Box::new(MemoryEngine::new()), Arc::new(ManualClock::at_ms(1_000)), 1).unwrap()
}

fn write<T>(keyspace: &Keyspace, form: Form, f: impl Fn(&mut WriteTx, &mut Dense) -> T) -> T {
    let key = Bytes::from_static(b"k");
    let keys = Keys::one(&key);
    let run = |tx: &mut WriteTx<'_>| {
        let mut slot = tx.slot(&key)?;
        let mut dense = match slot.meta() {
            Some(meta) => Dense::open(meta, slot.namespace())?,
            None => Dense::new(Kind::Hash, slot.namespace(), form),
        };
        let value = f(tx, &mut dense);
        dense.save(tx, &mut slot, Event::HSET);
        Ok(value)
    };
    keyspace.write(ORIGIN, &keys, run).unwrap().value
}

fn read<T>(keyspace: &Keyspace, f: impl Fn(&ReadTx, &Dense) -> T) -> T {
    let key = Bytes::from_static(b"k");
    let run = |tx: &ReadTx<'_>| {
        let dense = match tx.meta(&key)? {
            Some(meta) => Dense::open(&meta, tx.namespace())?,
            None => Dense::new(Kind::Hash, tx.namespace(), Form::ListPack),
        };
        Ok(f(tx, &dense))
    };
    keyspace.read(ORIGIN, &Keys::one(&key), run).unwrap()
}

#[derive(Debug, Clone)]
enum Step {
    Insert(u8, u8),
    Remove(u8),
    Pop,
    Scan(u64),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0u8..40, any::<u8>()).prop_map(|(member, value)| Step::Insert(member, value)),
        3 => (0u8..40).prop_map(Step::Remove),
        1 => Just(Step::Pop),
        2 => (1u64..5).prop_map(Step::Scan),
    ]
}

fn name(member: u8) -> Bytes {
    Bytes::from(vec![member; usize::from(member)])
}

type Model = BTreeMap<Bytes, Bytes>;

/// A walk that is under way: where it goes on, who has been there all the time, who was met.
struct Walk {
    cursor: u64,
    stayed: BTreeSet<Bytes>,
    met: BTreeSet<Bytes>,
}

fn check(keyspace: &Keyspace, model: &Model) {
    read(keyspace, |tx, dense| {
        assert_eq!(dense.len(), model.len() as u64);
        let all = dense.all(tx).unwrap();
        assert_eq!(all.len(), model.len());
        assert_eq!(all.into_iter().map(|entry| (entry.member, entry.payload)).collect::<Model>(), *model);
        let by_position = (0..dense.len()).map(|position| dense.at(tx, position).unwrap());
        assert_eq!(by_position.map(|entry| (entry.member, entry.payload)).collect::<Model>(), *model);
        for count in [0, 1, 3, 100] {
            let sample = dense.sample(tx, count).unwrap();
            let different: BTreeSet<_> = sample.iter().map(|entry| &entry.member).collect();
            assert_eq!(different.len(), sample.len());
            assert_eq!(sample.len(), model.len().min(count as usize));
            assert!(sample.iter().all(|entry| model.get(&entry.member) == Some(&entry.payload)));
        }
    });
}

fn take_step(keyspace: &Keyspace, form: Form, model: &mut Model, walk: &mut Option<Walk>, step: &Step) {
    match step {
        Step::Insert(member, value) => {
            let value = Bytes::from(vec![*value; usize::from(*value)]);
            let new = write(keyspace, form, |tx, dense| dense.insert(tx, &name(*member), &value).unwrap());
            assert_eq!(new, model.insert(name(*member), value).is_none());
        }
        Step::Remove(member) => {
            let old = write(keyspace, form, |tx, dense| dense.remove(tx, &name(*member)).unwrap());
            assert_eq!(old, model.remove(&name(*member)));
        }
        Step::Pop => {
            let popped = write(keyspace, form, |tx, dense| dense.pop(tx).unwrap());
            assert_eq!(popped.is_some(), !model.is_empty());
            if let Some(entry) = popped {
                assert_eq!(model.remove(&entry.member), Some(entry.payload));
            }
        }
        Step::Scan(count) => {
            let mut current = walk.take().unwrap_or_else(|| Walk {
                cursor: 0,
                stayed: model.keys().cloned().collect(),
                met: BTreeSet::new(),
            });
            let (entries, cursor) =
                read(keyspace, |tx, dense| dense.page(tx, current.cursor, *count).unwrap());
            current.met.extend(entries.into_iter().map(|entry| entry.member));
            current.cursor = cursor;
            if cursor == 0 {
                assert!(current.stayed.is_subset(&current.met));
            } else {
                *walk = Some(current);
            }
        }
    }
    if let Some(walk) = walk {
        walk.stayed.retain(|member| model.contains_key(member));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn behaves_like_a_map(
        steps in prop::collection::vec(any_step(), 1..80),
        form in prop::sample::select(vec![Form::ListPack, Form::HashTable]),
    ) {
        let keyspace = keyspace();
        let (mut model, mut walk) = (Model::new(), None);
        for step in &steps {
            take_step(&keyspace, form, &mut model, &mut walk, step);
            check(&keyspace, &model);
        }
    }
}

#[test]
fn the_header_never_grows_beyond_its_bound() {
    let keyspace = keyspace();
    for number in 0..200u32 {
        let member = Bytes::from(format!("{number:060}"));
        write(&keyspace, Form::ListPack, |tx, dense| dense.insert(tx, &member, b"").unwrap());
        let packed = read(&keyspace, |_, dense| dense.is_packed());
        assert_eq!(packed, number < 66, "{number}");
    }
}

#[test]
fn chance_is_fair() {
    let keyspace = keyspace();
    write(&keyspace, Form::HashTable, |tx, dense| {
        for number in 0..20u8 {
            dense.insert(tx, &name(number), b"").unwrap();
        }
        for number in 0..10 {
            dense.remove(tx, &name(number)).unwrap();
        }
    });
    let mut drawn = BTreeMap::<Bytes, u32>::new();
    read(&keyspace, |tx, dense| dense.random(tx).unwrap());
    for _ in 0..10_000 {
        let entry = read(&keyspace, |tx, dense| dense.random(tx).unwrap().unwrap());
        *drawn.entry(entry.member).or_default() += 1;
    }
    assert_eq!(drawn.len(), 10);
    // The deviation is 30; eight of them never happen.
    assert!(drawn.values().all(|times| (760..=1240).contains(times)), "{drawn:?}");
}
