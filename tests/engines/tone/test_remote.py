"""An engine on a server, from the adapter to the command line."""

import json
import threading
import time

import numpy as np
import pytest
import yaml
from contract import EngineContract, speak_all, speak_one
from loopback_speech import KEY, running_speech_server

from tts_cli.engines.base import Request
from tts_cli.engines.kit.http_client import speak_concurrently
from tts_cli.engines.tone.adapter import Tone
from tts_cli.engines.tone.remote import RemoteTone
from tts_cli.engines.tone.spec import SERVER, TONE_REMOTE
from tts_cli.errors import MissingError, TakeError


@pytest.fixture
def server(monkeypatch):
    with running_speech_server() as server:
        monkeypatch.setenv(SERVER.url, server.url)
        monkeypatch.setenv(SERVER.credential, KEY)
        yield server


@pytest.fixture
def engine(server):
    engine = RemoteTone()
    engine.load("cpu")
    yield engine
    engine.close()


class TestContract(EngineContract):
    spec = TONE_REMOTE
    bad = {"params": {"speed": 99.0}}  # noqa: RUF012
    changes = {"model": "tone-1"}  # noqa: RUF012


def request(text="hello you", **changes):
    values = {"language": "en", "voice": "mid", "params": {}, "seed": 1, "model": "tone-1"}
    return Request(text=text, **{**values, **changes})


def test_it_sounds_as_it_does_here(engine):
    here = Tone()
    here.load("cpu")
    far, near = speak_one(engine, request()), speak_one(here, request())
    assert np.array_equal(far.samples, near.samples)
    assert far.words == near.words


def test_another_model_than_the_planned_one_is_an_error(server, engine):
    server.model = "tone-2"
    [result] = speak_all(engine, [request()])
    assert isinstance(result, TakeError)
    assert result.message == "the server spoke with the model 'tone-2', and 'tone-1' was planned"


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"model": "tone-1"}', b'{"model": "tone-1", "samples": "?"}'])
def test_an_answer_that_cannot_be_read_costs_its_line(server, engine, body):
    server.faults = [(200, {}, body)]
    [result] = speak_all(engine, [request()])
    assert isinstance(result, TakeError)


def test_a_server_that_refuses_us_is_no_engine(server, monkeypatch):
    monkeypatch.setenv(SERVER.credential, "another")
    with pytest.raises(MissingError, match=r"401 .*no such key: Bearer \*\*\*") as caught:
        RemoteTone().load("cpu")
    assert SERVER.credential in caught.value.hint


def test_results_come_as_they_are_there_and_no_more_than_the_bound_at_a_time():
    second = threading.Event()

    def speak(text):
        if text == "first":
            assert second.wait(5)
            time.sleep(0.2)  # the other one has not quite ended when it says so
        else:
            second.set()
        raise TakeError(text)

    results = speak_concurrently(["first", "second"], speak, 2)
    assert [number for number, _ in results] == [1, 0]


def test_a_bug_costs_the_call():
    with pytest.raises(KeyError):
        list(speak_concurrently([1, 2], {}.__getitem__, 2))


def test_a_worker_is_given_the_time_that_its_requests_may_take():
    rounds = -(-TONE_REMOTE.execution.batch // SERVER.concurrency)
    assert TONE_REMOTE.cost.timeout_slack_s > rounds * SERVER.total_s


# --- through the command line ---------------------------------------------------------------------------


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "s.yaml"
    lines = [{"id": f"l{number}", "text": f"Line number {number}."} for number in range(12)]
    path.write_text(yaml.safe_dump({"defaults": {"engine": "tone-remote"}, "lines": lines}))
    return path


def everything(folder):
    """Return all that a run has left behind, as text."""
    return "".join(path.read_bytes().decode("latin-1") for path in folder.rglob("*") if path.is_file())


def test_a_script_is_spoken_within_the_bound_by_one_worker(server, cli, script, tmp_path):
    server.delay_s = 0.02
    result = cli("render", script, "-o", "out", "--json", "--workers", "3")
    assert result.code == 0, result.err
    assert result.json["lines"]["rendered"] == 12
    assert 1 < server.most <= SERVER.concurrency
    assert server.spoken == 12
    assert KEY not in everything(tmp_path) + result.out + result.err


def test_the_model_of_the_server_is_in_the_key(server, cli, script, monkeypatch):
    cli("render", script, "-o", "out")
    again = cli("render", script, "-o", "out", "--json")
    assert again.json["lines"]["rendered"] == 0
    monkeypatch.setenv(SERVER.url, server.url.replace("127.0.0.1", "localhost"))
    assert cli("render", script, "-o", "out", "--json").json["lines"]["rendered"] == 0
    server.model = "tone-2"
    assert cli("render", script, "-o", "out", "--json").json["lines"]["rendered"] == 12


def test_where_the_model_is_given_planning_asks_nobody(server, cli, script, monkeypatch):
    monkeypatch.setenv(SERVER.model, "tone-1")
    assert cli("render", script, "-o", "out").code == 0
    monkeypatch.delenv(SERVER.url)
    monkeypatch.delenv(SERVER.credential)
    assert cli("render", script, "-o", "out", "--json").json["lines"]["cached"] == 12


def test_a_wrong_model_fails_its_lines(server, cli, script, monkeypatch):
    monkeypatch.setenv(SERVER.model, "tone-0")
    result = cli("render", script, "-o", "out", "--json")
    assert result.code == 5
    assert {failure["error"].partition(" (")[0] for failure in result.json["failures"]} == {
        "the server spoke with the model 'tone-1', and 'tone-0' was planned"
    }


def test_a_server_error_that_stays_fails_the_line_and_one_that_passes_does_not(server, cli, script):
    server.faults = [(500, {}, b"no"), (429, {"Retry-After": "1"}, b""), *[(400, {}, b"too long")] * 2]
    result = cli("render", script, "-o", "out", "--json")
    assert result.code == 5
    assert len(result.json["failures"]) == 2
    assert all("answered 400 Bad Request: too long" in failure["error"] for failure in result.json["failures"])


@pytest.mark.parametrize("given", [True, False])
def test_without_the_credential_its_variable_is_named(server, cli, script, monkeypatch, given):
    monkeypatch.delenv(SERVER.credential)
    if given:
        monkeypatch.setenv(SERVER.model, "tone-1")
    result = cli("render", script, "-o", "out", "--json")
    assert result.code == 4
    assert f"{SERVER.credential} is not set" in json.dumps(result.json)


def test_a_wrong_credential_is_told_and_never_shown(server, cli, script, tmp_path, monkeypatch):
    monkeypatch.setenv(SERVER.credential, "sk-another-key")
    monkeypatch.setenv(SERVER.model, "tone-1")
    result = cli("render", script, "-o", "out", "--json")
    assert result.code == 4
    assert SERVER.credential in result.out
    assert "sk-another-key" not in everything(tmp_path) + result.out + result.err


def test_a_server_that_is_not_there_hands_on_to_the_next_engine(server, cli, tmp_path, monkeypatch):
    monkeypatch.setattr("tts_cli.engines.kit.http_client.FIRST_WAIT_S", 0.01)
    server.close()
    path = tmp_path / "s.yaml"
    path.write_text("lines:\n  - {text: One line., engine: [tone-remote, tone]}\n")
    result = cli("render", path, "-o", "out", "--json")
    assert result.code == 0, result.out
