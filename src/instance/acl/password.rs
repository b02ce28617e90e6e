//! Passwords, of which nothing but a hash is kept.

use sha2::{Digest, Sha256};

/// The SHA-256 of a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordHash([u8; 32]);

impl PasswordHash {
    /// The hash of a password.
    pub fn of(password: &[u8]) -> PasswordHash {
        PasswordHash(Sha256::digest(password).into())
    }

    /// Reads 64 hexadecimal digits; no capitals, as in Redis.
    pub fn parse(text: &[u8]) -> Option<PasswordHash> {
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let text: &[u8; 64] = text.try_into().ok()?;
        let mut hash = [0; 32];
        for (byte, pair) in hash.iter_mut().zip(text.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some(PasswordHash(hash))
    }

    /// 64 hexadecimal digits.
    pub fn text(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether both are the same. Does not stop at the first difference, which would tell how much of a
    /// guess is right.
    pub fn is(&self, other: &PasswordHash) -> bool {
        let differences = self.0.iter().zip(other.0).fold(0, |all, (a, b)| all | (a ^ b));
        std::hint::black_box(differences) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_64_digits() {
        // The hash of "passwd4" in Redis' own tests.
        let text = "34344e4d60c2b6d639b7bd22e18f2b0b91bc34bf0ac5f9952744435093cfb4e6";
        let hash = PasswordHash::of(b"passwd4");
        assert_eq!(hash.text(), text);
        assert_eq!(PasswordHash::parse(text.as_bytes()), Some(hash));
        assert!(hash.is(&hash) && !hash.is(&PasswordHash::of(b"passwd5")));
        for bad in [&text[1..], &text.to_uppercase(), &text.replace('3', "g"), &format!("{text}0"), ""] {
            assert_eq!(PasswordHash::parse(bad.as_bytes()), None, "{bad}");
        }
    }
}
