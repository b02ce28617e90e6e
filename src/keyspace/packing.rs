//! Up to which size Redis keeps collections in a compact form: what its directives say.

/// The limits of every type that has some.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packing {
    pub set: SetPacking,
    pub hash: HashPacking,
    pub sorted_set: SortedSetPacking,
    pub stream: StreamPacking,
    pub array: ArrayPacking,
}

/// The limits of sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetPacking {
    /// Members of an intset (`set-max-intset-entries`).
    pub intset_entries: u64,
    /// Members of a listpack (`set-max-listpack-entries`).
    pub entries: u64,
    /// Bytes of each of them (`set-max-listpack-value`).
    pub value: u64,
}

/// The limits of hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashPacking {
    /// Fields of a listpack (`hash-max-listpack-entries`).
    pub entries: u64,
    /// Bytes of each field and value (`hash-max-listpack-value`).
    pub value: u64,
}

/// The limits of sorted sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SortedSetPacking {
    /// Members of a listpack (`zset-max-listpack-entries`).
    pub entries: u64,
    /// Bytes of each of them (`zset-max-listpack-value`).
    pub value: u64,
}

/// The limits of streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamPacking {
    /// Entries of a node, in whose steps `~` trims (`stream-node-max-entries`); 0 is no limit.
    pub node_entries: u64,
    /// Bytes of a node (`stream-node-max-bytes`); 0 is no limit.
    pub node_bytes: u64,
    /// How long a new stream keeps ids of producers, s (`stream-idmp-duration`).
    pub idempotence_seconds: u64,
    /// How many ids of a producer a new stream keeps (`stream-idmp-maxsize`).
    pub idempotence_ids: u64,
}

/// How Redis would cut arrays into slices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArrayPacking {
    /// Indices of a slice (`array-slice-size`).
    pub slice_size: u64,
    /// Values of a sparse slice (`array-sparse-kmax`).
    pub sparse_kmax: u64,
}

impl Default for Packing {
    fn default() -> Packing {
        Packing {
            set: SetPacking { intset_entries: 512, entries: 128, value: 64 },
            hash: HashPacking { entries: 512, value: 64 },
            sorted_set: SortedSetPacking { entries: 128, value: 64 },
            stream: StreamPacking {
                node_entries: 100,
                node_bytes: 4096,
                idempotence_seconds: 100,
                idempotence_ids: 100,
            },
            array: ArrayPacking { slice_size: 4096, sparse_kmax: 10 },
        }
    }
}
