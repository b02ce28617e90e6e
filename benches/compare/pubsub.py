#!/usr/bin/env python3
"""One publisher and many subscribers: messages per second, beside redis-server.

    pubsub.py diskdb=PORT redis=PORT [--subscribers 1000] [--pipeline 1] [--bytes 64] [--seconds 5] [--rounds 3]

The servers run already and are measured in turns. A server's time of the processor is counted too, as the
clients take most of the machine: messages per second of it compare the servers alone.
"""

import argparse
import os
import re
import resource
import selectors
import socket
import statistics
import threading
import time

CHANNEL = b"news"


def encode(*words):
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


def connect(port):
    client = socket.create_connection(("127.0.0.1", port))
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return client


def read_exactly(client, count):
    while count > 0:
        count -= len(client.recv(min(count, 1 << 16)))


def cpu_seconds(port):
    with connect(port) as client:
        client.sendall(encode(b"INFO", b"server"))
        process = int(re.search(rb"process_id:(\d+)", client.recv(1 << 16))[1])
    with open(f"/proc/{process}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def publish(port, options, stop, published):
    request = encode(b"PUBLISH", CHANNEL, b"x" * options.bytes) * options.pipeline
    reply = b":%d\r\n" % options.subscribers * options.pipeline
    with connect(port) as client:
        while not stop.is_set():
            client.sendall(request)
            read_exactly(client, len(reply))
            published[0] += options.pipeline


def measure(port, options):
    message = encode(b"message", CHANNEL, b"x" * options.bytes)
    confirmation = encode(b"subscribe", CHANNEL)[:-2].replace(b"*2", b"*3") + b"\r\n:1\r\n"
    selector = selectors.DefaultSelector()
    for _ in range(options.subscribers):
        client = connect(port)
        client.sendall(encode(b"SUBSCRIBE", CHANNEL))
        read_exactly(client, len(confirmation))
        client.setblocking(False)
        selector.register(client, selectors.EVENT_READ)
    stop, published = threading.Event(), [0]
    before, begun = cpu_seconds(port), time.monotonic()
    publisher = threading.Thread(target=publish, args=(port, options, stop, published))
    publisher.start()
    threading.Timer(options.seconds, stop.set).start()
    received, buffer = 0, bytearray(1 << 18)
    while publisher.is_alive() or received < published[0] * len(message) * options.subscribers:
        for key, _ in selector.select(1):
            received += key.fileobj.recv_into(buffer)
    elapsed, cpu = time.monotonic() - begun, cpu_seconds(port) - before
    for key in list(selector.get_map().values()):
        key.fileobj.close()
    assert received == published[0] * len(message) * options.subscribers
    delivered = published[0] * options.subscribers
    return delivered / elapsed, delivered / cpu


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("servers", nargs="+", metavar="NAME=PORT")
    for name, default in [("subscribers", 1000), ("pipeline", 1), ("bytes", 64), ("seconds", 5), ("rounds", 3)]:
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    servers = [(name, int(port)) for name, port in (server.split("=") for server in options.servers)]
    results = {name: [] for name, _ in servers}
    for _ in range(options.rounds):
        for name, port in servers:
            results[name].append(measure(port, options))
    for name, rounds in results.items():
        rate, of_cpu = (statistics.median(column) for column in zip(*rounds))
        print(f"{name}: {rate:,.0f} messages/s, {of_cpu:,.0f} per second of the server's processor time")


if __name__ == "__main__":
    main()
