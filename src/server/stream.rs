//! A client's socket, plain or under TLS, read and written without waiting.

use crate::instance::clients::{ClientAddress, Transport};
use bytes::BytesMut;
use std::future::Future;
use std::io::{self, IoSlice, Read, Write};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::rustls::ServerConnection;

/// The socket below.
pub enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Socket::Tcp(socket) => Pin::new(socket).poll_read(cx, buffer),
            Socket::Unix(socket) => Pin::new(socket).poll_read(cx, buffer),
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        if let [slice] = slices {
            // Cheaper for the kernel than a vector of one.
            return match self {
                Socket::Tcp(socket) => Pin::new(socket).poll_write(cx, slice),
                Socket::Unix(socket) => Pin::new(socket).poll_write(cx, slice),
            };
        }
        match self {
            Socket::Tcp(socket) => Pin::new(socket).poll_write_vectored(cx, slices),
            Socket::Unix(socket) => Pin::new(socket).poll_write_vectored(cx, slices),
        }
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Socket::Tcp(socket) => Pin::new(socket).poll_shutdown(cx),
            Socket::Unix(socket) => Pin::new(socket).poll_shutdown(cx),
        }
    }
}

/// Reads and writes a socket through the blocking traits that rustls asks for: what would wait
/// fails with `WouldBlock`, and the task is woken when it would not.
struct Blocking<'a, 'b, 'c> {
    socket: &'a mut Socket,
    cx: &'b mut Context<'c>,
}

fn would_block<T>(poll: Poll<io::Result<T>>) -> io::Result<T> {
    match poll {
        Poll::Ready(result) => result,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}

impl Read for Blocking<'_, '_, '_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut buffer = ReadBuf::new(into);
        would_block(self.socket.poll_read(self.cx, &mut buffer))?;
        Ok(buffer.filled().len())
    }
}

impl Write for Blocking<'_, '_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        would_block(self.socket.poll_write(self.cx, &[IoSlice::new(bytes)]))
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        would_block(self.socket.poll_write(self.cx, slices))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A client's connection as bytes.
pub struct Stream {
    socket: Socket,
    tls: Option<Box<ServerConnection>>,
    /// Whether the client's certificate was asked for.
    certificate_taken: bool,
}

impl Stream {
    /// A plain connection.
    pub fn plain(socket: Socket) -> Stream {
        Stream { socket, tls: None, certificate_taken: false }
    }

    /// A connection under TLS; the handshake happens with the first reads.
    pub fn tls(socket: Socket, connection: ServerConnection) -> Stream {
        Stream { socket, tls: Some(Box::new(connection)), certificate_taken: false }
    }

    /// Where the client comes from and where it came to.
    pub fn address(&self, is_tls: bool) -> ClientAddress {
        let text = |address: io::Result<SocketAddr>| address.map_or(String::new(), |found| found.to_string());
        match &self.socket {
            Socket::Tcp(socket) => ClientAddress {
                transport: if is_tls { Transport::Tls } else { Transport::Tcp },
                peer: text(socket.peer_addr()),
                local: text(socket.local_addr()),
                descriptor: socket.as_raw_fd(),
            },
            Socket::Unix(socket) => {
                let path =
                    socket.local_addr().ok().and_then(|local| Some(local.as_pathname()?.to_path_buf()));
                let path = format!("{}:0", path.unwrap_or_default().display());
                ClientAddress {
                    transport: Transport::Unix,
                    peer: path.clone(),
                    local: path,
                    descriptor: socket.as_raw_fd(),
                }
            }
        }
    }

    /// The client's certificate (DER), which was found to be good, once the handshake is over; one time
    /// only. None if it has shown none.
    pub fn take_certificate(&mut self) -> Option<&[u8]> {
        let tls = self.tls.as_ref().filter(|tls| !self.certificate_taken && !tls.is_handshaking())?;
        self.certificate_taken = true;
        tls.peer_certificates()?.first().map(AsRef::as_ref)
    }

    /// Reads what is there into `buffer`'s free room. 0: the client has closed its side.
    pub fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut BytesMut) -> Poll<io::Result<usize>> {
        let Some(tls) = &mut self.tls else {
            return match &mut self.socket {
                Socket::Tcp(socket) => pin!(socket.read_buf(buffer)).poll(cx),
                Socket::Unix(socket) => pin!(socket.read_buf(buffer)).poll(cx),
            };
        };
        match read_tls(tls, &mut Blocking { socket: &mut self.socket, cx }, buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            result => Poll::Ready(result),
        }
    }

    /// Writes from `slices` what the socket takes.
    pub fn poll_write(&mut self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let Some(tls) = &mut self.tls else { return self.socket.poll_write(cx, slices) };
        let mut socket = Blocking { socket: &mut self.socket, cx };
        loop {
            // 0 when the buffer of encrypted bytes is full; sending it makes room.
            let taken = tls.writer().write_vectored(slices)?;
            match write_tls(tls, &mut socket) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && taken == 0 => {
                    return Poll::Pending;
                }
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Poll::Ready(Err(error)),
                _ if taken > 0 => return Poll::Ready(Ok(taken)),
                _ => {}
            }
        }
    }

    /// Sends what TLS has encrypted and not sent yet.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(tls) = &mut self.tls else { return Poll::Ready(Ok(())) };
        match write_tls(tls, &mut Blocking { socket: &mut self.socket, cx }) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            result => Poll::Ready(result),
        }
    }

    /// Whether everything written has been given to the socket.
    pub fn is_flushed(&self) -> bool {
        self.tls.as_ref().is_none_or(|tls| !tls.wants_write())
    }

    /// Says goodbye: TLS' closing message, then the end of the stream.
    pub fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            if self.poll_flush(cx)?.is_pending() {
                return Poll::Pending;
            }
        }
        self.socket.poll_shutdown(cx)
    }
}

fn write_tls(tls: &mut ServerConnection, socket: &mut Blocking<'_, '_, '_>) -> io::Result<()> {
    while tls.wants_write() {
        if tls.write_tls(socket)? == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
    }
    Ok(())
}

/// Reads and decrypts until there is something for the client's buffer, or the socket has no more.
fn read_tls(
    tls: &mut ServerConnection,
    socket: &mut Blocking<'_, '_, '_>,
    buffer: &mut BytesMut,
) -> io::Result<usize> {
    loop {
        match read_decrypted(tls, buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            result => return result,
        }
        let ended = tls.read_tls(socket)? == 0;
        let processed = tls.process_new_packets();
        // Handshake messages, and the alert that tells the client what was wrong.
        match write_tls(tls, socket) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            result => result?,
        }
        processed.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        if ended {
            return match read_decrypted(tls, buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
                result => result,
            };
        }
    }
}

fn read_decrypted(tls: &mut ServerConnection, buffer: &mut BytesMut) -> io::Result<usize> {
    use std::io::BufRead;
    let mut reader = tls.reader();
    let mut taken = 0;
    // Once something was read, `WouldBlock` and a missing farewell can wait for the next call.
    while taken == 0 || buffer.len() < buffer.capacity() {
        let bytes = match reader.fill_buf() {
            Ok(bytes) => bytes,
            Err(_) if taken > 0 => break,
            Err(error) => return Err(error),
        };
        if bytes.is_empty() {
            break;
        }
        let room = (buffer.capacity() - buffer.len()).max(64).min(bytes.len());
        buffer.extend_from_slice(&bytes[..room]);
        reader.consume(room);
        taken += room;
    }
    Ok(taken)
}
