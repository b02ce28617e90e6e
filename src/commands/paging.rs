//! The words of `SSCAN` and its like: a walk over one collection, part by part.

use super::args::Args;
use super::generic::scan::{DEFAULT_COUNT, cursor};
use crate::data_types::dense::{Dense, Entry};
use crate::encoding::glob;
use crate::error::{Error, Result};
use crate::keyspace::tx::ReadTx;
use crate::protocol::Reply;
use bytes::Bytes;

/// Which part of a collection is asked for.
pub struct Paging {
    pub key: Bytes,
    /// 0 begins.
    pub cursor: u64,
    /// Complaints about them come after those about the key.
    pub options: Result<Options>,
}

/// What stands behind the cursor.
pub struct Options {
    pub pattern: Option<Bytes>,
    /// How many members to look at.
    pub count: u64,
    /// `NOVALUES`.
    pub no_values: bool,
}

impl Paging {
    /// Reads the words; `NOVALUES` only if the command knows it.
    ///
    /// # Errors
    /// When the cursor is no number.
    pub fn parse(args: &mut Args, knows_no_values: bool) -> Result<Paging> {
        let (key, word) = (args.bytes()?, args.bytes()?);
        Ok(Paging { key, cursor: cursor(&word)?, options: Options::parse(args, knows_no_values) })
    }

    /// The reply: the cursor to go on with, and what `show` makes of each entry that matches.
    ///
    /// # Errors
    /// Complaints about the options, unless the collection is not there.
    pub fn run(
        &self,
        tx: &ReadTx,
        collection: Option<&Dense>,
        show: impl Fn(Entry, &Options) -> Result<Vec<Reply>>,
    ) -> Result<Reply> {
        let mut found = Vec::new();
        let mut next = 0;
        if let Some(collection) = collection {
            let options = self.options.as_ref().map_err(Error::clone)?;
            let (entries, cursor) = collection.page(tx, self.cursor, options.count)?;
            next = cursor;
            let wanted = |entry: &Entry| {
                let pattern = options.pattern.as_ref();
                pattern.is_none_or(|pattern| glob::wants(pattern, &entry.member))
            };
            for entry in entries.into_iter().filter(wanted) {
                found.extend(show(entry, options)?);
            }
        }
        Ok(Reply::Array(vec![Reply::bulk(next.to_string()), Reply::Array(found)]))
    }
}

impl Options {
    fn parse(args: &mut Args, knows_no_values: bool) -> Result<Options> {
        let mut options = Options { pattern: None, count: DEFAULT_COUNT, no_values: false };
        while !args.is_empty() {
            if knows_no_values && args.take("NOVALUES") {
                options.no_values = true;
            } else if args.remaining() > 1 && args.take("MATCH") {
                options.pattern = Some(args.bytes()?);
            } else if args.remaining() > 1 && args.take("COUNT") {
                let count = args.integer()?;
                options.count = count.try_into().ok().filter(|count| *count > 0).ok_or(Error::Syntax)?;
            } else {
                return Err(Error::Syntax);
            }
        }
        Ok(options)
    }
}
