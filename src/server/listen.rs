//! The sockets the server listens on.

use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::Path;

/// Opens a TCP listener on each address of `bind`. An address with `-` before it may be missing
/// (not there, or of a family the machine does not have); the others must be there. `*` stands for
/// every IPv4 address, `::*` and `::` for every IPv6 address. With port 0 the system picks one, the
/// same for all addresses. Returns each listener with the number of its address.
///
/// # Errors
/// When an address cannot be had; the text names it.
pub fn tcp(bind: &[&str], port: u16, backlog: i32) -> Result<Vec<(usize, TcpListener)>, String> {
    let mut listeners: Vec<(usize, TcpListener)> = Vec::new();
    for (index, address) in bind.iter().enumerate() {
        let (address, optional) = match address.strip_prefix('-') {
            Some(address) => (address, true),
            None => (*address, false),
        };
        let first = listeners.first().and_then(|(_, listener)| listener.local_addr().ok());
        let port = first.map_or(port, |first| first.port());
        match listen_on(address, port, backlog) {
            Ok(listener) => listeners.push((index, listener)),
            Err(error) if optional && is_missing(&error) => {
                tracing::debug!("not listening on {address}: {error}");
            }
            Err(error) => {
                return Err(format!(
                    "Could not create server TCP listening socket {address}:{port}: {error}"
                ));
            }
        }
    }
    if listeners.is_empty() {
        return Err(format!("no address to listen on for port {port}"));
    }
    Ok(listeners)
}

fn is_missing(error: &io::Error) -> bool {
    let missing = [libc::EADDRNOTAVAIL, libc::EAFNOSUPPORT, libc::EPROTONOSUPPORT, libc::ENOPROTOOPT];
    error.raw_os_error().is_some_and(|code| missing.contains(&code))
}

fn resolve(address: &str, port: u16) -> io::Result<SocketAddr> {
    let address = match address {
        "*" => "0.0.0.0",
        "::*" => "::",
        address => address,
    };
    let mut found = (address, port).to_socket_addrs()?;
    found.next().ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the name has no address"))
}

fn listen_on(address: &str, port: u16, backlog: i32) -> io::Result<TcpListener> {
    let address = resolve(address, port)?;
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        // The IPv4 wildcard gets a socket of its own.
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.bind(&SockAddr::from(address))?;
    socket.listen(backlog.max(1))?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Opens a Unix socket; a socket left behind by a server that is gone is replaced. `permissions`
/// are those of the file (0: as the process' mask says).
///
/// # Errors
/// When the path is taken by something else, or cannot be written.
pub fn unix(path: &Path, permissions: u32, backlog: i32) -> Result<UnixListener, String> {
    let failed = |error| format!("Failed opening Unix socket '{}': {error}", path.display());
    if std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket()) {
        std::fs::remove_file(path).map_err(failed)?;
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None).map_err(failed)?;
    socket.bind(&SockAddr::unix(path).map_err(failed)?).map_err(failed)?;
    if permissions != 0 {
        let permissions = std::fs::Permissions::from_mode(permissions);
        std::fs::set_permissions(path, permissions).map_err(failed)?;
    }
    socket.listen(backlog.max(1)).map_err(failed)?;
    socket.set_nonblocking(true).map_err(failed)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn optional_addresses_may_be_missing_and_others_not() {
        let bind = |text: &'static str| text.split(' ').collect::<Vec<_>>();
        // 192.0.2.1 is documentation's: no machine has it.
        let listeners = tcp(&bind("127.0.0.1 -192.0.2.1"), 0, 16).unwrap();
        assert_eq!(listeners.len(), 1);
        let error = tcp(&bind("127.0.0.1 192.0.2.1"), 0, 16).unwrap_err();
        assert!(error.contains("192.0.2.1"), "{error}");
        assert!(tcp(&bind("-192.0.2.1"), 0, 16).is_err());
    }

    #[test]
    fn a_unix_socket_replaces_a_dead_one_but_not_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("diskdb.sock");
        drop(unix(&path, 0o700, 16).unwrap());
        let again = unix(&path, 0o700, 16).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        drop(again);
        let file = directory.path().join("file");
        std::fs::write(&file, "data").unwrap();
        assert!(unix(&file, 0, 16).is_err());
        assert_eq!(std::fs::read(&file).unwrap(), b"data");
    }
}
