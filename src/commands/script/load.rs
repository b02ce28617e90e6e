//! Loading a library of functions.

use crate::clock::Stopwatch;
use crate::encoding::functions::Function;
use crate::error::{Error, Result};
use crate::instance::Instance;
use crate::instance::functions::{Libraries, Library, read_header};
use crate::instance::scripts::ScriptFlags;
use crate::scripting::{self, Called, Ended, Host, NotLoaded, Registered};
use bytes::Bytes;

/// So long a library may take to register its functions, ms.
const MOST_MS: u64 = 500;

/// Loads a library that is to join others: runs its code, which says what its functions are.
///
/// # Errors
/// When it is there already and not to be replaced; what is wrong with its code.
pub fn load(instance: &Instance, text: &Bytes, others: &Libraries, replace: bool) -> Result<Library> {
    let (name, header) = read_header(text)?;
    if !replace && others.get(&name).is_some() {
        return Err(Error::err(format_args!("Library '{name}' already exists")));
    }
    let generation = instance.scripts.generation();
    let code = &text[header..];
    let mut host = Loading { began: Stopwatch::start() };
    let registered = scripting::load(generation, code, instance.running.memory_limit(), &mut host);
    let registered = registered.map_err(|error| match error {
        NotLoaded::Uncompiled(text) => {
            let text = text.replace(['\r', '\n'], " ");
            Error::err(format_args!("Error compiling function: {text}"))
        }
        NotLoaded::Ended(Ended::Failed(failure)) => {
            Error::err(format_args!("Error registering functions: {}", failure.text))
        }
        NotLoaded::Ended(_) => Error::text("ERR Error registering functions: ERR FUNCTION LOAD timeout"),
    })?;
    if registered.is_empty() {
        return Err(Error::text("ERR No functions registered"));
    }
    let text = Bytes::copy_from_slice(text);
    Ok(Library::new(name, text, header, registered.into_iter().map(function).collect()))
}

fn function(registered: Registered) -> Function {
    let known = registered.flags.iter().filter_map(|name| ScriptFlags::named(name.as_bytes()));
    let flags = known.fold(ScriptFlags::default(), ScriptFlags::and);
    Function { name: registered.name, description: registered.description.map(Bytes::from), flags: flags.0 }
}

/// Lets a library run until its time is up. What it sees runs no commands.
struct Loading {
    began: Stopwatch,
}

impl Host for Loading {
    fn call(&mut self, _: Vec<Bytes>, _: bool) -> Result<Called> {
        Ok(Called::Error("ERR a library that is loaded runs no commands".into()))
    }

    fn may_call(&mut self, _: &[Bytes]) -> Option<bool> {
        None
    }

    fn goes_on(&mut self) -> bool {
        self.began.elapsed_us() / 1000 <= MOST_MS
    }
}
