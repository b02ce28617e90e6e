//! Holding a tree against its rules.

use super::page::{BAD_PAGE, Link};
use super::{Pages, ROOT, Tree};
use crate::encoding::DecodeError;
use crate::error::Result;
use bytes::Bytes;
use hashbrown::HashSet;
use std::cmp::Ordering;

/// How two entries lie to each other, or an entry and a separator.
pub type Order = fn(&[u8], &[u8]) -> Ordering;

const OUT_OF_ORDER: DecodeError = DecodeError { what: "order of a tree" };

/// A check that is under way.
struct Check<'a> {
    tree: &'a Tree,
    pages: &'a dyn Pages,
    order: Option<Order>,
    visit: &'a mut dyn FnMut(&Bytes) -> Result<()>,
    /// The pages that were read.
    reached: HashSet<u64>,
    last: Option<Bytes>,
}

impl Tree {
    /// Reads a tree that has no changes as a whole: every node holds as many entries as is said of it, no page
    /// belongs to two nodes, and, if the tree has an order, entries and separators are in it. Shows every
    /// entry to `visit`, in its place. Returns how many pages there are.
    ///
    /// # Errors
    /// When something is wrong; those of `visit`.
    pub fn check_all(
        &self,
        pages: &dyn Pages,
        order: Option<Order>,
        visit: &mut dyn FnMut(&Bytes) -> Result<()>,
    ) -> Result<u64> {
        let mut check = Check { tree: self, pages, order, visit, reached: HashSet::new(), last: None };
        check.node(self.root_link(), self.root.height, None)?;
        Ok(check.reached.len() as u64)
    }
}

impl Check<'_> {
    fn reach(&mut self, id: u64) -> Result<()> {
        if self.reached.insert(id) { Ok(()) } else { Err(BAD_PAGE.into()) }
    }

    /// A node and all below it; no entry stands before `separator`.
    fn node(&mut self, link: Link, height: usize, separator: Option<Bytes>) -> Result<()> {
        if link.id != ROOT {
            self.reach(link.id)?;
        }
        if height == 0 {
            return self.leaf(link, separator);
        }
        if link.id != ROOT {
            self.reach(link.id + 1)?;
        }
        let inner = self.tree.inner(self.pages, link)?;
        for index in 0..inner.children() {
            let own = if index == 0 { separator.clone() } else { Some(inner.separator(index)) };
            if let (Some(order), Some(own), Some(last)) = (self.order, &own, &self.last)
                && order(last, own).is_ge()
            {
                return Err(OUT_OF_ORDER.into());
            }
            self.node(inner.link(index), height - 1, own)?;
        }
        Ok(())
    }

    fn leaf(&mut self, link: Link, separator: Option<Bytes>) -> Result<()> {
        let leaf = self.tree.leaf(self.pages, link)?;
        for index in 0..leaf.count() {
            let entry = leaf.entry(index);
            if let Some(order) = self.order {
                let behind_last = self.last.as_ref().is_none_or(|last| order(last, &entry).is_lt());
                let behind_separator = separator.as_ref().is_none_or(|own| order(own, &entry).is_le());
                if !behind_last || !behind_separator {
                    return Err(OUT_OF_ORDER.into());
                }
            }
            (self.visit)(&entry)?;
            self.last = Some(entry);
        }
        Ok(())
    }
}
