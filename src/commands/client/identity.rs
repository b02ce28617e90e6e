//! Who the client says it is: `CLIENT ID`, `GETNAME`, `SETNAME`, `SETINFO`.

use super::super::connection::INVALID_NAME;
use super::{printable, spec};
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Spec};
use crate::commands::{Command, Context, SessionCommand};
use crate::error::{Error, Result};

pub struct Id;

impl Command for Id {
    const SPEC: Spec = spec("CLIENT|ID", Arity::Exactly(2)).doc(
        "5.0.0",
        "O(1)",
        "Returns the unique client ID of the connection.",
    );
    type Output = u64;

    fn parse(_: &mut Args) -> Result<Self> {
        Ok(Id)
    }
}

impl SessionCommand for Id {
    fn run(self, context: &mut Context<'_>) -> Result<u64> {
        Ok(context.session.id)
    }
}

pub struct GetName;

impl Command for GetName {
    const SPEC: Spec =
        spec("CLIENT|GETNAME", Arity::Exactly(2)).doc("2.6.9", "O(1)", "Returns the name of the connection.");
    type Output = Option<String>;

    fn parse(_: &mut Args) -> Result<Self> {
        Ok(GetName)
    }
}

impl SessionCommand for GetName {
    fn run(self, context: &mut Context<'_>) -> Result<Option<String>> {
        let name = context.session.client.details().name;
        Ok(Some(name).filter(|name| !name.is_empty()))
    }
}

pub struct SetName {
    name: String,
}

impl Command for SetName {
    const SPEC: Spec = spec("CLIENT|SETNAME", Arity::Exactly(3)).syntax("connection-name").doc(
        "2.6.9",
        "O(1)",
        "Sets the connection name.",
    );
    type Output = ();

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(SetName { name: printable(&args.bytes()?).ok_or(INVALID_NAME)? })
    }
}

impl SessionCommand for SetName {
    fn run(self, context: &mut Context<'_>) -> Result<()> {
        context.session.client.change_details(|details| details.name = self.name);
        Ok(())
    }
}

/// What a client library tells of itself.
enum LibraryFact {
    Name,
    Version,
}

pub struct SetInfo {
    fact: LibraryFact,
    value: String,
}

impl Command for SetInfo {
    const SPEC: Spec = spec("CLIENT|SETINFO", Arity::Exactly(4))
        .syntax("<LIB-NAME libname | LIB-VER libver>")
        .doc("7.2.0", "O(1)", "Sets information specific to the client or connection.");
    type Output = ();

    fn parse(args: &mut Args) -> Result<Self> {
        let option = args.bytes()?;
        let fact = match option.to_ascii_lowercase().as_slice() {
            b"lib-name" => LibraryFact::Name,
            b"lib-ver" => LibraryFact::Version,
            _ => {
                let option = String::from_utf8_lossy(&option);
                return Err(Error::err(format_args!("Unrecognized option '{option}'")));
            }
        };
        let value = printable(&args.bytes()?).ok_or_else(|| {
            let option = String::from_utf8_lossy(&option);
            Error::err(format_args!("{option} cannot contain spaces, newlines or special characters."))
        })?;
        Ok(SetInfo { fact, value })
    }
}

impl SessionCommand for SetInfo {
    fn run(self, context: &mut Context<'_>) -> Result<()> {
        context.session.client.change_details(|details| match self.fact {
            LibraryFact::Name => details.library_name = self.value,
            LibraryFact::Version => details.library_version = self.value,
        });
        Ok(())
    }
}
