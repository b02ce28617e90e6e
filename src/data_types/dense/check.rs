//! Holding a collection against its rules.

use super::members::Members;
use super::{Body, Dense, Form};
use crate::encoding::{DecodeError, text, varint};
use crate::error::Result;
use crate::keyspace::tx::ReadTx;
use crate::storage::{Direction, Scan, ScanRange, Space};
use bytes::Bytes;
use hashbrown::HashSet;

const BAD_FORM: DecodeError = DecodeError { what: "form of a collection" };
const BAD_LEN: DecodeError = DecodeError { what: "length of a collection" };
const TWICE: DecodeError = DecodeError { what: "collection with a member that is there twice" };
const BAD_MEMBER: DecodeError = DecodeError { what: "member without its position" };
const BAD_DEADLINE: DecodeError = DecodeError { what: "deadline without its record" };
const BAD_RECORD: DecodeError = DecodeError { what: "record of a collection that nothing leads to" };

/// What the members come to.
#[derive(Default)]
struct Sum {
    members: u64,
    with_deadline: u64,
    /// 0: none has one.
    first_deadline_ms: u64,
}

impl Dense {
    /// Reads the whole collection: there are as many members as the header says, no two are the same, each
    /// has a position of its own, and every deadline has its record. `deadline` reads what belongs to
    /// a member.
    ///
    /// # Errors
    /// When something is wrong.
    pub fn check(&self, tx: &ReadTx, deadline: impl Fn(Bytes) -> Result<Option<u64>>) -> Result<()> {
        let mut sum = Sum::default();
        let mut seen = HashSet::new();
        let mut note = |member: &Bytes, payload: Bytes| -> Result<()> {
            if self.form == Form::IntSet && text::parse_i64(member).is_none() {
                return Err(BAD_FORM.into());
            }
            sum.members += 1;
            let Some(deadline_ms) = deadline(payload)? else { return Ok(()) };
            sum.with_deadline += 1;
            sum.first_deadline_ms = match sum.first_deadline_ms {
                0 => deadline_ms,
                first_ms => first_ms.min(deadline_ms),
            };
            let record = self.deadline_key(deadline_ms, member);
            let found = record.map(|key| tx.get(Space::Index, &key)).transpose()?;
            if found == Some(None) { Err(BAD_DEADLINE.into()) } else { Ok(()) }
        };
        match &self.body {
            Body::Packed(packed) => {
                for entry in packed.iter() {
                    let entry = entry?;
                    note(&entry.member, entry.payload)?;
                    if !seen.insert(entry.member) {
                        return Err(TWICE.into());
                    }
                }
            }
            Body::Outside(members) => members.check_each(tx, &mut note)?,
        }
        if let Body::Outside(members) = &self.body {
            members.check_index(tx, sum.with_deadline)?;
        } else if self.form == Form::HashTable {
            return Err(BAD_FORM.into());
        }
        if sum.members != self.len() || sum.members == 0 {
            return Err(BAD_LEN.into());
        }
        let said = self.first_deadline_ms;
        if said != sum.first_deadline_ms { Err(BAD_DEADLINE.into()) } else { Ok(()) }
    }
}

impl Members {
    /// Every member's position leads back to it.
    fn check_each(&self, tx: &ReadTx, note: &mut impl FnMut(&Bytes, Bytes) -> Result<()>) -> Result<()> {
        let all = ScanRange::prefix(&self.prefix);
        let mut scan = tx.scan(Space::Data, &all, Direction::Forward)?;
        while let Some((key, mut record)) = scan.next()? {
            let member = key[self.prefix.len()..].strip_prefix(b"m").ok_or(BAD_RECORD)?;
            let member = Bytes::copy_from_slice(member);
            let position = varint::take(&mut record)?;
            if position >= self.len || self.member_at(tx, position)? != member {
                return Err(BAD_MEMBER.into());
            }
            note(&member, Bytes::copy_from_slice(record))?;
        }
        Ok(())
    }

    /// There is one position for each member, one record for each deadline, and nothing else: all the
    /// members lead to theirs already.
    fn check_index(&self, tx: &ReadTx, with_deadline: u64) -> Result<()> {
        let all = ScanRange::prefix(&self.prefix);
        let mut scan = tx.scan(Space::Index, &all, Direction::Forward)?;
        let (mut pages, mut long, mut deadlines) = (0, 0, 0);
        while let Some((key, _)) = scan.next()? {
            match key.get(self.prefix.len()) {
                Some(b'p') => pages += 1,
                Some(b'x') => long += 1,
                Some(b'e') => deadlines += 1,
                _ => return Err(BAD_RECORD.into()),
            }
        }
        if (pages, long) != self.records(tx)? {
            return Err(BAD_LEN.into());
        }
        if deadlines != with_deadline { Err(BAD_RECORD.into()) } else { Ok(()) }
    }
}
