//! The longest common subsequence of two strings.

use crate::error::{Error, Result};
use std::ops::Range;

/// Where a run of equal bytes lies in both strings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    pub a: Range<usize>,
    pub b: Range<usize>,
}

/// A longest common subsequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lcs {
    pub len: usize,
    /// The runs it is made of, the last one first.
    pub matches: Vec<Match>,
}

impl Lcs {
    /// The subsequence itself; `a` is the first string.
    pub fn text(&self, a: &[u8]) -> Vec<u8> {
        self.matches.iter().rev().flat_map(|run| &a[run.a.clone()]).copied().collect()
    }
}

/// Makes sure that strings of these lengths can be compared in `max_bytes` of memory.
///
/// # Errors
/// When they cannot.
pub fn check_memory(a_len: u64, b_len: u64, max_bytes: u64) -> Result<()> {
    let cells = u128::from(a_len + 1) * u128::from(b_len + 1);
    if cells * size_of::<u32>() as u128 > u128::from(max_bytes) {
        return Err(Error::text(
            "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
        ));
    }
    Ok(())
}

/// Finds a longest common subsequence. O(|a| × |b|) in time and memory (4 bytes each).
///
/// # Errors
/// When that is more than `max_bytes` of memory.
pub fn find(a: &[u8], b: &[u8], max_bytes: u64) -> Result<Lcs> {
    check_memory(a.len() as u64, b.len() as u64, max_bytes)?;
    let table = Table::of(a, b);
    let (mut i, mut j) = (a.len(), b.len());
    let mut matches: Vec<Match> = Vec::new();
    while i > 0 && j > 0 {
        if a[i - 1] == b[j - 1] {
            match matches.last_mut() {
                Some(last) if last.a.start == i && last.b.start == j => {
                    last.a.start -= 1;
                    last.b.start -= 1;
                }
                _ => matches.push(Match { a: i - 1..i, b: j - 1..j }),
            }
            (i, j) = (i - 1, j - 1);
        } else if table.at(i - 1, j) > table.at(i, j - 1) {
            i -= 1;
        } else {
            j -= 1;
        }
    }
    Ok(Lcs { len: table.at(a.len(), b.len()) as usize, matches })
}

/// The lengths of the longest common subsequences of all beginnings of two strings.
struct Table {
    columns: usize,
    lengths: Vec<u32>,
}

impl Table {
    fn of(a: &[u8], b: &[u8]) -> Table {
        let columns = b.len() + 1;
        let mut table = Table { columns, lengths: vec![0; (a.len() + 1) * columns] };
        for i in 1..=a.len() {
            let (above, row) = table.lengths.split_at_mut(i * columns);
            let above = &above[(i - 1) * columns..];
            for j in 1..=b.len() {
                row[j] = if a[i - 1] == b[j - 1] { above[j - 1] + 1 } else { above[j].max(row[j - 1]) };
            }
        }
        table
    }

    fn at(&self, i: usize, j: usize) -> u32 {
        self.lengths[i * self.columns + j]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn example_of_the_documentation() {
        let (a, b) = (b"ohmytext", b"mynewtext");
        let lcs = find(a, b, 1 << 20).unwrap();
        assert_eq!((lcs.len, lcs.text(a).as_slice()), (6, &b"mytext"[..]));
        assert_eq!(lcs.matches, [Match { a: 4..8, b: 5..9 }, Match { a: 2..4, b: 0..2 }]);
    }

    #[test]
    fn memory_is_bounded() {
        assert!(find(&[0; 100], &[0; 100], 101 * 101 * 4).is_ok());
        assert!(find(&[0; 100], &[0; 100], 101 * 101 * 4 - 1).is_err());
    }
}
