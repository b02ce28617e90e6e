//! The random numbers of scripts: the generator of `drand48`, which Redis takes, so that a seed gives the same
//! numbers there and here.

/// Its numbers are below this one.
const END: u64 = 0x7fff_ffff;

/// The state of the generator, 48 bits.
#[derive(Debug, Clone, Copy)]
pub struct Random(u64);

impl Random {
    /// A generator that begins at a place of its own for each seed.
    pub fn seeded(seed: i32) -> Random {
        Random((u64::from(seed as u32) << 16) | 0x330e)
    }

    /// The next number from 0 up to, without, 1.
    pub fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(0x5_deec_e66d).wrapping_add(0xb) & 0xffff_ffff_ffff;
        ((self.0 >> 17) % END) as f64 / END as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_redis() {
        // What redis-server 7.0.15 answers.
        let mut random = Random::seeded(5);
        assert_eq!(format!("{:.14}", random.next()), "0.52483957937213");
    }
}
