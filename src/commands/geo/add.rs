//! `GEOADD`: `ZADD` with places for scores.

use super::{point, spec};
use crate::commands::args::Args;
use crate::commands::sorted_set::ADD_KEY;
use crate::commands::sorted_set::add::{Options, ZAdd};
use crate::commands::spec::{Arity, Flags, Spec};
use crate::commands::{Command, WriteCommand};
use crate::error::{Error, Result};
use crate::keyspace::Keys;
use crate::keyspace::tx::WriteTx;
use crate::protocol::Reply;
use bytes::Bytes;

/// `GEOADD`.
pub struct GeoAdd(ZAdd);

impl Command for GeoAdd {
    const SPEC: Spec = spec("GEOADD", Arity::AtLeast(5))
        .keys(ADD_KEY)
        .flags(Flags::DENYOOM)
        .syntax("key [NX | XX] [CH] longitude latitude member [longitude latitude member ...]")
        .doc(
            "3.2.0",
            "O(log N) for each member, N being the number of members in the sorted set",
            "Adds members to a geospatial index, or moves them. Creates the key if it doesn't exist.",
        );
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        let key = args.bytes()?;
        let mut options = Options::default();
        while options.take_common(args) {}
        let words = args.rest();
        if words.is_empty() || !words.len().is_multiple_of(3) || options.new_only && options.present_only {
            return Err(Error::Syntax);
        }
        let member = |words: &[Bytes]| Ok((point(&words[0], &words[1])?.score(), words[2].clone()));
        let members = words.chunks_exact(3).map(member).collect::<Result<_>>()?;
        Ok(GeoAdd(ZAdd { key, options, members }))
    }
}

impl WriteCommand for GeoAdd {
    fn keys(&self) -> Keys<'_> {
        self.0.keys()
    }

    fn run(&self, tx: &mut WriteTx<'_>) -> Result<Reply> {
        self.0.run(tx)
    }
}
