"""Archives of anybody's are refused before they are parsed, and opened where there is nothing against them."""

import io
import zipfile

import pytest

from tts_cli.voices import archive
from tts_cli.voices.archive import TooManyMembersError, open_archive

STORED = (zipfile.ZIP_STORED,)


def packed(*kinds: int) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as made:
        for number, kind in enumerate(kinds):
            made.writestr(f"{number}.txt", "x", kind)
    return data.getvalue()


def test_as_many_members_as_are_allowed_are_opened() -> None:
    assert len(open_archive(packed(0, 0, 0), 3, STORED).filelist) == 3
    with pytest.raises(TooManyMembersError):
        open_archive(packed(0, 0, 0), 2, STORED)


def test_too_many_members_are_counted_before_their_list_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    def parse(*_: object) -> None:
        raise AssertionError("parsed")

    data = packed(0, 0, 0)
    monkeypatch.setattr(archive.zipfile, "ZipFile", parse)

    with pytest.raises(TooManyMembersError):
        open_archive(data, 2, STORED)


def test_one_member_that_is_compressed_in_another_way_is_enough() -> None:
    with pytest.raises(NotImplementedError):
        open_archive(packed(zipfile.ZIP_STORED, zipfile.ZIP_LZMA), 9, STORED)
