//! Sockets and threads: tokio from here up.
