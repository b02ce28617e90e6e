//! Values of every type by chance.

use super::super::*;
use super::bytes;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Texts of which some are long, some compress, and some are integers.
pub(super) fn text() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..20).prop_map(Bytes::from),
        (any::<u8>(), 0..200usize).prop_map(|(byte, count)| Bytes::from(vec![byte; count])),
        any::<i64>().prop_map(|number| Bytes::from(number.to_string())),
        any::<i8>().prop_map(|number| Bytes::from(number.to_string())),
    ]
}

fn stream_id() -> impl Strategy<Value = StreamId> {
    prop_oneof![(0..5u64, 0..20u64), (any::<u64>(), any::<u64>())].prop_map(|(ms, seq)| StreamId { ms, seq })
}

fn groups() -> impl Strategy<Value = Vec<Group>> {
    let consumer = |(name, (seen_time_ms, active_time_ms))| Consumer { name, seen_time_ms, active_time_ms };
    let active = prop::option::of(0..1u64 << 50);
    let consumers = prop::collection::btree_map(text(), (0..1u64 << 63, active), 1..4)
        .prop_map(move |consumers| consumers.into_iter().map(consumer).collect::<Vec<_>>());
    let owner = prop_oneof![3 => any::<prop::sample::Index>().prop_map(Some), 1 => Just(None)];
    let pending = prop::collection::btree_map(stream_id(), (0..1u64 << 63, 0..1u64 << 63, owner), 0..5);
    let details = (stream_id(), prop::option::of(0..1u64 << 63), consumers, pending);
    prop::collection::btree_map(text(), details, 0..3).prop_map(|groups| {
        let group = |(name, (last_id, entries_read, consumers, pending)): (_, (_, _, Vec<Consumer>, _))| {
            let pending: std::collections::BTreeMap<StreamId, (u64, u64, Option<prop::sample::Index>)> =
                pending;
            let pending =
                pending.into_iter().map(|(id, (delivery_time_ms, delivery_count, owner))| Pending {
                    id,
                    delivery_time_ms,
                    delivery_count,
                    consumer: owner.map(|owner| owner.index(consumers.len())),
                });
            Group { name, last_id, entries_read, pending: pending.collect(), consumers }
        };
        groups.into_iter().map(group).collect()
    })
}

fn producers() -> impl Strategy<Value = Producers> {
    let ids = prop::collection::btree_map(text(), stream_id(), 0..5);
    let all = prop::collection::btree_map(text(), ids, 0..3);
    let some = (1..=86_400u64, 1..=10_000u64, all, any::<u64>(), any::<u64>()).prop_map(
        |(seconds, max_ids, all, added, duplicates)| {
            let producer =
                |(name, ids): (_, BTreeMap<_, _>)| Producer { name, ids: ids.into_iter().collect() };
            Producers { seconds, max_ids, all: all.into_iter().map(producer).collect(), added, duplicates }
        },
    );
    prop_oneof![Just(Producers::default()), some]
}

fn stream() -> impl Strategy<Value = Stream> {
    let fields = prop_oneof![
        text().prop_map(|value| vec![(bytes("f"), value)]),
        prop::collection::vec((text(), text()), 1..4),
    ];
    let entries = prop::collection::btree_map(stream_id(), fields, 0..30);
    (entries, [stream_id(), stream_id(), stream_id()], 0..1u64 << 63, groups(), producers()).prop_map(
        |(entries, [last_id, first_id, max_deleted_id], entries_added, groups, producers)| {
            let entries: Vec<_> = entries.into_iter().map(|(id, fields)| Entry { id, fields }).collect();
            let last_id = entries.last().map_or(last_id, |last| last.id.max(last_id));
            Stream { entries, last_id, first_id, max_deleted_id, entries_added, groups, producers }
        },
    )
}

pub(super) fn value() -> impl Strategy<Value = Value> {
    let score = any::<u64>().prop_map(f64::from_bits).prop_filter("a number", |score| !score.is_nan());
    let score = prop_oneof![score, any::<i64>().prop_map(|score| score as f64), -9.0..9.0];
    let field = (text(), prop::option::of(1..1u64 << 48));
    prop_oneof![
        text().prop_map(Value::String),
        prop::collection::vec(text(), 1..40).prop_map(Value::List),
        prop::collection::btree_set(text(), 1..40)
            .prop_map(|members| Value::Set(members.into_iter().collect())),
        prop::collection::btree_set(any::<i32>(), 1..40)
            .prop_map(|members| Value::Set(members.iter().map(|member| bytes(member.to_string())).collect())),
        prop::collection::btree_map(text(), score, 1..40)
            .prop_map(|members| Value::SortedSet(members.into_iter().collect())),
        prop::collection::btree_map(text(), field, 1..20).prop_map(|fields| Value::Hash(
            fields.into_iter().map(|(field, (value, expire_ms))| (field, value, expire_ms)).collect()
        )),
        prop::collection::btree_map(text(), text(), 1..40).prop_map(|fields| Value::Hash(
            fields.into_iter().map(|(field, value)| (field, value, None)).collect()
        )),
        stream().prop_map(Value::Stream),
        (prop::collection::btree_map(0..u64::MAX, text(), 1..40), prop::option::of(0..u64::MAX))
            .prop_map(|(values, cursor)| Value::Array { values: values.into_iter().collect(), cursor }),
    ]
}

pub(super) fn limits() -> impl Strategy<Value = Limits> {
    (-7..10i32, 0..50u64, 0..100u64, 0..300u64, 0..20u64).prop_map(|(size, entries, value, bytes, count)| {
        Limits {
            list_max_listpack_size: size,
            hash_max_listpack_entries: entries,
            hash_max_listpack_value: value,
            set_max_intset_entries: entries,
            zset_max_listpack_entries: entries,
            zset_max_listpack_value: value,
            stream_node_max_bytes: bytes,
            stream_node_max_entries: count,
        }
    })
}
