import pytest

from tts_cli.errors import InputError
from tts_cli.formats import decode as module
from tts_cli.formats.decode import decode, read_bytes


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16"])
def test_marked_encodings_are_read_and_written_alike(codec):
    data = "Grüße, 世界 🙂\n".encode(codec)
    decoded = decode(data, "x")
    assert decoded.text == "Grüße, 世界 🙂\n"
    assert decoded.encode(decoded.text) == data


def test_big_endian_stays_big_endian():
    data = b"\xfe\xff" + "héllo".encode("utf-16-be")
    assert decode(data, "x").encode("héllo") == data


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b"abc\nd\xe9f\n", "2:2"),
        (b"\xef\xbb\xbfa\xff", "1:2"),
        ("äö\nü".encode() + b"\xc3", "2:2"),
        (b"\xff\xfea", "1:1"),
        (b"\x80", "1:1"),
    ],
)
def test_undecodable_bytes_have_a_place(data, place):
    with pytest.raises(InputError, match=f"^book.csv:{place}: is not UTF-"):
        decode(data, "book.csv")


@pytest.mark.parametrize(
    ("data", "place"), [(b"a\nb\0c", "2:2"), (b"\x1b[31m", "1:1"), (b"a\x0bb", "1:2"), ("x\x85y\x9f".encode(), "1:4")]
)
def test_control_characters_have_a_place(data, place):
    with pytest.raises(InputError, match=f"^x:{place}: contains the control character U"):
        decode(data, "x")


def test_a_large_file_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(module, "MAX_BYTES", 100)
    (tmp_path / "big").write_bytes(b"x" * 1000)
    with pytest.raises(InputError, match="is larger than"):
        read_bytes(str(tmp_path / "big"))
    with pytest.raises(InputError, match="is larger than"):
        decode(b"x" * 1000, "big")


def test_what_is_no_file_is_refused(tmp_path):
    for path, message in (
        (tmp_path, "is a folder"),
        (tmp_path / "nope", "no such file"),
        ("a\0b", "is no name of a file"),
        ("x" * 5000, "cannot be read"),
    ):
        with pytest.raises(InputError, match=message):
            read_bytes(str(path))
