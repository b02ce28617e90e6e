//! Reading the block `FIELDS numfields field [field ...]`, and the options around it.

use super::expire::moment_ms;
use crate::commands::args::Args;
use crate::commands::time::Unit;
use crate::data_types::key::Condition;
use crate::encoding::text;
use crate::error::{Error, Result};
use bytes::Bytes;

/// The next word as a number of fields.
fn number(args: &mut Args, otherwise: Error) -> Result<usize> {
    let number = text::parse_i64(&args.bytes()?).and_then(|number| i32::try_from(number).ok());
    number.and_then(|number| usize::try_from(number).ok()).filter(|number| *number > 0).ok_or(otherwise)
}

/// The fields of a block that is all that is left.
///
/// # Errors
/// When `FIELDS` does not come next, or the number is not that of the words behind it.
pub(super) fn fields(args: &mut Args) -> Result<Vec<Bytes>> {
    const MISSING: Error =
        Error::text("ERR Mandatory argument FIELDS is missing or not at the right position");
    const NOT_ONE: Error = Error::text("ERR Number of fields must be a positive integer");
    const OTHER: Error = Error::text("ERR The `numfields` parameter must match the number of arguments");
    if !args.take("FIELDS") {
        return Err(MISSING);
    }
    if number(args, NOT_ONE)? != args.remaining() {
        return Err(OTHER);
    }
    Ok(args.rest().to_vec())
}

/// A block that may stand anywhere among options.
struct Block {
    /// How many words there are for each field.
    step: usize,
    words: Option<Vec<Bytes>>,
}

impl Block {
    const TWICE: Error = Error::text("ERR FIELDS keyword specified multiple times");
    const MISSING: Error = Error::text("ERR missing FIELDS argument");

    fn new(step: usize) -> Block {
        Block { step, words: None }
    }

    /// Takes `FIELDS`, if it comes next.
    fn starts(&self, args: &mut Args) -> Result<bool> {
        let starts = args.take("FIELDS");
        if starts && self.words.is_some() { Err(Block::TWICE) } else { Ok(starts) }
    }

    /// Takes what follows `FIELDS`.
    fn take(&mut self, args: &mut Args, not_one: Error) -> Result<()> {
        let words = number(args, not_one)?.checked_mul(self.step);
        let Some(words) = words.filter(|words| *words <= args.remaining()) else {
            return Err(Error::text("ERR wrong number of arguments"));
        };
        self.words = Some((0..words).map(|_| args.bytes()).collect::<Result<_>>()?);
        Ok(())
    }

    fn words(self) -> Result<Vec<Bytes>> {
        self.words.ok_or(Block::MISSING)
    }
}

fn unknown(args: &Args) -> Error {
    let word = args.peek().map_or(&b""[..], |word| word);
    Error::err(format_args!("unknown argument: {}", String::from_utf8_lossy(word)))
}

/// The words of `HEXPIRE` and its kin after the time: a block and a condition, in whatever order.
///
/// # Errors
/// When another word comes, or two conditions.
pub(super) fn deadline_words(args: &mut Args) -> Result<(Condition, Vec<Bytes>)> {
    const TOO_FEW: Error = Error::text("ERR FIELDS requires at least numfields and one field argument");
    const NOT_ONE: Error = Error::text("ERR Parameter `numFields` should be greater than 0");
    let (mut block, mut condition) = (Block::new(1), Condition::default());
    while !args.is_empty() {
        if block.starts(args)? {
            if args.remaining() < 2 {
                return Err(TOO_FEW);
            }
            block.take(args, NOT_ONE)?;
            continue;
        }
        let flag = [
            ("NX", &mut condition.none),
            ("XX", &mut condition.some),
            ("GT", &mut condition.later),
            ("LT", &mut condition.earlier),
        ];
        let flag = flag.into_iter().find(|(name, _)| args.take(name));
        *flag.ok_or_else(|| unknown(args))?.1 = true;
    }
    let words = block.words()?;
    let Condition { none, some, later, earlier } = condition;
    if [none, some, later, earlier].into_iter().filter(|flag| *flag).count() > 1 {
        return Err(Error::text("ERR Multiple condition flags specified"));
    }
    Ok((condition, words))
}

/// What becomes of the deadlines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    Unsaid,
    /// `PERSIST` of `HGETEX`, `KEEPTTL` of `HSETEX`.
    Word,
    At(Unit, i64),
}

/// The words of `HGETEX` and `HSETEX` after the key, in whatever order.
pub(super) struct Options {
    pub expiry: Expiry,
    pub if_present: Option<bool>,
    /// Those of the block, all `step` words of each field. Complaints about any word but a moment are
    /// here too: what comes first is that the moment is none, if it was said before them.
    pub words: Result<Vec<Bytes>>,
}

const UNITS: [(&str, Unit); 4] = [
    ("EX", Unit::Seconds),
    ("PX", Unit::Milliseconds),
    ("EXAT", Unit::UnixSeconds),
    ("PXAT", Unit::UnixMilliseconds),
];

impl Options {
    /// Reads all words that are left: `step` for each field, `keep` for the word without a number
    /// that says what becomes of the deadlines, `conditions` for those about the fields' being there.
    pub fn parse(args: &mut Args, step: usize, keep: &str, conditions: &[(&str, bool)]) -> Options {
        let mut options = Options { expiry: Expiry::Unsaid, if_present: None, words: Err(Block::MISSING) };
        options.words = options.take(args, step, keep, conditions);
        options
    }

    /// Takes all words; those of the block.
    fn take(
        &mut self,
        args: &mut Args,
        step: usize,
        keep: &str,
        conditions: &[(&str, bool)],
    ) -> Result<Vec<Bytes>> {
        let mut block = Block::new(step);
        while !args.is_empty() {
            if block.starts(args)? {
                if args.is_empty() {
                    return Err(Error::Arity(args.command().to_owned()));
                }
                block.take(args, Error::text("ERR invalid number of fields"))?;
                continue;
            }
            if let Some(present) = args.take_one(conditions) {
                if self.if_present.replace(present).is_some() {
                    return Err(Error::text("ERR Only one of FXX or FNX arguments can be specified"));
                }
                continue;
            }
            let unit = args.take_one(&UNITS);
            if unit.is_none() && !args.take(keep) {
                return Err(unknown(args));
            }
            if self.expiry != Expiry::Unsaid {
                return Err(Error::err(format_args!(
                    "Only one of EX, PX, EXAT, PXAT or {keep} arguments can be specified"
                )));
            }
            self.expiry = match unit {
                Some(_) if args.is_empty() => return Err(Error::text("ERR missing expire time")),
                Some(unit) => Expiry::At(unit, args.integer()?),
                None => Expiry::Word,
            };
        }
        block.words()
    }

    /// When the fields are to die, ms since the Unix epoch, and the words of the block.
    ///
    /// # Errors
    /// What Redis would complain about first.
    pub fn check(&self, now_ms: u64, command: &str) -> Result<(Option<u64>, &[Bytes])> {
        let deadline_ms = match self.expiry {
            Expiry::At(unit, number) => Some(moment_ms(unit, number, now_ms, command)?),
            _ => None,
        };
        Ok((deadline_ms, self.words.as_ref().map_err(Error::clone)?))
    }
}
