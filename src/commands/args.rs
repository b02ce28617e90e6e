//! Reading a command's words, one after the other.

use crate::encoding::text;
use crate::error::{Error, Result};
use crate::keyspace::DbIndex;
use bytes::Bytes;

/// The words of a command after its name (and its container's).
#[derive(Debug, Clone)]
pub struct Args<'a> {
    words: &'a [Bytes],
    next: usize,
    /// As Redis' messages name it: lower case, `container|subcommand`.
    command: &'a str,
    max_string_bytes: u64,
    /// Whether keys may be read that the words do not name.
    pub reads_all_keys: bool,
}

impl<'a> Args<'a> {
    /// The words from `first` on. No string may become longer than `max_string_bytes`.
    pub fn new(words: &'a [Bytes], first: usize, command: &'a str, max_string_bytes: u64) -> Args<'a> {
        Args { words, next: first, command, max_string_bytes, reads_all_keys: true }
    }

    /// The command's name as Redis' messages write it.
    pub fn command(&self) -> &'a str {
        self.command
    }

    /// The whole call, the command's name included.
    pub fn words(&self) -> &'a [Bytes] {
        self.words
    }

    /// The command's name as the client wrote it; 128 bytes at most.
    pub fn typed_name(&self) -> String {
        let typed = self.words.first().map_or(&b""[..], |word| &word[..word.len().min(128)]);
        String::from_utf8_lossy(typed).into_owned()
    }

    /// How long a string may become (`proto-max-bulk-len`), in bytes.
    pub fn max_string_bytes(&self) -> u64 {
        self.max_string_bytes
    }

    /// Redis' complaint about a subcommand whose words make no sense, as the client wrote its name.
    pub fn subcommand_error(&self) -> Error {
        let typed = self.words.get(1).map_or(&b""[..], |word| &word[..word.len().min(128)]);
        let container = self.command.split('|').next().unwrap_or_default().to_ascii_uppercase();
        Error::err(format_args!(
            "unknown subcommand or wrong number of arguments for '{}'. Try {container} HELP.",
            String::from_utf8_lossy(typed)
        ))
    }

    /// How many words are left.
    pub fn remaining(&self) -> usize {
        self.words.len() - self.next
    }

    /// Whether no word is left.
    pub fn is_empty(&self) -> bool {
        self.remaining() == 0
    }

    /// The next word, which stays.
    pub fn peek(&self) -> Option<&'a Bytes> {
        self.words.get(self.next)
    }

    /// The next word.
    ///
    /// # Errors
    /// [`Error::Syntax`] when none is left.
    pub fn bytes(&mut self) -> Result<Bytes> {
        let word = self.peek().ok_or(Error::Syntax)?;
        self.next += 1;
        Ok(word.clone())
    }

    /// The next word as an integer.
    ///
    /// # Errors
    /// [`Error::NotInteger`].
    pub fn integer(&mut self) -> Result<i64> {
        text::parse_i64(&self.bytes()?).ok_or(Error::NotInteger)
    }

    /// The next word as a number from 1 on.
    ///
    /// # Errors
    /// [`Error::Syntax`] when there is none; the text `otherwise` when it is something else.
    pub fn from_one(&mut self, otherwise: &'static str) -> Result<u64> {
        let number = text::parse_i64(&self.bytes()?).and_then(|number| u64::try_from(number).ok());
        number.filter(|number| *number > 0).ok_or(Error::text(otherwise))
    }

    /// Reads `numkeys key [key ...]`; something must follow.
    ///
    /// # Errors
    /// When the number is none, or too large for what follows.
    pub fn counted_keys(&mut self) -> Result<Vec<Bytes>> {
        let count = self.from_one("ERR numkeys should be greater than 0")?;
        if count >= self.remaining() as u64 {
            return Err(Error::Syntax);
        }
        (0..count).map(|_| self.bytes()).collect()
    }

    /// Reads `[COUNT count]` up to the end; 1 if it is not there.
    ///
    /// # Errors
    /// When something else follows, or the number is none.
    pub fn count_to_pop(&mut self) -> Result<u64> {
        if self.is_empty() {
            return Ok(1);
        }
        if self.remaining() < 2 || !self.take("COUNT") {
            return Err(Error::Syntax);
        }
        let count = self.from_one("ERR count should be greater than 0")?;
        self.end()?;
        Ok(count)
    }

    /// The next word as how many members a client wants, repeated ones if it is negative.
    ///
    /// # Errors
    /// [`Error::NotInteger`]; when it has no opposite.
    pub fn repeats(&mut self) -> Result<i64> {
        let count = self.integer()?;
        if count == i64::MIN {
            return Err(Error::text(
                "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
            ));
        }
        Ok(count)
    }

    /// The next word as the number of a database, as far as it can be told without knowing how many
    /// there are.
    ///
    /// # Errors
    /// [`Error::NotInteger`]; [`Error::DbOutOfRange`].
    pub fn database(&mut self) -> Result<DbIndex> {
        let number = self.integer()?;
        i32::try_from(number).map_err(|_| {
            Error::text("ERR value is out of range, value must between -2147483648 and 2147483647")
        })?;
        DbIndex::try_from(number).map_err(|_| Error::DbOutOfRange)
    }

    /// Takes the next word if it is `keyword`, in whatever case.
    pub fn take(&mut self, keyword: &str) -> bool {
        let found = self.peek().is_some_and(|word| word.eq_ignore_ascii_case(keyword.as_bytes()));
        self.next += usize::from(found);
        found
    }

    /// Takes the next word if it is one of these keywords, in whatever case; what the keyword means.
    pub fn take_one<T: Copy>(&mut self, keywords: &[(&str, T)]) -> Option<T> {
        keywords.iter().find(|(keyword, _)| self.take(keyword)).map(|(_, meaning)| *meaning)
    }

    /// All words that are left.
    pub fn rest(&mut self) -> &'a [Bytes] {
        let rest = &self.words[self.next..];
        self.next = self.words.len();
        rest
    }

    /// All words that are left, two by two.
    ///
    /// # Errors
    /// [`Error::Arity`] when they are not even in number.
    pub fn pairs(&mut self) -> Result<Vec<(Bytes, Bytes)>> {
        let rest = self.rest();
        if !rest.len().is_multiple_of(2) {
            return Err(Error::Arity(self.command.to_owned()));
        }
        Ok(rest.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect())
    }

    /// Makes sure that no word is left.
    ///
    /// # Errors
    /// [`Error::Syntax`].
    pub fn end(&self) -> Result<()> {
        if self.is_empty() { Ok(()) } else { Err(Error::Syntax) }
    }
}
