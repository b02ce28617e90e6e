//! What the process asks of the system it runs on, and tells it.

use crate::config::values::Supervised;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;

/// What the server opens besides its clients: sockets, logs, and table files to begin with.
const OTHER_FILES: u64 = 256;

/// Lets the process open as many files as the system allows, and warns when that is too few for
/// `maxclients`.
pub fn raise_open_files_limit(maxclients: u32) {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both calls are given a valid pointer to a `rlimit` that outlives them.
    let known = unsafe {
        let known = libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) == 0;
        if known && limit.rlim_cur < limit.rlim_max {
            let raised = libc::rlimit { rlim_cur: limit.rlim_max, ..limit };
            if libc::setrlimit(libc::RLIMIT_NOFILE, &raw const raised) == 0 {
                limit = raised;
            }
        }
        known
    };
    let wanted = u64::from(maxclients).saturating_add(OTHER_FILES);
    if known && limit.rlim_cur < wanted {
        tracing::warn!(
            "the system allows {} open files, and maxclients {maxclients} needs {wanted}: raise the limit \
             (ulimit -n) or lower maxclients",
            limit.rlim_cur
        );
    }
}

/// The file that holds the process id; deleted at the end.
pub struct Pidfile(Option<PathBuf>);

impl Pidfile {
    /// Writes the file, if a path is given. That it cannot be written is no reason not to serve.
    pub fn write(path: &str, pid: u32) -> Pidfile {
        if path.is_empty() {
            return Pidfile(None);
        }
        match std::fs::write(path, format!("{pid}\n")) {
            Ok(()) => Pidfile(Some(path.into())),
            Err(error) => {
                tracing::warn!("cannot write the pidfile {path}: {error}");
                Pidfile(None)
            }
        }
    }
}

impl Drop for Pidfile {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // Somebody else may have deleted it.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Tells systemd how far the server is, where it asked for that.
pub fn tell_supervisor(supervised: Supervised, state: &str) {
    if !matches!(supervised, Supervised::Systemd | Supervised::Auto) {
        return;
    }
    #[allow(clippy::disallowed_methods)] // systemd tells nowhere else
    let path = std::env::var_os("NOTIFY_SOCKET");
    let Some(path) = path else {
        if supervised == Supervised::Systemd {
            tracing::warn!("supervised systemd, but there is no NOTIFY_SOCKET");
        }
        return;
    };
    if let Err(error) = notify(&path, state) {
        tracing::warn!("cannot tell systemd: {error}");
    }
}

/// A name that begins with `@` is not in the file system.
fn notify(path: &std::ffi::OsStr, state: &str) -> std::io::Result<()> {
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::ffi::OsStrExt;
    let socket = UnixDatagram::unbound()?;
    let sent = match path.as_bytes().strip_prefix(b"@") {
        Some(name) => {
            let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
            socket.send_to_addr(state.as_bytes(), &address)
        }
        None => socket.send_to(state.as_bytes(), path),
    };
    sent.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pidfile_goes_with_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("diskdb.pid");
        let pidfile = Pidfile::write(path.to_str().unwrap(), 42);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "42\n");
        drop(pidfile);
        assert!(!path.exists());
        drop(Pidfile::write("", 42));
        drop(Pidfile::write("/nowhere/at/all.pid", 42));
    }

    #[test]
    fn systemd_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        notify(path.as_os_str(), "READY=1\n").unwrap();
        let mut buffer = [0; 64];
        let length = socket.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], b"READY=1\n");
        assert!(notify(folder.path().join("none").as_os_str(), "READY=1\n").is_err());
    }
}
