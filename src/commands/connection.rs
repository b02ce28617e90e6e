//! The connection family, but for `CLIENT`: who the client is, how it is spoken to, and whether
//! anybody is there.

use super::args::Args;
use super::spec::{Arity, Flags, Group, Spec};
use super::{Command, Context, Entry, SessionCommand, pubsub};
use crate::REDIS_VERSION;
use crate::error::{Error, Result};
use crate::instance::acl::DEFAULT_USER;
use crate::keyspace::DbIndex;
use crate::protocol::{Reply, fields};
use crate::session::Dialect;
use bytes::Bytes;

pub static COMMANDS: &[Entry] = &[
    Entry::session::<Auth>(),
    Entry::session::<Echo>(),
    Entry::session::<Hello>(),
    Entry::session::<Ping>(),
    Entry::session::<Quit>(),
    Entry::session::<Reset>(),
    Entry::session::<Select>(),
];

const fn spec(name: &'static str, arity: Arity) -> Spec {
    Spec::new(name, Group::Connection, arity).flags(Flags::LOADING.and(Flags::STALE).and(Flags::FAST))
}

/// What a command may be that clients send before they have logged in.
const AT_ONCE: Flags = Flags::NOSCRIPT.and(Flags::NO_AUTH).and(Flags::ALLOW_BUSY);

/// A user's name and password.
struct Credentials {
    user: Bytes,
    password: Bytes,
}

impl Credentials {
    /// Logs the client in.
    fn use_for(&self, context: &mut Context<'_>, typed: &str) -> Result<()> {
        let acl = &context.instance.acl;
        let user = acl.authenticate(&self.user, &self.password);
        if user.is_some_and(|user| context.session.log_in(acl, user)) {
            return Ok(());
        }
        super::acl::note_failed_login(context, &self.user, typed);
        Err(Error::WrongPass)
    }
}

pub struct Auth {
    /// Without a name, `default` is meant.
    user: Option<Bytes>,
    password: Bytes,
    /// The command as the client wrote it.
    typed: String,
}

impl Command for Auth {
    const SPEC: Spec = spec("AUTH", Arity::AtLeast(2)).flags(AT_ONCE).syntax("[username] password").doc(
        "1.0.0",
        "O(N) where N is the number of passwords of the user",
        "Authenticates the connection.",
    );
    type Output = ();

    fn parse(args: &mut Args) -> Result<Self> {
        let first = args.bytes()?;
        let command = if args.is_empty() {
            Auth { user: None, password: first, typed: args.typed_name() }
        } else {
            Auth { user: Some(first), password: args.bytes()?, typed: args.typed_name() }
        };
        args.end()?;
        Ok(command)
    }
}

impl SessionCommand for Auth {
    fn run(self, context: &mut Context<'_>) -> Result<()> {
        let user = match self.user {
            Some(user) => user,
            None if context.instance.acl.default_user().rights().no_password => {
                return Err(Error::text(
                    "ERR AUTH <password> called without any password configured for the default user. \
                     Are you sure your configuration is correct?",
                ));
            }
            None => Bytes::from_static(DEFAULT_USER.as_bytes()),
        };
        Credentials { user, password: self.password }.use_for(context, &self.typed)
    }
}

pub struct Echo {
    pub message: Bytes,
}

impl Command for Echo {
    const SPEC: Spec =
        spec("ECHO", Arity::Exactly(2)).syntax("message").doc("1.0.0", "O(1)", "Returns the given string.");
    type Output = Bytes;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(Echo { message: args.bytes()? })
    }
}

impl SessionCommand for Echo {
    fn run(self, _: &mut Context<'_>) -> Result<Bytes> {
        Ok(self.message)
    }
}

pub struct Hello {
    dialect: Option<Dialect>,
    credentials: Option<Credentials>,
    name: Option<String>,
    /// The command as the client wrote it.
    typed: String,
}

impl Hello {
    fn dialect(args: &mut Args) -> Result<Option<Dialect>> {
        if args.is_empty() {
            return Ok(None);
        }
        match args.integer() {
            Ok(2) => Ok(Some(Dialect::Resp2)),
            Ok(3) => Ok(Some(Dialect::Resp3)),
            Ok(_) => Err(Error::text("NOPROTO unsupported protocol version")),
            Err(_) => Err(Error::text("ERR Protocol version is not an integer or out of range")),
        }
    }
}

impl Command for Hello {
    const SPEC: Spec = spec("HELLO", Arity::AtLeast(1))
        .flags(AT_ONCE)
        .syntax("[protover [AUTH username password] [SETNAME clientname]]")
        .doc("6.0.0", "O(1)", "Handshakes with the server.");
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        let dialect = Hello::dialect(args)?;
        let mut command = Hello { dialect, credentials: None, name: None, typed: args.typed_name() };
        while let Some(option) = args.peek() {
            if args.remaining() >= 3 && args.take("AUTH") {
                command.credentials = Some(Credentials { user: args.bytes()?, password: args.bytes()? });
            } else if args.remaining() >= 2 && args.take("SETNAME") {
                command.name = Some(super::client::printable(&args.bytes()?).ok_or(INVALID_NAME)?);
            } else {
                let option = String::from_utf8_lossy(option);
                return Err(Error::err(format_args!("Syntax error in HELLO option '{option}'")));
            }
        }
        Ok(command)
    }
}

/// For names of clients that `CLIENT LIST` could not show.
pub(super) const INVALID_NAME: Error =
    Error::text("ERR Client names cannot contain spaces, newlines or special characters.");

impl SessionCommand for Hello {
    fn run(self, context: &mut Context<'_>) -> Result<Reply> {
        if let Some(credentials) = self.credentials {
            credentials.use_for(context, &self.typed)?;
        }
        let session = &mut *context.session;
        if session.must_authenticate(&context.instance.acl) {
            return Err(Error::text(
                "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH \
                 <user> <pass> option can be used to authenticate the client and select the RESP protocol \
                 version at the same time",
            ));
        }
        if let Some(name) = self.name {
            session.client.change_details(|details| details.name = name);
        }
        if let Some(dialect) = self.dialect {
            session.speak(dialect);
        }
        Ok(Reply::Map(fields([
            ("server", Reply::text("redis")),
            ("version", Reply::text(REDIS_VERSION)),
            ("proto", Reply::Integer(session.client.resp_version().into())),
            ("id", session.id.into()),
            ("mode", Reply::text("standalone")),
            ("role", Reply::text("master")),
            ("modules", Reply::Array(Vec::new())),
        ])))
    }
}

pub struct Ping {
    pub message: Option<Bytes>,
}

impl Command for Ping {
    const SPEC: Spec = Spec::new("PING", Group::Connection, Arity::AtLeast(1))
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
        .flags(Flags::FAST)
        .syntax("[message]")
        .doc("1.0.0", "O(1)", "Returns the server's liveliness response.");
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        let message = if args.is_empty() { None } else { Some(args.bytes()?) };
        args.end().map_err(|_| Error::Arity(args.command().to_owned()))?;
        Ok(Ping { message })
    }
}

impl SessionCommand for Ping {
    fn run(self, context: &mut Context<'_>) -> Result<Reply> {
        if let Some(reply) = pubsub::pong(context.session, self.message.as_ref()) {
            return Ok(reply);
        }
        Ok(self.message.map_or(Reply::Simple("PONG".into()), Reply::Bulk))
    }
}

pub struct Quit;

impl Command for Quit {
    const SPEC: Spec = spec("QUIT", Arity::AtLeast(1))
        .deprecated("7.2.0", "just closing the connection")
        .flags(AT_ONCE)
        .doc("1.0.0", "O(1)", "Closes the connection.");
    type Output = ();

    fn parse(_: &mut Args) -> Result<Self> {
        Ok(Quit)
    }
}

impl SessionCommand for Quit {
    fn run(self, context: &mut Context<'_>) -> Result<()> {
        // Nothing more is told, also if the connection takes a moment to end.
        context.instance.pubsub.leave(&context.session.client);
        context.instance.tracking.leave(&context.session.client);
        context.session.close_after_reply();
        Ok(())
    }
}

pub struct Reset;

impl Command for Reset {
    const SPEC: Spec =
        spec("RESET", Arity::Exactly(1)).flags(AT_ONCE).doc("6.2.0", "O(1)", "Resets the connection.");
    type Output = Reply;

    fn parse(_: &mut Args) -> Result<Self> {
        Ok(Reset)
    }
}

impl SessionCommand for Reset {
    fn run(self, context: &mut Context<'_>) -> Result<Reply> {
        super::transaction::end(context.session, context.instance);
        context.instance.monitors.leave(&context.session.client);
        context.instance.pubsub.leave(&context.session.client);
        context.session.track(context.instance, None, &[]);
        context.session.reset(&context.instance.acl);
        Ok(Reply::Simple("RESET".into()))
    }
}

pub struct Select {
    pub db: DbIndex,
}

impl Command for Select {
    const SPEC: Spec = spec("SELECT", Arity::Exactly(2)).syntax("index").doc(
        "1.0.0",
        "O(1)",
        "Changes the selected database.",
    );
    type Output = ();

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(Select { db: args.database()? })
    }
}

impl SessionCommand for Select {
    fn run(self, context: &mut Context<'_>) -> Result<()> {
        context.instance.keyspace.check_db(self.db)?;
        context.session.select(self.db);
        Ok(())
    }
}
