"""RESP2 over a socket, in as few lines as the tests need. No dependency, so that a test of the server
is not a test of somebody's client."""

import socket


class ServerError(Exception):
    """An error reply."""


def encode(*words):
    """One command as an array of bulk strings; words are bytes, str or int."""
    out = [b"*%d\r\n" % len(words)]
    for word in words:
        if not isinstance(word, bytes):
            word = str(word).encode()
        out.append(b"$%d\r\n%s\r\n" % (len(word), word))
    return b"".join(out)


class Client:
    """A connection. Errors come back as ServerError values from `read` and are raised by `call`."""

    def __init__(self, port, host="127.0.0.1", timeout=30.0):
        self.socket = socket.create_connection((host, port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffered = self.socket.makefile("rb", buffering=1 << 16)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.buffered.close()
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def read(self):
        """The next reply: bytes, int, list, None, or a ServerError."""
        line = self.buffered.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("the server closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest
        if kind == b"-":
            return ServerError(rest.decode(errors="replace"))
        if kind == b":":
            return int(rest)
        if kind == b"$":
            size = int(rest)
            if size < 0:
                return None
            data = self.buffered.read(size + 2)
            if len(data) != size + 2:
                raise ConnectionError("the server closed the connection")
            return data[:-2]
        if kind == b"*":
            count = int(rest)
            return None if count < 0 else [self.read() for _ in range(count)]
        raise ConnectionError(f"not a RESP2 reply: {line[:40]!r}")

    def call(self, *words):
        """Sends one command and returns its reply."""
        self.send(encode(*words))
        reply = self.read()
        if isinstance(reply, ServerError):
            raise reply
        return reply

    def pipeline(self, commands):
        """Sends all commands (tuples of words) at once; returns the replies, errors as values."""
        commands = list(commands)
        self.send(b"".join(encode(*words) for words in commands))
        return [self.read() for _ in commands]
