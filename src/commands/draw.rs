//! Members by chance, the same one perhaps more than once: `HRANDFIELD`, `SRANDMEMBER`, `ZRANDMEMBER` with
//! a negative count.

use crate::error::{Error, Result};

/// So many draws a command makes at most. Redis makes as many as it is asked for, and keeps their replies
/// until the client has read them.
const MAX_DRAWS: u64 = 1 << 24;

/// So many bytes a command draws at most.
const MAX_BYTES: usize = 1 << 30;

/// Draws `count` times; the draws that find something. `bytes` says how long that is.
///
/// # Errors
/// Redis' text for a count that is out of range, when the draws are too many, or too long together.
pub fn draw<T>(
    count: u64,
    mut random: impl FnMut() -> Result<Option<T>>,
    bytes: impl Fn(&T) -> usize,
) -> Result<Vec<T>> {
    if count > MAX_DRAWS {
        return Err(Error::err(format_args!(
            "value is out of range, value must between -{MAX_DRAWS} and {}",
            i64::MAX
        )));
    }
    let (mut drawn, mut left) = (Vec::new(), MAX_BYTES);
    for _ in 0..count {
        if let Some(found) = random()? {
            left = left.checked_sub(bytes(&found)).ok_or(Error::OutOfRange)?;
            drawn.push(found);
        }
    }
    Ok(drawn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds() {
        assert_eq!(draw(3, || Ok(Some(7)), |_| 1).unwrap(), [7, 7, 7]);
        assert_eq!(draw(3, || Ok(None::<u8>), |_| 1).unwrap(), []);
        let too_many = draw(u64::MAX, || Ok(Some(7)), |_| 0).unwrap_err().to_string();
        assert!(too_many.starts_with("ERR value is out of range, value must between -16777216 and "));
        let too_long = draw(5, || Ok(Some(7)), |_| MAX_BYTES / 4).unwrap_err();
        assert_eq!(too_long.to_string(), "ERR value is out of range");
    }
}
