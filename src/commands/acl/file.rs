//! `ACL LOAD` and `ACL SAVE`: the file of users.

use super::{admin, all_channels, catalog, disconnect, disconnect_barred};
use crate::commands::args::Args;
use crate::commands::server::may_wait;
use crate::commands::spec::{Arity, Spec};
use crate::commands::{Command, Context, SessionCommand};
use crate::config::rewrite;
use crate::error::{Error, Result};
use crate::instance::acl::{Named, file};
use std::path::Path;

const WITHOUT_FILE: Error = Error::text(
    "ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL \
     SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in \
     order to store users in the Redis configuration.",
);

/// Reads the file of users of this name.
pub(super) fn read(name: &str, all_channels: bool) -> std::result::Result<Named, String> {
    let text =
        std::fs::read(name).map_err(|error| format!("Error loading ACLs, opening file '{name}': {error}"))?;
    file::parse(name, &text, catalog(), all_channels)
}

pub struct Load;

impl Command for Load {
    const SPEC: Spec = admin("ACL|LOAD", Arity::Exactly(2)).doc(
        "6.0.0",
        "O(N). Where N is the number of configured users.",
        "Reloads the rules from the configured ACL file.",
    );
    type Output = ();

    fn parse(_: &mut Args) -> Result<Self> {
        Ok(Load)
    }
}

impl SessionCommand for Load {
    fn run(self, context: &mut Context<'_>) -> Result<()> {
        let settings = context.instance.settings();
        if settings.aclfile.is_empty() {
            return Err(WITHOUT_FILE);
        }
        may_wait(context)?;
        let users = read(&settings.aclfile, all_channels(&settings)).map_err(Error::err)?;
        let gone = context.instance.acl.replace(users);
        disconnect(context, &gone);
        disconnect_barred(context, None);
        Ok(())
    }
}

pub struct Save;

impl Command for Save {
    const SPEC: Spec = admin("ACL|SAVE", Arity::Exactly(2))
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .doc(
            "6.0.0",
            "O(N). Where N is the number of configured users.",
            "Saves the effective ACL rules in the configured ACL file.",
        );
    type Output = ();

    fn parse(_: &mut Args) -> Result<Self> {
        Ok(Save)
    }
}

impl SessionCommand for Save {
    fn run(self, context: &mut Context<'_>) -> Result<()> {
        let name = &context.instance.settings().aclfile;
        if name.is_empty() {
            return Err(WITHOUT_FILE);
        }
        may_wait(context)?;
        let mut text = context.instance.acl.lines().join(&b'\n');
        text.push(b'\n');
        rewrite::replace_file(Path::new(name), |_| Ok(text)).map_err(|error| {
            tracing::warn!("saving the users to {name} failed: {error}");
            Error::text(
                "ERR There was an error trying to save the ACLs. Please check the server logs for more \
                 information",
            )
        })
    }
}
