//! The reply of every container's `HELP`.

use crate::protocol::Reply;

/// The lines in Redis' frame: a title, the container's own lines, and the line about `HELP` itself.
pub fn reply(container: &str, lines: &[&'static str]) -> Reply {
    let title = format!("{container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
    let mut all = vec![Reply::Simple(title.into())];
    all.extend(lines.iter().map(|line| Reply::Simple((*line).into())));
    all.extend(["HELP", "    Prints this help."].map(|line| Reply::Simple(line.into())));
    Reply::Array(all)
}
