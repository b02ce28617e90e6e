//! `ARINFO`.

use super::{READ_KEY, index_reply};
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Group, Spec};
use crate::commands::{Command, ReadCommand};
use crate::data_types::array::{Array, MAX_INDEX, Slices, slices};
use crate::error::{Error, Result};
use crate::keyspace::Keys;
use crate::keyspace::tx::ReadTx;
use crate::protocol::Reply;
use crate::protocol::reply::fields;
use bytes::Bytes;

/// `ARINFO`.
pub struct ArInfo {
    pub key: Bytes,
    pub full: bool,
}

impl Command for ArInfo {
    const SPEC: Spec =
        Spec::new("ARINFO", Group::Array, Arity::AtLeast(2)).keys(READ_KEY).syntax("key [FULL]").doc(
            "8.8.0",
            "O(S log N) where S is the number of slices Redis would have",
            "Returns metadata about an array.",
        );
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        let command = ArInfo { key: args.bytes()?, full: args.take("FULL") };
        args.end()?;
        Ok(command)
    }
}

fn average(sum: u64, count: u64) -> Reply {
    Reply::Double(if count > 0 { sum as f64 / count as f64 } else { 0.0 })
}

impl ReadCommand for ArInfo {
    fn keys(&self) -> Keys<'_> {
        Keys::one(&self.key)
    }

    fn run(&self, tx: &ReadTx<'_>) -> Result<Reply> {
        let array = Array::get(tx, &self.key)?.ok_or(Error::NoSuchKey)?;
        let packing = tx.keyspace().packing().array;
        let found: Slices = slices(&array, tx, packing)?;
        let next = array.cursor().filter(|cursor| *cursor != MAX_INDEX).map_or(0, |cursor| cursor + 1);
        let mut info = fields([
            ("count", index_reply(array.count())),
            ("len", index_reply(array.length(tx)?)),
            ("next-insert-index", index_reply(next)),
            ("slices", found.slices.into()),
            ("directory-size", found.directory_size.into()),
            ("super-dir-entries", found.blocks.into()),
            ("slice-size", packing.slice_size.into()),
        ]);
        if self.full {
            info.extend(fields([
                ("dense-slices", found.dense.into()),
                ("sparse-slices", found.sparse.into()),
                ("avg-dense-size", average(found.dense_places, found.dense)),
                ("avg-dense-fill", average(found.dense_values, found.dense_places)),
                ("avg-sparse-size", average(found.sparse_places, found.sparse)),
            ]));
        }
        Ok(Reply::Map(info))
    }
}
