//! Signatures of values and of whole data sets, for tests: the same data has the same signature,
//! however it came to be.

use crate::encoding::keys;
use crate::encoding::meta::{Meta, Outside};
use crate::encoding::numbers::Kind;
use crate::encoding::rdb;
use crate::error::Result;
use crate::keyspace::tx::ReadTx;
use crate::storage::{Direction, Scan, ScanRange, Space};
use sha2::{Digest as _, Sha256};
use std::fmt::Write;

/// A signature; that of nothing is all zero.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Signature([u8; 20]);

impl Signature {
    /// 40 hexadecimal digits.
    pub fn hex(&self) -> String {
        self.0.iter().fold(String::with_capacity(40), |mut out, byte| {
            let _ = write!(out, "{byte:02x}");
            out
        })
    }

    /// Adds another one; the order does not matter.
    pub fn combine(&mut self, other: Signature) {
        self.0.iter_mut().zip(other.0).for_each(|(byte, other)| *byte ^= other);
    }

    fn of(hasher: Sha256) -> Signature {
        let mut signature = Signature::default();
        signature.0.copy_from_slice(&hasher.finalize()[..20]);
        signature
    }
}

fn add(hasher: &mut Sha256, part: &[u8]) {
    hasher.update((part.len() as u64).to_be_bytes());
    hasher.update(part);
}

fn add_value(hasher: &mut Sha256, tx: &ReadTx, meta: &Meta) -> Result<()> {
    add(hasher, meta.kind.name().as_bytes());
    if meta.kind == Kind::String {
        let pieces = super::string::read_all(tx, meta)?;
        hasher.update(pieces.iter().map(|piece| piece.len() as u64).sum::<u64>().to_be_bytes());
        pieces.iter().for_each(|piece| hasher.update(piece));
        return Ok(());
    }
    if meta.kind == Kind::Stream {
        // How its pages are cut, and the numbers of its groups, say how it came to be.
        let whole = rdb::Value::Stream(super::stream::all(tx, meta)?);
        add(hasher, &rdb::write(&whole, &rdb::Limits::default()));
        return Ok(());
    }
    add(hasher, &meta.inline);
    let Some(Outside { version, .. }) = meta.outside else { return Ok(()) };
    let members = keys::members(tx.namespace(), version);
    for space in keys::member_spaces(meta.kind) {
        let mut scan = tx.scan(*space, &ScanRange::prefix(&members), Direction::Forward)?;
        while let Some((key, value)) = scan.next()? {
            // The version says only when the value came to be.
            add(hasher, &key[members.len()..]);
            add(hasher, value);
        }
    }
    Ok(())
}

/// The signature of a key's value; zero if there is none. Linear in its size.
pub fn of_value(tx: &ReadTx, key: &[u8]) -> Result<Signature> {
    let Some(meta) = tx.meta(key)? else { return Ok(Signature::default()) };
    let mut hasher = Sha256::new();
    add_value(&mut hasher, tx, &meta)?;
    Ok(Signature::of(hasher))
}

/// The signature of everything in the transaction's database. Linear in the size of the data.
pub fn of_database(tx: &ReadTx) -> Result<Signature> {
    let mut all = Signature::default();
    let range = ScanRange::prefix(&tx.namespace().prefix());
    let mut scan = tx.scan(Space::Meta, &range, Direction::Forward)?;
    while let Some((stored, value)) = scan.next()? {
        let meta = Meta::decode(bytes::Bytes::copy_from_slice(value))?;
        if meta.is_expired(tx.now_ms()) {
            continue;
        }
        let (_, key) = keys::decode_meta(stored)?;
        let mut hasher = Sha256::new();
        hasher.update(tx.db().to_be_bytes());
        add(&mut hasher, key);
        hasher.update([u8::from(meta.expire_at_ms.is_some())]);
        add_value(&mut hasher, tx, &meta)?;
        all.combine(Signature::of(hasher));
    }
    Ok(all)
}
