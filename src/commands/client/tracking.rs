//! `CLIENT TRACKING`, `CACHING`, `GETREDIR` and `TRACKINGINFO`.

use super::spec;
use crate::commands::args::Args;
use crate::commands::keys::keys_of;
use crate::commands::spec::{Arity, Flags, Spec};
use crate::commands::{Command, Context, Found, SessionCommand};
use crate::encoding::text;
use crate::error::{Error, Result};
use crate::instance::clients::ClientFlag;
use crate::instance::tracking::Mode;
use crate::protocol::{Reply, fields};
use crate::session::Session;
use bytes::Bytes;

/// What these read is tracked where the script reads it.
const NOT_TRACKED: [&str; 3] = ["eval_ro", "evalsha_ro", "fcall_ro"];

/// A client is about to run a command: if it tracks, it hears from now on of changes of what it reads.
/// To be called before any of it is read.
pub(in crate::commands) fn remember(context: &Context, found: &Found, words: &[Bytes]) {
    let (instance, session) = (context.instance, &*context.session);
    let Some(mode) = &session.tracking else { return };
    let flags = found.entry.spec.flags;
    let wanted = if mode.opt_in { session.caching } else { !(mode.opt_out && session.caching) };
    let reads = flags.has(Flags::READONLY) && !NOT_TRACKED.contains(&found.name.as_str());
    if mode.broadcasts || !wanted || !reads {
        return;
    }
    if let Ok(keys) = keys_of(found, words) {
        instance.tracking.remember(session.id, keys.iter().filter_map(|(word, _)| words.get(*word)));
    }
}

/// A command has come to its end: `CLIENT CACHING` was for one, or for one transaction.
pub(in crate::commands) fn end_caching(session: &mut Session, words: &[Bytes]) {
    let is_client = words.first().is_some_and(|name| name.eq_ignore_ascii_case(b"client"));
    if session.transaction.is_none() && !is_client {
        session.caching = false;
    }
}

pub struct Tracking {
    on: bool,
    mode: Mode,
    prefixes: Vec<Bytes>,
}

impl Command for Tracking {
    const SPEC: Spec = spec("CLIENT|TRACKING", Arity::AtLeast(3))
        .syntax(
            "<ON | OFF> [REDIRECT client-id] [PREFIX prefix [PREFIX prefix ...]] [BCAST] [OPTIN] [OPTOUT] \
             [NOLOOP]",
        )
        .doc(
            "6.0.0",
            "O(1). Some options may introduce additional complexity.",
            "Controls server-assisted client-side caching for the connection.",
        );
    type Output = ();

    fn parse(args: &mut Args) -> Result<Self> {
        let on = args.bytes()?;
        let (mut mode, mut prefixes) = (Mode::default(), Vec::new());
        while !args.is_empty() {
            if args.remaining() > 1 && args.take("REDIRECT") {
                if mode.redirect.is_some() {
                    return Err(Error::text("ERR A client can only redirect to a single other client"));
                }
                let id = text::parse_i64(&args.bytes()?).ok_or(Error::NotInteger)?;
                mode.redirect = Some(id as u64);
            } else if args.take("BCAST") {
                mode.broadcasts = true;
            } else if args.take("OPTIN") {
                mode.opt_in = true;
            } else if args.take("OPTOUT") {
                mode.opt_out = true;
            } else if args.take("NOLOOP") {
                mode.no_loop = true;
            } else if args.remaining() > 1 && args.take("PREFIX") {
                prefixes.push(args.bytes()?);
            } else {
                return Err(Error::Syntax);
            }
        }
        let on = match on {
            _ if on.eq_ignore_ascii_case(b"on") => true,
            _ if on.eq_ignore_ascii_case(b"off") => false,
            _ => return Err(Error::Syntax),
        };
        Ok(Tracking { on, mode, prefixes })
    }
}

impl Tracking {
    /// Whether the options go together, and with how the client tracks already.
    fn check(&self, before: Option<Mode>) -> Result<()> {
        let mode = &self.mode;
        if !mode.broadcasts && !self.prefixes.is_empty() {
            return Err(Error::text("ERR PREFIX option requires BCAST mode to be enabled"));
        }
        if before.is_some_and(|before| before.broadcasts != mode.broadcasts) {
            return Err(Error::text(
                "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then \
                 re-enabling it with a different mode.",
            ));
        }
        if mode.broadcasts && (mode.opt_in || mode.opt_out) {
            return Err(Error::text("ERR OPTIN and OPTOUT are not compatible with BCAST"));
        }
        if mode.opt_in && mode.opt_out {
            return Err(Error::text("ERR You can't specify both OPTIN mode and OPTOUT mode"));
        }
        let switches = |before: Mode| mode.opt_in && before.opt_out || mode.opt_out && before.opt_in;
        if before.is_some_and(switches) {
            return Err(Error::text(
                "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then \
                 re-enabling it with a different mode.",
            ));
        }
        Ok(())
    }

    /// No key may be told of twice.
    fn check_prefixes(&self, before: &[Bytes]) -> Result<()> {
        let overlap = |a: &Bytes, b: &Bytes| a.starts_with(b) || b.starts_with(a);
        let refused = |prefix: &Bytes, what: &str, other: &Bytes| {
            let (prefix, other) = (String::from_utf8_lossy(prefix), String::from_utf8_lossy(other));
            Err(Error::err(format_args!(
                "Prefix '{prefix}' overlaps with {what} prefix '{other}'. Prefixes for a single client must \
                 not overlap."
            )))
        };
        for (number, prefix) in self.prefixes.iter().enumerate() {
            if let Some(other) = before.iter().find(|other| overlap(prefix, other)) {
                return refused(prefix, "an existing", other);
            }
            if let Some(other) = self.prefixes[number + 1..].iter().find(|other| overlap(prefix, other)) {
                return refused(prefix, "another provided", other);
            }
        }
        Ok(())
    }
}

impl SessionCommand for Tracking {
    fn run(mut self, context: &mut Context<'_>) -> Result<()> {
        let (instance, session) = (context.instance, &mut *context.session);
        if self.mode.redirect.is_some_and(|id| instance.clients.get(id).is_none()) {
            return Err(Error::text("ERR The client ID you want redirect to does not exist"));
        }
        if !self.on {
            session.track(instance, None, &[]);
            return Ok(());
        }
        self.check(session.tracking)?;
        if self.mode.broadcasts {
            self.check_prefixes(&instance.tracking.prefixes_of(session.id))?;
            if self.prefixes.is_empty() {
                self.prefixes.push(Bytes::new());
            }
        }
        session.track(instance, Some(self.mode), &self.prefixes);
        Ok(())
    }
}

pub struct Caching {
    /// None: neither yes nor no, which is told after that it makes no sense.
    yes: Option<bool>,
}

impl Command for Caching {
    const SPEC: Spec = spec("CLIENT|CACHING", Arity::Exactly(3)).syntax("<YES | NO>").doc(
        "6.0.0",
        "O(1)",
        "Instructs the server whether to track the keys in the next request.",
    );
    type Output = ();

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(Caching { yes: args.take_one(&[("yes", true), ("no", false)]) })
    }
}

impl SessionCommand for Caching {
    fn run(self, context: &mut Context<'_>) -> Result<()> {
        let Some(mode) = context.session.tracking else {
            return Err(Error::text(
                "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT \
                 mode enabled",
            ));
        };
        match self.yes.ok_or(Error::Syntax)? {
            true if !mode.opt_in => Err(Error::text(
                "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.",
            )),
            false if !mode.opt_out => Err(Error::text(
                "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.",
            )),
            _ => {
                context.session.caching = true;
                Ok(())
            }
        }
    }
}

/// Who is told in the client's place: 0 is nobody else, -1 that it does not track.
fn redirect(session: &Session) -> Reply {
    session.tracking.map_or(Reply::Integer(-1), |mode| mode.redirect.unwrap_or(0).into())
}

pub struct GetRedir;

impl Command for GetRedir {
    const SPEC: Spec = spec("CLIENT|GETREDIR", Arity::Exactly(2)).doc(
        "6.0.0",
        "O(1)",
        "Returns the client ID to which the connection's tracking notifications are redirected.",
    );
    type Output = Reply;

    fn parse(_: &mut Args) -> Result<Self> {
        Ok(GetRedir)
    }
}

impl SessionCommand for GetRedir {
    fn run(self, context: &mut Context<'_>) -> Result<Reply> {
        Ok(redirect(context.session))
    }
}

pub struct TrackingInfo;

impl Command for TrackingInfo {
    const SPEC: Spec = spec("CLIENT|TRACKINGINFO", Arity::Exactly(2)).doc(
        "6.2.0",
        "O(1)",
        "Returns information about server-assisted client-side caching for the connection.",
    );
    type Output = Reply;

    fn parse(_: &mut Args) -> Result<Self> {
        Ok(TrackingInfo)
    }
}

impl SessionCommand for TrackingInfo {
    fn run(self, context: &mut Context<'_>) -> Result<Reply> {
        let session = &*context.session;
        let mode = session.tracking.unwrap_or_default();
        let is_broken = session.client.has_flag(ClientFlag::BrokenRedirect);
        let flags = [
            (session.tracking.is_none(), "off"),
            (session.tracking.is_some(), "on"),
            (mode.broadcasts, "bcast"),
            (mode.opt_in, "optin"),
            (mode.opt_in && session.caching, "caching-yes"),
            (mode.opt_out, "optout"),
            (mode.opt_out && session.caching, "caching-no"),
            (mode.no_loop, "noloop"),
            (is_broken, "broken_redirect"),
        ];
        let flags = flags.into_iter().filter(|(set, _)| *set).map(|(_, name)| Reply::text(name));
        Ok(Reply::Map(fields([
            ("flags", Reply::Set(flags.collect())),
            ("redirect", redirect(session)),
            ("prefixes", context.instance.tracking.prefixes_of(session.id).into()),
        ])))
    }
}
