"""Messages survive the pipe unchanged."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_cli.types import Utterance
from tts_cli.workers.messages import decode, encode, request_from_json, utterance_to_json


@given(
    text=st.text(st.characters(), max_size=50),
    params=st.dictionaries(st.text(max_size=5), st.floats(allow_nan=False) | st.text(max_size=5), max_size=3),
    seed=st.integers(0, 2**31),
)
def test_what_is_asked_arrives_as_it_was_said(text, params, seed):
    utterance = Utterance(
        line_id="a",
        part=0,
        text=text,
        language="de",
        voice="de+f3",
        engine="espeak",
        params=params,
        seed=seed,
        key="k" * 64,
    )
    line = encode({"jobs": [utterance_to_json(utterance)]})
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert line.isascii()
    [job] = decode(line)["jobs"]
    request = request_from_json(job)
    assert job["key"] == utterance.key
    assert (request.text, request.language, request.voice) == (text, "de", "de+f3")
    assert (request.params, request.seed) == (params, seed)


def test_a_lone_surrogate_survives():
    assert decode(encode({"text": "\ud800"})) == {"text": "\ud800"}


@pytest.mark.parametrize("line", [b"", b"noise\n", b"[1]\n", b'{"half": \n', b"\xff\n"])
def test_what_is_no_message_is_refused(line):
    with pytest.raises(ValueError):
        decode(line)


def test_messages_are_compact():
    assert encode({"a": [1, 2], "b": "c"}) == b'{"a":[1,2],"b":"c"}\n'
    assert json.loads(encode({"a": 1})) == {"a": 1}
