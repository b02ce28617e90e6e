//! `CLIENT` and its subcommands: what clients tell of themselves, and what they do to each other.

mod control;
mod identity;
mod kill;
mod list;
mod tracking;

use super::Entry;
use super::args::Args;
use super::help::help_command;
use super::spec::{Arity, Categories, Flags, Group, Spec};
use crate::error::{Error, Result};
use crate::instance::clients::{Client, ClientFlag};

pub(super) use tracking::{end_caching, remember};

pub static COMMANDS: &[Entry] = &[Entry::container(
    Spec::new("CLIENT", Group::Connection, Arity::AtLeast(2)).without(Categories::CONNECTION).doc(
        "2.4.0",
        "Depends on subcommand.",
        "A container for client connection commands.",
    ),
    &[
        Entry::session::<tracking::Caching>(),
        Entry::session::<identity::GetName>(),
        Entry::session::<tracking::GetRedir>(),
        Entry::session::<Help>(),
        Entry::session::<identity::Id>(),
        Entry::session::<list::Info>(),
        Entry::session::<kill::Kill>(),
        Entry::session::<list::List>(),
        Entry::session::<control::NoEvict>(),
        Entry::session::<control::NoTouch>(),
        Entry::session::<control::Pause>(),
        Entry::session::<control::ReplySwitch>(),
        Entry::session::<identity::SetInfo>(),
        Entry::session::<identity::SetName>(),
        Entry::session::<tracking::Tracking>(),
        Entry::session::<tracking::TrackingInfo>(),
        Entry::session::<control::Unblock>(),
        Entry::session::<control::Unpause>(),
    ],
)];

/// A client as `CLIENT INFO` shows it, without the end of the line.
pub(super) fn line(client: &Client, now_ms: u64) -> String {
    let mut line = String::new();
    list::describe(&mut line, client, now_ms);
    line.truncate(line.trim_end().len());
    line
}

/// A subcommand that concerns nobody but the client itself.
const fn spec(name: &'static str, arity: Arity) -> Spec {
    Spec::new(name, Group::Connection, arity).flags(Flags::NOSCRIPT.and(Flags::LOADING).and(Flags::STALE))
}

/// A subcommand about other clients.
const fn admin(name: &'static str, arity: Arity) -> Spec {
    spec(name, arity).flags(Flags::ADMIN)
}

/// A name that can be shown among others on a line: printable ASCII without blanks.
pub(super) fn printable(name: &[u8]) -> Option<String> {
    let is_fine = name.iter().all(u8::is_ascii_graphic);
    is_fine.then(|| String::from_utf8_lossy(name).into_owned())
}

/// The types that clients are limited, listed and killed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ClientType {
    Normal,
    Master,
    Replica,
    PubSub,
}

impl ClientType {
    fn parse(args: &mut Args) -> Result<ClientType> {
        const NAMES: [(&str, ClientType); 5] = [
            ("normal", ClientType::Normal),
            ("slave", ClientType::Replica),
            ("replica", ClientType::Replica),
            ("pubsub", ClientType::PubSub),
            ("master", ClientType::Master),
        ];
        if let Some(kind) = args.take_one(&NAMES) {
            return Ok(kind);
        }
        let name = args.bytes()?;
        Err(Error::err(format_args!("Unknown client type '{}'", String::from_utf8_lossy(&name))))
    }

    fn of(client: &Client) -> ClientType {
        if client.has_flag(ClientFlag::Replica) && !client.has_flag(ClientFlag::Monitor) {
            ClientType::Replica
        } else if client.has_flag(ClientFlag::PubSub) {
            ClientType::PubSub
        } else {
            ClientType::Normal
        }
    }
}

/// The word `ON` or `OFF`.
fn on_off(args: &mut Args) -> Result<bool> {
    args.take_one(&[("ON", true), ("OFF", false)]).ok_or(Error::Syntax)
}

help_command!(
    Help,
    Spec::new("CLIENT|HELP", Group::Connection, Arity::Exactly(2)),
    "5.0.0",
    &[
        "CACHING (YES|NO)",
        "    Enable/disable tracking of the keys for next command in OPTIN/OPTOUT modes.",
        "GETREDIR",
        "    Return the client ID we are redirecting to when tracking is enabled.",
        "GETNAME",
        "    Return the name of the current connection.",
        "ID",
        "    Return the ID of the current connection.",
        "INFO",
        "    Return information about the current client connection.",
        "KILL <ip:port>",
        "    Kill connection made from <ip:port>.",
        "KILL <option> <value> [<option> <value> [...]]",
        "    Kill connections. Options are:",
        "    * ADDR (<ip:port>|<unixsocket>:0)",
        "      Kill connections made from the specified address",
        "    * LADDR (<ip:port>|<unixsocket>:0)",
        "      Kill connections made to specified local address",
        "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
        "      Kill connections by type.",
        "    * USER <username>",
        "      Kill connections authenticated by <username>.",
        "    * SKIPME (YES|NO)",
        "      Skip killing current connection (default: yes).",
        "    * ID <client-id>",
        "      Kill connections by client id.",
        "    * MAXAGE <maxage>",
        "      Kill connections older than the specified age.",
        "LIST [options ...]",
        "    Return information about client connections. Options:",
        "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
        "      Return clients of specified type.",
        "    * ID <client-id> [<client-id> [...]]",
        "      Return clients of specified ids.",
        "UNPAUSE",
        "    Stop the current client pause, resuming traffic.",
        "PAUSE <timeout> [WRITE|ALL]",
        "    Suspend all, or just write, clients for <timeout> milliseconds.",
        "REPLY (ON|OFF|SKIP)",
        "    Control the replies sent to the current connection.",
        "SETINFO <option> <value>",
        "    Set client meta attr. Options are:",
        "    * LIB-NAME: the client lib name.",
        "    * LIB-VER: the client lib version.",
        "SETNAME <name>",
        "    Assign the name <name> to the current connection.",
        "UNBLOCK <clientid> [TIMEOUT|ERROR]",
        "    Unblock the specified blocked client.",
        "TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]]",
        "         [OPTIN] [OPTOUT] [NOLOOP]",
        "    Control server assisted client side caching.",
        "TRACKINGINFO",
        "    Report tracking status for the current connection.",
        "NO-EVICT (ON|OFF)",
        "    Protect current client connection from eviction.",
        "NO-TOUCH (ON|OFF)",
        "    Will not touch LRU/LFU stats when this mode is on.",
    ]
);
