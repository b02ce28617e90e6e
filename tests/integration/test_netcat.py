"""What works with nothing but netcat: inline commands on the usual port, and the text port."""

from conftest import run


def netcat(port, text):
    # -q 1: a second after the end of the input, time for the last reply; -N would close at once.
    return run("nc", "-q", "1", "127.0.0.1", port, stdin=text.encode()).decode()


def test_inline_commands(server):
    assert netcat(server.port, "SET key 'two words'\r\nGET key\r\nGET nothing\r\n") == (
        "+OK\r\n$9\r\ntwo words\r\n$-1\r\n"
    )


def test_inline_commands_without_carriage_return(server):
    assert netcat(server.port, "ping\n") == "+PONG\r\n"


def test_unbalanced_quotes(server):
    assert netcat(server.port, "SET key 'open\r\n") == "-ERR Protocol error: unbalanced quotes in request\r\n"


def test_bad_protocol(server):
    assert netcat(server.port, "*1\r\n!4\r\n") == "-ERR Protocol error: expected '$', got '!'\r\n"


def test_text_port(server):
    reply = netcat(server.text_port, "SET key hello\nGET key\nGET nothing\nINCR count\nMGET key count\n")
    assert reply.replace("\r\n", "\n").split("\n") == ["OK", "hello", "(nil)", "1", "hello", "1", ""]


def test_errors_on_the_text_port(server):
    assert netcat(server.text_port, "GET\n").startswith("ERROR: ")
