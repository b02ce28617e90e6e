//! Lists.
//!
//! | type | what |
//! |---:|---|
//! | 1 | a number, as many strings |
//! | 10 | a ziplist |
//! | 14 | a number, as many ziplists: the nodes |
//! | 18 | a number, as many nodes: 1 and a string, or 2 and a listpack; what is written |

use super::reader::Reader;
use super::writer::{MAX_LISTPACK_BYTES, Writer};
use super::{Limits, PayloadError, types};
use crate::encoding::listpack::Builder;
use crate::encoding::packed::Element;
use bytes::Bytes;

/// A node that is one string.
const PLAIN: u64 = 1;
/// A node that is a listpack.
const PACKED: u64 = 2;

/// What Redis reckons an element takes besides its text.
const ELEMENT_OVERHEAD_BYTES: usize = 8;

/// Bytes of a node, for -1 to -5.
const SIZE_CLASSES: [usize; 5] = [4 << 10, 8 << 10, 16 << 10, 32 << 10, 64 << 10];

/// Bytes of a node whose elements are counted.
const COUNTED_NODE_BYTES: usize = 8 << 10;

pub(super) fn read_ziplists(reader: &mut Reader) -> Result<Vec<Bytes>, PayloadError> {
    let mut items = Vec::new();
    for _ in 0..reader.length()? {
        items.append(&mut reader.ziplist()?);
    }
    Ok(items)
}

pub(super) fn read_nodes(reader: &mut Reader) -> Result<Vec<Bytes>, PayloadError> {
    let mut items = Vec::new();
    for _ in 0..reader.length()? {
        match reader.length()? {
            PLAIN => items.push(reader.string()?),
            PACKED => items.append(&mut reader.listpack()?),
            _ => return Err(PayloadError::Format),
        }
    }
    Ok(items)
}

pub(super) fn write(out: &mut Writer, items: &[Bytes], limits: &Limits) {
    let nodes = nodes(items, limits.list_max_listpack_size);
    out.byte(types::LIST_QUICKLIST_2);
    out.length(nodes.len() as u64);
    for node in nodes {
        match node {
            Node::Plain(item) => {
                out.length(PLAIN);
                out.string(item);
            }
            Node::Packed(node) => {
                out.length(PACKED);
                out.string(&node);
            }
        }
    }
}

enum Node<'a> {
    Plain(&'a Bytes),
    Packed(Vec<u8>),
}

fn nodes(items: &[Bytes], max_size: i32) -> Vec<Node<'_>> {
    let mut nodes = Vec::new();
    let mut node = Builder::default();
    for item in items {
        let is_plain = item.len() >= MAX_LISTPACK_BYTES;
        if node.count() > 0 && (is_plain || !has_room(&node, item.len(), max_size)) {
            nodes.push(Node::Packed(std::mem::take(&mut node).finish()));
        }
        if is_plain {
            nodes.push(Node::Plain(item));
        } else {
            node.push(Element::of(item));
        }
    }
    if node.count() > 0 {
        nodes.push(Node::Packed(node.finish()));
    }
    nodes
}

/// Whether a node takes one more of `length` bytes, by the rules of `list-max-listpack-size`.
fn has_room(node: &Builder, length: usize, max_size: i32) -> bool {
    let size = node.size().saturating_add(length).saturating_add(ELEMENT_OVERHEAD_BYTES);
    match usize::try_from(max_size) {
        Ok(max_count) => size <= COUNTED_NODE_BYTES && node.count() < max_count,
        Err(_) => size <= SIZE_CLASSES[(max_size.unsigned_abs() as usize).min(SIZE_CLASSES.len()) - 1],
    }
}
