//! `SORT`: the elements of a list, set or sorted set in another order, and what the keys hold that are
//! named after them.

use super::hash::Hash;
use super::list::List;
use super::sorted_set::SortedSet;
use super::{set, string};
use crate::encoding::numbers::Kind;
use crate::encoding::text;
use crate::error::{Error, Result};
use crate::keyspace::tx::ReadTx;
use bytes::Bytes;
use std::cmp::Ordering;
use std::ops::Range;

/// Where the value that belongs to an element is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// `#`: the element itself.
    Element,
    /// A key with the element in its middle, and with a field the value of that in a hash.
    Key { prefix: Bytes, suffix: Bytes, field: Option<Bytes> },
    /// There is no place for the element, so there is no value.
    Constant,
}

impl Pattern {
    /// Reads `weight_*`, `object_*->field` or `#`.
    pub fn parse(word: &Bytes) -> Pattern {
        if word == "#" {
            return Pattern::Element;
        }
        let Some(star) = word.iter().position(|byte| *byte == b'*') else { return Pattern::Constant };
        let (prefix, rest) = (word.slice(..star), word.slice(star + 1..));
        let arrow = rest.windows(2).position(|bytes| bytes == b"->").filter(|arrow| arrow + 2 < rest.len());
        match arrow {
            Some(arrow) => {
                Pattern::Key { prefix, suffix: rest.slice(..arrow), field: Some(rest.slice(arrow + 2..)) }
            }
            None => Pattern::Key { prefix, suffix: rest, field: None },
        }
    }

    /// Whether a value is looked for under another key.
    pub fn reads_keys(&self) -> bool {
        matches!(self, Pattern::Key { .. })
    }

    /// The value that belongs to an element. Up to two reads.
    fn value(&self, tx: &ReadTx, element: &Bytes) -> Result<Option<Bytes>> {
        let (prefix, suffix, field) = match self {
            Pattern::Element => return Ok(Some(element.clone())),
            Pattern::Constant => return Ok(None),
            Pattern::Key { prefix, suffix, field } => (prefix, suffix, field),
        };
        let key = [&prefix[..], element, suffix].concat();
        let Some(meta) = tx.meta(&key)? else { return Ok(None) };
        match (meta.kind, field) {
            (Kind::String, None) => string::contiguous(tx, &meta).map(Some),
            (Kind::Hash, Some(field)) => Hash::of(tx, &meta)?.get(tx, field),
            _ => Ok(None),
        }
    }
}

/// What the order of the elements is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    Element,
    Pattern(Pattern),
    /// The order in which they are kept.
    Nothing,
}

/// What is wanted of the elements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sort {
    pub by: By,
    /// How many elements to leave out, and how many to take from there; negative: all.
    pub limit: (i64, i64),
    /// What to give for each element; nothing: the element.
    pub get: Vec<Pattern>,
    pub descending: bool,
    /// By bytes and not by number.
    pub alpha: bool,
    /// Whether a set must come out in a definite order.
    pub repeatable: bool,
}

impl Default for Sort {
    fn default() -> Sort {
        let (by, limit, get) = (By::Element, (0, -1), Vec::new());
        Sort { by, limit, get, descending: false, alpha: false, repeatable: false }
    }
}

impl Sort {
    /// Whether other keys are looked at than the one with the elements.
    pub fn reads_keys(&self) -> bool {
        let sorts = matches!(&self.by, By::Pattern(pattern) if pattern.reads_keys());
        sorts || self.get.iter().any(Pattern::reads_keys)
    }

    /// The elements of a key, or the values that belong to them, in order. O(n log n), n being the
    /// number of elements; O(log n + elements wanted) for a list or sorted set as it is kept.
    ///
    /// # Errors
    /// [`Error::WrongType`]; when an element is to be sorted by a number and there is none.
    pub fn run(&self, tx: &ReadTx, key: &[u8]) -> Result<Vec<Option<Bytes>>> {
        let elements = self.elements(tx, key)?;
        if self.get.is_empty() {
            return Ok(elements.into_iter().map(Some).collect());
        }
        let values = elements.iter().flat_map(|element| self.get.iter().map(move |get| (get, element)));
        values.map(|(get, element)| get.value(tx, element)).collect()
    }

    fn elements(&self, tx: &ReadTx, key: &[u8]) -> Result<Vec<Bytes>> {
        let as_kept = self.by == By::Nothing;
        let Some(meta) = tx.meta(key)? else { return Ok(Vec::new()) };
        match meta.kind {
            Kind::List => {
                let list = List::of(tx, &meta)?;
                if !as_kept {
                    return self.sorted(tx, list.range(0..list.length())?);
                }
                let mut elements = list.range(self.places_as_kept(list.length()))?;
                if self.descending {
                    elements.reverse();
                }
                Ok(elements)
            }
            Kind::SortedSet => {
                let set = SortedSet::of(tx.namespace(), Some(&meta))?;
                let places = if as_kept { self.places_as_kept(set.len()) } else { 0..set.len() };
                let members = set.members(tx, places, as_kept && self.descending)?;
                let members = members.into_iter().map(|(member, _)| member).collect();
                if as_kept { Ok(members) } else { self.sorted(tx, members) }
            }
            Kind::Set => {
                let members = set::all(tx, &meta)?;
                if as_kept && self.repeatable {
                    // A set has no order to keep.
                    let sort = Sort { by: By::Element, alpha: true, ..self.clone() };
                    return sort.sorted(tx, members);
                }
                if as_kept { Ok(self.limited(members)) } else { self.sorted(tx, members) }
            }
            _ => Err(Error::WrongType),
        }
    }

    /// The places of the elements that are wanted, of so many.
    fn places(&self, len: u64) -> Range<u64> {
        let (offset, count) = self.limit;
        let start = u64::try_from(offset).unwrap_or(0).min(len);
        let left = len - start;
        start..start + u64::try_from(count).map_or(left, |count| count.min(left))
    }

    /// The same places, counted from the beginning, where the elements are taken as they are kept.
    fn places_as_kept(&self, len: u64) -> Range<u64> {
        let Range { start, end } = self.places(len);
        if self.descending { len - end..len - start } else { start..end }
    }

    fn limited(&self, mut elements: Vec<Bytes>) -> Vec<Bytes> {
        let Range { start, end } = self.places(elements.len() as u64);
        elements.truncate(end as usize);
        elements.split_off(start as usize)
    }

    fn sorted(&self, tx: &ReadTx, elements: Vec<Bytes>) -> Result<Vec<Bytes>> {
        let pattern = match &self.by {
            By::Pattern(pattern) => Some(pattern),
            By::Element | By::Nothing => None,
        };
        let weight = |element: &Bytes| match pattern {
            Some(pattern) => pattern.value(tx, element),
            None => Ok(Some(element.clone())),
        };
        let sorted = if self.alpha {
            let weigh = |element: Bytes| Ok((weight(&element)?, element));
            self.by_weight(elements, weigh, |(a, _), (b, _)| a.cmp(b))?
        } else {
            let weigh =
                |element: Bytes| Ok((weight(&element)?.map_or(Ok(0.0), |weight| number(&weight))?, element));
            self.by_weight(elements, weigh, |(a, m), (b, n)| {
                (a + 0.0).total_cmp(&(b + 0.0)).then_with(|| m.cmp(n))
            })?
        };
        Ok(self.limited(sorted))
    }

    /// The elements in the order of their weights. What is equal keeps its order.
    fn by_weight<W>(
        &self,
        elements: Vec<Bytes>,
        weigh: impl Fn(Bytes) -> Result<(W, Bytes)>,
        compare: impl Fn(&(W, Bytes), &(W, Bytes)) -> Ordering,
    ) -> Result<Vec<Bytes>> {
        let mut weighed = elements.into_iter().map(weigh).collect::<Result<Vec<_>>>()?;
        weighed.sort_by(|a, b| if self.descending { compare(b, a) } else { compare(a, b) });
        Ok(weighed.into_iter().map(|(_, element)| element).collect())
    }
}

/// The number to sort by. As C reads it: blanks may stand in front, nothing at all is 0.
fn number(text: &[u8]) -> Result<f64> {
    const BAD: Error = Error::text("ERR One or more scores can't be converted into double");
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    if text.is_empty() { Ok(0.0) } else { text::parse_f64(text.trim_ascii_start()).ok_or(BAD) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(prefix: &'static str, suffix: &'static str, field: Option<&'static str>) -> Pattern {
        let bytes = |text: &'static str| Bytes::from_static(text.as_bytes());
        Pattern::Key { prefix: bytes(prefix), suffix: bytes(suffix), field: field.map(bytes) }
    }

    #[test]
    fn patterns() {
        for (word, expected) in [
            ("#", Pattern::Element),
            ("##", Pattern::Constant),
            ("", Pattern::Constant),
            ("nosort", Pattern::Constant),
            ("*", key("", "", None)),
            ("a_*_b*", key("a_", "_b*", None)),
            ("a*b->c", key("a", "b", Some("c"))),
            ("a*->", key("a", "->", None)),
            ("a->*b", key("a->", "b", None)),
            ("a*->b->c", key("a", "", Some("b->c"))),
        ] {
            assert_eq!(Pattern::parse(&Bytes::from_static(word.as_bytes())), expected, "{word:?}");
        }
    }

    #[test]
    fn limits_of_any_number() {
        let places = |offset, count| Sort { limit: (offset, count), ..Sort::default() }.places(5);
        assert_eq!(places(0, -1), 0..5);
        assert_eq!(places(1, 2), 1..3);
        assert_eq!(places(-7, 2), 0..2);
        assert_eq!(places(5, 1), 5..5);
        assert_eq!(places(2, 0), 2..2);
        assert_eq!(places(i64::MAX, i64::MAX), 5..5);
        assert_eq!(places(1, i64::MAX), 1..5);
        assert_eq!(places(i64::MIN, i64::MIN), 0..5);
        let descending = Sort { limit: (1, 2), descending: true, ..Sort::default() };
        assert_eq!(descending.places_as_kept(5), 2..4);
    }

    #[test]
    fn numbers_as_redis_reads_them() {
        for (text, expected) in [("", 0.0), (" 5", 5.0), ("1e3", 1000.0), ("-inf", f64::NEG_INFINITY)] {
            assert_eq!(number(text.as_bytes()).ok(), Some(expected), "{text:?}");
        }
        for bad in ["x", "5 ", "nan", " ", "1e999"] {
            assert!(number(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }
}
