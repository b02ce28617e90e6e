//! The subcommand `HELP` of every container.

use crate::protocol::Reply;

/// The lines in Redis' frame: a title, the container's own lines, and the line about `HELP` itself.
pub fn reply(container: &str, lines: &[&'static str]) -> Reply {
    let title = format!("{container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
    let mut all = vec![Reply::Simple(title.into())];
    all.extend(lines.iter().map(|line| Reply::Simple((*line).into())));
    all.extend(["HELP", "    Prints this help."].map(|line| Reply::Simple(line.into())));
    Reply::Array(all)
}

/// Declares the subcommand `HELP` of a container: its type, what is special about its `Spec`, since
/// when there is one, and its lines.
macro_rules! help_command {
    ($type:ident, $spec:expr, $since:literal, $lines:expr) => {
        pub struct $type;

        impl $crate::commands::Command for $type {
            const SPEC: $crate::commands::spec::Spec = {
                use $crate::commands::spec::Flags;
                $spec.flags(Flags::LOADING.and(Flags::STALE)).doc(
                    $since,
                    "O(1)",
                    "Returns helpful text about the subcommands.",
                )
            };
            type Output = $crate::protocol::Reply;

            fn parse(_: &mut $crate::commands::args::Args) -> $crate::error::Result<Self> {
                Ok($type)
            }
        }

        impl $crate::commands::SessionCommand for $type {
            fn run(
                self,
                _: &mut $crate::commands::Context<'_>,
            ) -> $crate::error::Result<$crate::protocol::Reply> {
                let name = <$type as $crate::commands::Command>::SPEC.name;
                Ok($crate::commands::help::reply(name.trim_end_matches("|HELP"), $lines))
            }
        }
    };
}
pub(super) use help_command;
