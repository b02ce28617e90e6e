//! The libraries of functions that the server has, in memory and as records of the database about itself.

use super::scripts::{Script, ScriptFlags};
use crate::encoding::functions::{self, Function};
use crate::encoding::numbers::system_key;
use crate::error::{Error, Result};
use crate::keyspace::Keyspace;
use crate::storage::Seq;
use crate::words;
use bytes::Bytes;
use hashbrown::{HashMap, HashSet};
use parking_lot::{Mutex, RwLock};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A library of functions.
#[derive(Debug)]
pub struct Library {
    /// No other library has it, nor has any had it; machines know by it whether they have this one.
    pub id: u64,
    pub name: String,
    pub text: Bytes,
    /// In the order of their names.
    pub functions: Vec<Registered>,
}

/// A function of a library.
#[derive(Debug)]
pub struct Registered {
    pub description: Option<Bytes>,
    /// By its name, with the text of the whole library.
    pub script: Script,
}

impl Library {
    /// A library that nobody knows yet; `header` is how many bytes its first line takes, without its end.
    pub fn new(name: String, text: Bytes, header: usize, mut functions: Vec<Function>) -> Library {
        static IDS: AtomicU64 = AtomicU64::new(0);
        functions.sort_by(|a, b| a.name.cmp(&b.name));
        let registered = |function: Function| Registered {
            description: function.description,
            script: Script::new(function.name, text.clone(), header, Some(ScriptFlags(function.flags))),
        };
        Library {
            id: IDS.fetch_add(1, Ordering::Relaxed),
            name,
            text: text.clone(),
            functions: functions.into_iter().map(registered).collect(),
        }
    }

    fn encode(&self) -> Bytes {
        let functions: Vec<Function> = self.functions.iter().map(Registered::record).collect();
        functions::encode(&functions, &self.text)
    }

    /// Reads a record, whose key ends with the name.
    fn decode(name: &[u8], record: &[u8]) -> Result<Library> {
        let (functions, text) = functions::decode(record)?;
        let header = text.iter().position(|byte| *byte == b'\n').unwrap_or(text.len());
        Ok(Library::new(String::from_utf8_lossy(name).into_owned(), text, header, functions))
    }

    /// What is to be compiled.
    pub fn code(&self) -> &[u8] {
        self.functions.first().map_or(&[], |function| function.script.code())
    }

    fn bytes(&self) -> usize {
        let own = |function: &Registered| size_of::<Registered>() + function.script.sha.len();
        size_of::<Library>() + self.text.len() + self.functions.iter().map(own).sum::<usize>()
    }
}

impl Registered {
    fn record(&self) -> Function {
        Function {
            name: self.script.sha.clone(),
            description: self.description.clone(),
            flags: self.script.flags.unwrap_or_default().0,
        }
    }
}

/// What the first line of a library says: its name, and how many bytes the line takes, without its end.
///
/// # Errors
/// When it does not say that, or names another language than Lua.
pub fn read_header(text: &Bytes) -> Result<(String, usize)> {
    const INVALID: Error = Error::text("ERR Invalid library metadata");
    if !text.starts_with(b"#!") {
        return Err(Error::text("ERR Missing library metadata"));
    }
    let end = text.iter().position(|byte| matches!(byte, b'\n' | 0));
    let end = end.filter(|end| text[*end] == b'\n').ok_or(INVALID)?;
    let parts = words::split(&text.slice(..end)).ok_or(INVALID)?;
    let (engine, options) = parts.split_first().ok_or(INVALID)?;
    let mut name = None;
    for option in options {
        let (key, value) = option.split_at_checked(5).unwrap_or((option, &[]));
        if !key.eq_ignore_ascii_case(b"name=") {
            let option = String::from_utf8_lossy(option);
            return Err(Error::err(format_args!("Invalid metadata value given: {option}")));
        }
        if name.replace(value).is_some() {
            return Err(Error::text("ERR Invalid metadata value, name argument was given multiple times"));
        }
    }
    let name = name.ok_or(Error::text("ERR Library name was not given"))?;
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    if name.is_empty() || !name.iter().all(is_letter) {
        return Err(Error::text(
            "ERR Library names can only contain letters, numbers, or underscores(_) and must be at least one \
             character long",
        ));
    }
    let engine = engine.get(2..).unwrap_or_default();
    if !engine.eq_ignore_ascii_case(b"lua") {
        let engine = String::from_utf8_lossy(engine);
        return Err(Error::err(format_args!("Engine '{engine}' not found")));
    }
    Ok((String::from_utf8_lossy(name).into_owned(), end))
}

/// Libraries, no two of which have a function of the same name.
#[derive(Debug, Clone, Default)]
pub struct Libraries {
    by_name: BTreeMap<String, Arc<Library>>,
    /// By its name in lower case: its library, and its place there.
    functions: HashMap<String, (Arc<Library>, usize)>,
}

impl Libraries {
    /// In the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Library>> {
        self.by_name.values()
    }

    /// The library of that name.
    pub fn get(&self, name: &str) -> Option<&Arc<Library>> {
        self.by_name.get(name)
    }

    /// A function by its name, in any case, and its library.
    pub fn function(&self, name: &str) -> Option<(&Arc<Library>, &Registered)> {
        let (library, at) = self.functions.get(&name.to_ascii_lowercase())?;
        library.functions.get(*at).map(|function| (library, function))
    }

    /// How many libraries there are, and how many functions in them.
    pub fn count(&self) -> (usize, usize) {
        (self.by_name.len(), self.functions.len())
    }

    /// Adds a library in the place of the one that has its name.
    ///
    /// # Errors
    /// When another one has a function of the same name; then nothing is changed.
    pub fn put(&mut self, library: Arc<Library>) -> Result<()> {
        let old = self.remove(&library.name);
        let added = self.add(library);
        if added.is_err()
            && let Some(old) = old
        {
            self.add(old)?;
        }
        added
    }

    fn add(&mut self, library: Arc<Library>) -> Result<()> {
        let names = || library.functions.iter().map(|function| &function.script.sha);
        let mut own = HashSet::new();
        let taken = names().find(|name| {
            let name = name.to_ascii_lowercase();
            self.functions.contains_key(&name) || !own.insert(name)
        });
        if let Some(taken) = taken {
            return Err(Error::err(format_args!("Function {taken} already exists")));
        }
        for (at, name) in names().enumerate() {
            self.functions.insert(name.to_ascii_lowercase(), (library.clone(), at));
        }
        self.by_name.insert(library.name.clone(), library);
        Ok(())
    }

    /// Takes a library away.
    pub fn remove(&mut self, name: &str) -> Option<Arc<Library>> {
        let removed = self.by_name.remove(name)?;
        self.functions.retain(|_, (library, _)| !Arc::ptr_eq(library, &removed));
        Some(removed)
    }
}

/// The libraries of the server.
#[derive(Default)]
pub struct Functions {
    current: RwLock<Arc<Libraries>>,
    /// Held while they are changed.
    changing: Mutex<()>,
}

impl Functions {
    /// Those that a database has recorded. One whose record is damaged is told of, and left out.
    ///
    /// # Errors
    /// When the records cannot be read.
    pub fn load(&self, keyspace: &Keyspace) -> Result<()> {
        let _changing = self.changing.lock();
        let mut libraries = Libraries::default();
        for (name, record) in keyspace.system_records(system_key::FUNCTIONS)? {
            let library = Library::decode(&name, &record).map(Arc::new);
            if let Err(error) = library.and_then(|library| libraries.put(library)) {
                let name = name.escape_ascii();
                tracing::warn!("the library of functions '{name}' cannot be used: {error}");
            }
        }
        *self.current.write() = Arc::new(libraries);
        Ok(())
    }

    /// All of them, as they are now.
    pub fn get(&self) -> Arc<Libraries> {
        self.current.read().clone()
    }

    /// Changes them, all that `edit` changes or nothing, on disk as well. Waits for the disk.
    ///
    /// # Errors
    /// What `edit` refuses; when it cannot be recorded.
    pub fn change(
        &self,
        keyspace: &Keyspace,
        edit: impl FnOnce(&mut Libraries) -> Result<()>,
    ) -> Result<Option<Seq>> {
        let _changing = self.changing.lock();
        let old = self.get();
        let mut new = Libraries::clone(&old);
        edit(&mut new)?;
        let gone = old.by_name.keys().filter(|name| !new.by_name.contains_key(*name));
        let gone = gone.map(|name| (key(name), None));
        let is_known =
            |library: &&Arc<Library>| old.get(&library.name).is_some_and(|other| Arc::ptr_eq(library, other));
        let added = new.iter().filter(|library| !is_known(library));
        let added = added.map(|library| (key(&library.name), Some(library.encode())));
        let seq = keyspace.write_system_records(gone.chain(added))?;
        *self.current.write() = Arc::new(new);
        Ok(seq)
    }

    /// How many libraries there are, how many functions, and bytes of memory that they take.
    pub fn size(&self) -> (usize, usize, usize) {
        let libraries = self.get();
        let (count, functions) = libraries.count();
        (count, functions, libraries.iter().map(|library| library.bytes()).sum())
    }
}

fn key(name: &str) -> Vec<u8> {
    [system_key::FUNCTIONS, name.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::storage::memory::MemoryEngine;

    fn library(name: &str, functions: &[&str]) -> Arc<Library> {
        let functions = functions.iter().map(|name| Function {
            name: (*name).to_owned(),
            description: Some(Bytes::from_static(b"what it does")),
            flags: ScriptFlags::NO_WRITES.0,
        });
        let text = Bytes::from(format!("#!lua name={name}\ncode of {name}"));
        Arc::new(Library::new(name.to_owned(), text, 11 + name.len(), functions.collect()))
    }

    fn names(libraries: &Libraries) -> Vec<String> {
        libraries.iter().map(|library| library.name.clone()).collect()
    }

    #[test]
    fn names_of_functions_are_taken_once_in_any_case() {
        let mut libraries = Libraries::default();
        libraries.put(library("a", &["f", "g"])).unwrap();
        assert!(libraries.put(library("b", &["h", "F"])).is_err());
        assert!(libraries.function("h").is_none());
        assert!(libraries.put(library("b", &["h", "H"])).is_err());
        libraries.put(library("a", &["G"])).unwrap();
        assert!(libraries.function("f").is_none());
        assert_eq!(libraries.function("g").unwrap().1.script.sha, "G");
        libraries.put(library("b", &["f"])).unwrap();
        assert!(libraries.put(library("a", &["f"])).is_err(), "and the old one stays");
        assert_eq!((names(&libraries), libraries.count()), (vec!["a".into(), "b".into()], (2, 2)));
        assert!(libraries.remove("a").is_some() && libraries.remove("a").is_none());
        assert_eq!(libraries.count(), (1, 1));
    }

    #[test]
    fn they_are_there_when_the_database_is_opened_again() {
        let keyspace = Keyspace::open(Box::new(MemoryEngine::new()), Arc::new(SystemClock), 1).unwrap();
        let functions = Functions::default();
        for library in [library("a", &["f"]), library("b", &["g"]), library("b", &["h"])] {
            functions.change(&keyspace, |libraries| libraries.put(library)).unwrap();
        }
        let fails = functions.change(&keyspace, |libraries| {
            libraries.remove("a");
            libraries.put(library("c", &["h"]))
        });
        assert!(fails.is_err());
        let again = Functions::default();
        again.load(&keyspace).unwrap();
        assert_eq!(names(&again.get()), ["a", "b"]);
        let libraries = again.get();
        let (library, function) = libraries.function("H").unwrap();
        assert_eq!(
            (&library.text[..], library.code()),
            (&b"#!lua name=b\ncode of b"[..], &b"\ncode of b"[..])
        );
        assert_eq!(function.description.as_deref(), Some(&b"what it does"[..]));
        assert_eq!(function.script.flags, Some(ScriptFlags::NO_WRITES));
        functions
            .change(&keyspace, |libraries| libraries.remove("a").map(drop).ok_or(Error::NeedsDisk))
            .unwrap();
        again.load(&keyspace).unwrap();
        assert_eq!(names(&again.get()), ["b"]);
    }
}
