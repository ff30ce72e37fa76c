"""Requests to a server: repeated where that helps, bounded, and silent about the credential."""

import email.utils
import itertools
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from loopback_speech import KEY, running_speech_server

from tts_cli.engines.kit.http_client import PATIENCE, HttpClient
from tts_cli.engines.tone.spec import SERVER
from tts_cli.errors import MissingError, TakeError

FAILS = (500, {}, b"out of order")


class Clock:
    """A clock that only waiting moves."""

    def __init__(self):
        self.now = 100.0
        self.waits = []

    def sleep(self, seconds):
        self.waits.append(seconds)
        self.now += seconds

    def __call__(self):
        return self.now


@pytest.fixture
def server(monkeypatch):
    with running_speech_server() as server:
        monkeypatch.setenv(SERVER.url, server.url)
        monkeypatch.setenv(SERVER.credential, KEY)
        yield server


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def client(server, clock):
    client = HttpClient(SERVER, clock=clock, sleep=clock.sleep)
    yield client
    client.close()


def ask(client):
    return client.ask("GET", "/v1/model").json()


def test_an_answer_is_returned_and_its_connection_used_again(server, client, monkeypatch):
    connected = []
    connect = socket.create_connection

    def count(*given, **more):
        connected.append(given)
        return connect(*given, **more)

    monkeypatch.setattr(socket, "create_connection", count)
    assert [ask(client) for _ in range(3)] == [{"model": "tone-1"}] * 3
    assert len(connected) == 1


def test_too_many_requests_wait_as_long_as_the_server_asks(server, client, clock):
    server.faults = [(429, {"Retry-After": "7"}, b"slow down")]
    assert client.ask("POST", "/v1/speech", SPEECH).data
    assert clock.waits == [7.0]


def test_a_date_says_how_long_to_wait_too(server, client, clock):
    server.faults = [(503, {"Retry-After": email.utils.formatdate(time.time() + 20, usegmt=True)}, b"")]
    client.ask("POST", "/v1/speech", SPEECH)
    assert sum(clock.waits) == pytest.approx(19, abs=1.5)


def test_others_wait_with_the_one_that_was_told_to(server, client, clock):
    server.faults = [(429, {"Retry-After": "7"}, b"")]
    client.ask("POST", "/v1/speech", SPEECH)
    clock.now -= 3  # as it is for another thread
    ask(client)
    assert clock.waits == [7.0, 3.0]


def test_a_longer_pause_than_there_is_time_for_ends_the_request(server, client, clock):
    server.faults = [(429, {"Retry-After": "3600"}, b"come back tomorrow")]
    with pytest.raises(TakeError, match=r"429.*come back tomorrow.*3600 s later, which is too long"):
        client.ask("POST", "/v1/speech", SPEECH)
    assert (clock.waits, server.spoken) == ([], 1)


def test_a_server_error_passes(server, client, clock):
    server.faults = [FAILS, FAILS]
    client.ask("POST", "/v1/speech", SPEECH)
    assert server.spoken == 3
    assert 0.25 <= clock.waits[0] <= 0.5 <= clock.waits[1] <= 1.0


def test_a_server_error_that_stays_ends_the_request(server, client, clock):
    server.always = FAILS
    with pytest.raises(TakeError, match=r"answered 500 .*: out of order, 5 times"):
        client.ask("POST", "/v1/speech", SPEECH)
    assert (len(clock.waits), server.spoken) == (4, 5)
    assert sum(clock.waits) <= 0.5 + 1 + 2 + 4


@pytest.mark.parametrize("status", [400, 404, 422, 501, 302])
def test_what_will_not_pass_is_asked_once(server, client, status):
    server.faults = [(status, {"Location": "http://127.0.0.1:9"}, b"no")]
    with pytest.raises(TakeError, match=str(status)) as caught:
        client.ask("POST", "/v1/speech", SPEECH)
    assert server.spoken == 1
    assert caught.value.kind == ("input" if status in (400, 422) else "engine")


def test_after_several_failures_in_a_row_a_request_is_tried_once(server, client):
    server.always = FAILS
    for _ in range(PATIENCE):
        with pytest.raises(TakeError):
            ask(client)
    asked = len(server.asked)
    with pytest.raises(TakeError):
        ask(client)
    assert len(server.asked) == asked + 1
    server.always = None
    ask(client)
    server.faults = [FAILS]
    client.ask("POST", "/v1/speech", SPEECH)


def test_a_silent_server_is_not_waited_for_longer_than_said(server, monkeypatch):
    server.delay_s = 5.0
    client = HttpClient(replace(SERVER, read_s=0.2, attempts=2))
    started = time.monotonic()
    with pytest.raises(TakeError, match=r"did not answer in time, 2 times"):
        client.ask("POST", "/v1/speech", SPEECH)
    assert time.monotonic() - started < 4.0


def test_a_server_that_trickles_is_not_waited_for(server, clock):
    client = HttpClient(
        replace(SERVER, total_s=1.5, attempts=1), clock=itertools.count(1.0).__next__, sleep=clock.sleep
    )
    with pytest.raises(TakeError, match="did not answer in time"):
        ask(client)


def test_an_answer_that_is_cut_off_is_asked_for_again(server, client):
    server.faults = [(200, {"Content-Length": "1000", "Connection": "close"}, b"{")]
    assert client.ask("POST", "/v1/speech", SPEECH).json()["model"] == "tone-1"
    assert server.spoken == 2


def test_nobody_there_is_told(monkeypatch, clock):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv(SERVER.url, f"http://127.0.0.1:{taken.getsockname()[1]}")
        monkeypatch.setenv(SERVER.credential, KEY)
        with pytest.raises(TakeError, match=r"cannot be reached: Connection refused, 5 times"):
            ask(HttpClient(SERVER, clock=clock, sleep=clock.sleep))


def test_never_more_requests_at_a_time_than_the_bound(server):
    server.delay_s = 0.05
    client = HttpClient(replace(SERVER, concurrency=3))
    with ThreadPoolExecutor(12) as threads:
        list(threads.map(lambda _: client.ask("POST", "/v1/speech", SPEECH), range(12)))
    assert server.most == 3


# --- the environment -----------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", [SERVER.url, SERVER.credential])
def test_a_variable_that_is_not_set_is_named(server, monkeypatch, missing):
    monkeypatch.setenv(missing, "  ")
    with pytest.raises(MissingError, match=f"{missing} is not set"):
        HttpClient(SERVER)


@pytest.mark.parametrize("url", ["127.0.0.1:80", "ftp://x", "http://", "http://x:99999", "http://me:s3cret@x"])
def test_what_is_no_address_is_refused_without_its_value(server, monkeypatch, url):
    monkeypatch.setenv(SERVER.url, url)
    with pytest.raises(MissingError, match=SERVER.url) as caught:
        HttpClient(SERVER)
    assert url not in f"{caught.value.message} {caught.value.hint}"


def test_a_credential_that_cannot_be_sent_is_refused_without_its_value(server, monkeypatch):
    monkeypatch.setenv(SERVER.credential, "s3cret\nX-Evil: 1")
    with pytest.raises(MissingError, match=SERVER.credential) as caught:
        HttpClient(SERVER)
    assert "s3cret" not in f"{caught.value.message} {caught.value.hint}"


def test_a_server_that_repeats_the_credential_does_not_spread_it(server, client):
    server.faults = [(401, {}, f"bad key {KEY}\x1b[31m".encode())]
    with pytest.raises(TakeError, match=r"401 .*bad key \*\*\*") as caught:
        client.ask("POST", "/v1/speech", SPEECH)
    assert KEY not in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert caught.value.hint == f"look at the credential in ${SERVER.credential}"


SPEECH = {"model": "tone-1", "text": "a", "language": "en", "voice": "mid", "params": {}, "seed": 1}
