//! `CONFIG`: the settings of the running server.

use super::args::Args;
use super::help::help_command;
use super::spec::{Arity, Flags, Group, Spec};
use super::{Command, Context, Entry, SessionCommand, acl};
use crate::config::values::ProtectedAction;
use crate::config::{DIRECTIVES, Directive, Flag, Settings, directive, rewrite};
use crate::encoding::glob::{self, Case};
use crate::error::{Error, Result};
use crate::protocol::Reply;
use bytes::Bytes;

pub static COMMANDS: &[Entry] = &[Entry::container(
    Spec::new("CONFIG", Group::Server, Arity::AtLeast(2)).doc(
        "2.0.0",
        "Depends on subcommand.",
        "A container for server configuration commands.",
    ),
    &[
        Entry::session::<ConfigGet>(),
        Entry::session::<ConfigHelp>(),
        Entry::session::<ConfigResetStat>(),
        Entry::session::<ConfigRewrite>(),
        Entry::session::<ConfigSet>(),
    ],
)];

const ADMIN: Flags = Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE);

const fn admin(name: &'static str, arity: Arity) -> Spec {
    Spec::new(name, Group::Server, arity).flags(ADMIN)
}

pub struct ConfigGet {
    pub patterns: Vec<Bytes>,
}

impl Command for ConfigGet {
    const SPEC: Spec = admin("CONFIG|GET", Arity::AtLeast(3)).syntax("parameter [parameter ...]").doc(
        "2.0.0",
        "O(N) when N is the number of configuration parameters provided",
        "Returns the effective values of configuration parameters.",
    );
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        Ok(ConfigGet { patterns: args.rest().to_vec() })
    }
}

impl SessionCommand for ConfigGet {
    fn run(self, context: &mut Context<'_>) -> Result<Reply> {
        let settings = context.instance.settings();
        let mut found: Vec<(String, Reply)> = Vec::new();
        for pattern in &self.patterns {
            for (name, directive) in named_like(pattern) {
                if !found.iter().any(|(known, _)| known.eq_ignore_ascii_case(&name)) {
                    found.push((name, Reply::bulk(directive.text(&settings))));
                }
            }
        }
        Ok(Reply::Map(found.into_iter().map(|(name, value)| (Reply::bulk(name), value)).collect()))
    }
}

/// The directives, aliases as well, that a pattern means. A name that is no pattern comes back as
/// it was written.
fn named_like(pattern: &Bytes) -> Vec<(String, &'static Directive)> {
    if !pattern.iter().any(|byte| b"[*?".contains(byte)) {
        let name = String::from_utf8_lossy(pattern).into_owned();
        return directive(&name).map(|directive| (name, directive)).into_iter().collect();
    }
    let shown = DIRECTIVES.iter().filter(|directive| !directive.is(Flag::Hidden));
    shown
        .flat_map(|directive| {
            [&directive.name].into_iter().chain(directive.aliases).map(move |name| (*name, directive))
        })
        .filter(|(name, _)| glob::matches(pattern, name.as_bytes(), Case::Ignored))
        .map(|(name, directive)| (name.to_owned(), directive))
        .collect()
}

pub struct ConfigSet {
    pub pairs: Vec<(Bytes, Bytes)>,
}

impl Command for ConfigSet {
    const SPEC: Spec = admin("CONFIG|SET", Arity::AtLeast(4))
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .syntax("parameter value [parameter value ...]")
        .doc(
            "2.0.0",
            "O(N) when N is the number of configuration parameters provided",
            "Sets configuration parameters in-flight.",
        );
    type Output = ();

    fn parse(args: &mut Args) -> Result<Self> {
        if !args.remaining().is_multiple_of(2) {
            return Err(Error::Syntax);
        }
        Ok(ConfigSet { pairs: args.pairs()? })
    }
}

impl SessionCommand for ConfigSet {
    fn run(self, context: &mut Context<'_>) -> Result<()> {
        let may_set_protected = match context.instance.settings().enable_protected_configs {
            ProtectedAction::Yes => true,
            ProtectedAction::No => false,
            ProtectedAction::Local => context.session.client.address.is_this_machine(),
        };
        let mut changes: Vec<Change> = Vec::with_capacity(self.pairs.len());
        for (name, value) in self.pairs {
            let change = Change::new(&name, value)?;
            let typed = String::from_utf8_lossy(&name);
            if !change.directive.is(Flag::Runtime) {
                return Err(failed(&typed, "can't set immutable config"));
            }
            if change.directive.is(Flag::Protected) && !may_set_protected {
                return Err(failed(&typed, "can't set protected config"));
            }
            if changes.iter().any(|earlier| earlier.name == change.name) {
                return Err(failed(&typed, "duplicate parameter"));
            }
            changes.push(change);
        }
        apply(context, &changes)
    }
}

/// One directive and its new value.
struct Change {
    /// Or alias, in small letters.
    name: String,
    directive: &'static Directive,
    value: Bytes,
}

impl Change {
    fn new(name: &Bytes, value: Bytes) -> Result<Change> {
        let typed = String::from_utf8_lossy(name);
        let directive = directive(&typed).ok_or_else(|| {
            Error::err(format_args!("Unknown option or number of arguments for CONFIG SET - '{typed}'"))
        })?;
        Ok(Change { name: typed.to_ascii_lowercase(), directive, value })
    }

    /// Whether it says where the server listens and what it shows there.
    fn is_listeners(&self) -> bool {
        let name = self.directive.name;
        matches!(name, "bind" | "port" | "text-port") || name.starts_with("tls-")
    }

    fn assign(&self, settings: &mut Settings) -> std::result::Result<(), String> {
        let value = std::str::from_utf8(&self.value).map_err(|_| "argument is not valid UTF-8")?;
        self.directive.assign(settings, &[value.to_owned()])
    }
}

fn apply(context: &Context, changes: &[Change]) -> Result<()> {
    let before = context.instance.settings();
    // Who is to blame when a listener refuses: the first directive of the listeners that would have changed.
    let mut blamed = changes.first();
    let result = context.instance.change_settings(|settings| {
        for change in changes {
            change.assign(settings).inspect_err(|_| blamed = Some(change))?;
        }
        let changed = |change: &&Change| change.directive.text(settings) != change.directive.text(&before);
        blamed = changes.iter().filter(changed).find(|change| change.is_listeners()).or(blamed);
        Ok(())
    });
    result.map_err(|reason| failed(blamed.map_or("", |change| &change.name), &reason))
}

fn failed(name: &str, reason: &str) -> Error {
    Error::err(format_args!("CONFIG SET failed (possibly related to argument '{name}') - {reason}"))
}

pub struct ConfigRewrite;

impl Command for ConfigRewrite {
    const SPEC: Spec = admin("CONFIG|REWRITE", Arity::Exactly(2))
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .doc("2.8.0", "O(1)", "Persists the effective configuration to file.");
    type Output = ();

    fn parse(_: &mut Args) -> Result<Self> {
        Ok(ConfigRewrite)
    }
}

impl SessionCommand for ConfigRewrite {
    fn run(self, context: &mut Context<'_>) -> Result<()> {
        let mut settings = Settings::clone(&context.instance.settings());
        settings.users = acl::users_for_conf_file(context.instance, &settings).map_err(Error::err)?;
        let path = settings
            .config_file
            .as_deref()
            .ok_or(Error::text("ERR The server is running without a config file"))?;
        rewrite::rewrite_file(path, &settings, rewrite::Extent::Changed).map_err(|error| {
            tracing::warn!("CONFIG REWRITE of {} failed: {error}", path.display());
            Error::err(format_args!("Rewriting config file: {error}"))
        })?;
        tracing::info!("CONFIG REWRITE executed with success.");
        Ok(())
    }
}

pub struct ConfigResetStat;

impl Command for ConfigResetStat {
    const SPEC: Spec = admin("CONFIG|RESETSTAT", Arity::Exactly(2))
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .doc("2.0.0", "O(1)", "Resets the server's statistics.");
    type Output = ();

    fn parse(_: &mut Args) -> Result<Self> {
        Ok(ConfigResetStat)
    }
}

impl SessionCommand for ConfigResetStat {
    fn run(self, context: &mut Context<'_>) -> Result<()> {
        context.instance.stats.reset();
        context.instance.acl.log.denials.all().into_iter().for_each(|(_, counter)| counter.reset());
        context.instance.keyspace.lookups().reset();
        context.instance.keyspace.tallies().reset();
        Ok(())
    }
}

help_command!(
    ConfigHelp,
    Spec::new("CONFIG|HELP", Group::Server, Arity::Exactly(2)),
    "5.0.0",
    &[
        "GET <pattern>",
        "    Return parameters matching the glob-like <pattern> and their values.",
        "SET <directive> <value>",
        "    Set the configuration <directive> to <value>.",
        "RESETSTAT",
        "    Reset statistics reported by the INFO command.",
        "REWRITE",
        "    Rewrite the configuration file.",
    ]
);
