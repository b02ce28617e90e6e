//! Sets.
//!
//! | type | what |
//! |---:|---|
//! | 2 | a number, as many strings; what is written if 11 is not |
//! | 11 | an intset; what is written of integers up to `set-max-intset-entries` |
//! | 20 | a listpack, of Redis 7.2 and later |

use super::reader::{Reader, check_distinct};
use super::writer::Writer;
use super::{Limits, PayloadError, types};
use crate::encoding::{intset, text};
use bytes::Bytes;

pub(super) fn read_strings(reader: &mut Reader) -> Result<Vec<Bytes>, PayloadError> {
    distinct(reader.strings()?)
}

pub(super) fn read_listpack(reader: &mut Reader) -> Result<Vec<Bytes>, PayloadError> {
    distinct(reader.listpack()?)
}

pub(super) fn read_intset(reader: &mut Reader) -> Result<Vec<Bytes>, PayloadError> {
    let members = intset::decode(&reader.blob()?)?;
    Ok(members.into_iter().map(|member| Bytes::from(member.to_string())).collect())
}

fn distinct(members: Vec<Bytes>) -> Result<Vec<Bytes>, PayloadError> {
    check_distinct(&members)?;
    Ok(members)
}

pub(super) fn write(out: &mut Writer, members: &[Bytes], limits: &Limits) {
    if let Some(mut integers) = integers(members, limits) {
        integers.sort_unstable();
        out.byte(types::SET_INTSET);
        out.string(&intset::encode(&integers));
        return;
    }
    out.byte(types::SET);
    out.length(members.len() as u64);
    for member in members {
        out.string(member);
    }
}

/// The members, if Redis would keep them in an intset.
fn integers(members: &[Bytes], limits: &Limits) -> Option<Vec<i64>> {
    let fits = members.len() as u64 <= limits.set_max_intset_entries.min(u32::MAX.into());
    if fits { members.iter().map(|member| text::parse_i64(member)).collect() } else { None }
}
