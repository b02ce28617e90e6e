//! Unsigned LEB128: 7 bits a byte, low bits first, the high bit says that more follow.

/// The most bytes a value takes.
pub const MAX_BYTES: usize = 10;

/// Appends `value` in 1 to [`MAX_BYTES`] bytes.
pub fn put(out: &mut impl Extend<u8>, mut value: u64) {
    while value >= 0x80 {
        out.extend([value as u8 | 0x80]);
        value >>= 7;
    }
    out.extend([value as u8]);
}

/// Takes a value off the front of `bytes`; none if they end early, do not fit 64 bits, or are longer than
/// they need to be.
pub fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for (position, byte) in bytes.iter().enumerate().take(MAX_BYTES) {
        let part = u64::from(byte & 0x7f);
        if position == 9 && part > 1 {
            return None;
        }
        value |= part << (7 * position);
        if byte & 0x80 == 0 {
            if part == 0 && position > 0 {
                return None;
            }
            *bytes = &bytes[position + 1..];
            return Some(value);
        }
    }
    None
}
