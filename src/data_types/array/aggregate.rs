//! Sums and the like over the values of an array, as Redis calculates them: integers as such, the rest
//! in 80 bits.

use crate::encoding::long_double::LongDouble;
use crate::encoding::text;
use std::cmp::Ordering;

/// What is asked of the values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregate {
    Sum,
    Min,
    Max,
    And,
    Or,
    Xor,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Number {
    Integer(i64),
    Real(LongDouble),
    /// What comes of ∞ − ∞, and of everything that is added to it.
    Undefined,
}

impl Number {
    /// The number that a value is, if it is one.
    fn of(value: &[u8]) -> Option<Number> {
        if let Some(integer) = text::parse_i64(value) {
            return Some(Number::Integer(integer));
        }
        let real = match text::canonical_f64(value) {
            // Redis keeps such a value as 64 bits, the lowest two of them 0.
            Some(double) if double.to_bits() & 3 == 0 => LongDouble::from_f64(double)?,
            _ => LongDouble::parse(value)?,
        };
        Some(Number::Real(real))
    }

    fn real(self) -> Option<LongDouble> {
        match self {
            Number::Integer(integer) => Some(LongDouble::from_i64(integer)),
            Number::Real(real) => Some(real),
            Number::Undefined => None,
        }
    }

    fn integer(self) -> Option<i64> {
        match self {
            Number::Integer(integer) => Some(integer),
            Number::Real(real) => real.truncated(),
            Number::Undefined => None,
        }
    }

    fn plus(self, other: Number) -> Number {
        // As long as it fits, an integer is what 80 bits would hold as well.
        if let (Number::Integer(a), Number::Integer(b)) = (self, other)
            && let Some(sum) = a.checked_add(b)
        {
            return Number::Integer(sum);
        }
        let sum = self.real().zip(other.real()).and_then(|(a, b)| a.checked_add(b));
        sum.map_or(Number::Undefined, Number::Real)
    }

    fn cmp(self, other: Number) -> Option<Ordering> {
        match (self, other) {
            (Number::Integer(a), Number::Integer(b)) => Some(a.cmp(&b)),
            _ => self.real()?.partial_cmp(&other.real()?),
        }
    }

    fn to_text(self) -> String {
        match self.real() {
            Some(real) => real.to_general_text(),
            None => "-nan".into(),
        }
    }
}

/// An answer that is being found.
#[derive(Debug, Clone, Copy)]
pub struct Aggregation {
    aggregate: Aggregate,
    result: Option<Number>,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Integer(i64),
    Text(String),
}

impl Aggregation {
    /// Before the first value.
    pub fn new(aggregate: Aggregate) -> Aggregation {
        Aggregation { aggregate, result: None }
    }

    /// Takes a value into account, if it is a number.
    pub fn add(&mut self, value: &[u8]) {
        let Some(number) = Number::of(value) else { return };
        let Some(number) = self.usable(number) else { return };
        self.result = Some(match self.result {
            None => number,
            Some(result) => self.combine(result, number),
        });
    }

    /// Operations on bits leave out what is behind the point, and numbers beyond 64 bits.
    fn usable(&self, number: Number) -> Option<Number> {
        match self.aggregate {
            Aggregate::Sum | Aggregate::Min | Aggregate::Max => Some(number),
            Aggregate::And | Aggregate::Or | Aggregate::Xor => number.integer().map(Number::Integer),
        }
    }

    fn combine(&self, result: Number, number: Number) -> Number {
        let bits = |combine: fn(i64, i64) -> i64| match (result, number) {
            (Number::Integer(a), Number::Integer(b)) => Number::Integer(combine(a, b)),
            _ => result,
        };
        let better = |wanted| if number.cmp(result) == Some(wanted) { number } else { result };
        match self.aggregate {
            Aggregate::Sum => result.plus(number),
            Aggregate::Min => better(Ordering::Less),
            Aggregate::Max => better(Ordering::Greater),
            Aggregate::And => bits(|a, b| a & b),
            Aggregate::Or => bits(|a, b| a | b),
            Aggregate::Xor => bits(|a, b| a ^ b),
        }
    }

    /// What came of it; none if no value was a number.
    pub fn answer(&self) -> Option<Answer> {
        let result = self.result?;
        Some(match (self.aggregate, result) {
            (Aggregate::And | Aggregate::Or | Aggregate::Xor, Number::Integer(bits)) => Answer::Integer(bits),
            _ => Answer::Text(result.to_text()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(aggregate: Aggregate, values: &[&str]) -> Option<String> {
        let mut aggregation = Aggregation::new(aggregate);
        values.iter().for_each(|value| aggregation.add(value.as_bytes()));
        aggregation.answer().map(|answer| match answer {
            Answer::Integer(integer) => integer.to_string(),
            Answer::Text(text) => text,
        })
    }

    #[test]
    fn as_redis_adds_up() {
        for (values, sum) in [
            (&["10", "x", "20", "30.5"][..], Some("60.5")),
            (&["10.0", "20.0", "30.0"], Some("60")),
            (&["0.1", "0.2"], Some("0.3")),
            (&["9223372036854775807", "1"], Some("9.2233720368547758e+18")),
            (
                &["9223372036854775807", "9223372036854775807", "-9223372036854775807"],
                Some("9.2233720368547758e+18"),
            ),
            (&["123456789012345665"], Some("1.2345678901234566e+17")),
            (&["123456789012345675"], Some("1.2345678901234568e+17")),
            (&["inf", "1"], Some("inf")),
            (&["inf", "-inf", "1"], Some("-nan")),
            (&["1e-5"], Some("1e-05")),
            (&["-0.0"], Some("-0")),
            (&["a", ""], None),
            (&[], None),
        ] {
            assert_eq!(answer(Aggregate::Sum, values).as_deref(), sum, "{values:?}");
        }
    }

    #[test]
    fn what_redis_keeps_in_64_bits_is_no_better_than_that() {
        // Of the 64 bits of the first the last two are 0; the second is not the shortest way to write it.
        for (value, sum) in [("0.03", "0.029999999999999999"), ("0.030", "0.03"), ("1.1", "1.1")] {
            assert_eq!(answer(Aggregate::Sum, &[value]).unwrap(), sum);
        }
    }

    #[test]
    fn extremes_and_bits() {
        let values = ["7.9", "3.2", "-1e30", "no", "1.8", "12"];
        assert_eq!(answer(Aggregate::Min, &values).unwrap(), "-1e+30");
        assert_eq!(answer(Aggregate::Max, &values).unwrap(), "12");
        assert_eq!(answer(Aggregate::And, &values).unwrap(), "0");
        assert_eq!(answer(Aggregate::Or, &values).unwrap(), "15");
        assert_eq!(answer(Aggregate::Xor, &["7.9", "3.2", "1.8"]).unwrap(), "5");
        assert_eq!(answer(Aggregate::And, &["9223372036854775808", "-0.5"]).unwrap(), "0");
        assert_eq!(answer(Aggregate::Or, &["9223372036854775807.5"]), None);
        assert_eq!(answer(Aggregate::Or, &["-9223372036854775808.0"]).unwrap(), "-9223372036854775808");
    }
}
