"""A voice in one portable file: a zip archive of its folder, with a list of contents, read as untrusted data."""

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Mapping
from typing import Any

from tts_cli.voices.archive import DAMAGE, TooManyMembersError, open_archive

FORMAT, VERSION = "tts-cli voice", 1
SUFFIX = ".ttsvoice"
CONTENTS = "pack.json"
MOST_BYTES = 256 * 2**20
MOST_FILES = 200

# Plain names in the folder itself or in one of two folders below it; never hidden, never a path that leads elsewhere.
_PLAIN = r"[^\W_][\w .-]{0,100}"
_MEMBER = re.compile(rf"(?:{_PLAIN}|emotions/{_PLAIN}|conditionals/{_PLAIN}\.(?:pt|json))")


class BadPackError(ValueError):
    """The file is no pack of a voice, or holds what it should not."""


def write_pack(about: Mapping[str, Any], files: Mapping[str, bytes]) -> bytes:
    """Return the archive; equal contents give equal bytes. Raises `BadPackError` for what nobody could unpack."""
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())}
    contents = {"format": FORMAT, "version": VERSION, **about, "files": hashes}
    members = {CONTENTS: json.dumps(contents, indent=2, ensure_ascii=False).encode(), **dict(sorted(files.items()))}
    _check_names(list(members))
    if sum(map(len, members.values())) > MOST_BYTES:
        raise BadPackError(f"would be larger than {MOST_BYTES // 2**20} MiB")
    buffer = io.BytesIO()
    # Recorded sound hardly shrinks.
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            # A bare ZipInfo has a fixed date, so equal contents give equal bytes.
            archive.writestr(zipfile.ZipInfo(name), data)
    return buffer.getvalue()


def read_pack(data: bytes) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return what a pack says of itself, and its files by name, each with the hash that it says.

    Nothing is written and nothing executed. Raises `BadPackError`.
    """
    if len(data) > MOST_BYTES:
        raise BadPackError(f"is larger than {MOST_BYTES // 2**20} MiB")
    try:
        with open_archive(data, MOST_FILES, (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)) as archive:
            _check_names([member.filename for member in archive.infolist()])
            files = _read_members(archive)
    except (BadPackError, TooManyMembersError) as error:
        raise BadPackError(str(error)) from error
    except DAMAGE as error:
        raise BadPackError(f"is damaged, or no zip file: {error}") from error
    try:
        about = json.loads(files.pop(CONTENTS, b"null"))
    except (ValueError, RecursionError) as error:
        raise BadPackError(f"has a list of contents that cannot be read: {error}") from error
    _check_contents(about, files)
    return about, files


def _read_members(archive: zipfile.ZipFile) -> dict[str, bytes]:
    """Unpack in memory, whatever sizes the archive claims: what grows beyond the limit is not read to its end."""
    files = {}
    left = MOST_BYTES
    for member in archive.infolist():
        with archive.open(member) as file:
            files[member.filename] = file.read(left + 1)
        left -= len(files[member.filename])
        if left < 0:
            raise BadPackError(f"unpacks to more than {MOST_BYTES // 2**20} MiB")
    return files


def _check_names(names: list[str]) -> None:
    if len(names) > MOST_FILES:
        raise BadPackError(f"holds more than {MOST_FILES} files")
    # Names that differ in case alone, or end in a space or a full stop, are one file on some systems.
    folded = [name.casefold() for name in names]
    for name in names:
        if not _MEMBER.fullmatch(name) or name[-1] in " ." or folded.count(name.casefold()) > 1:
            raise BadPackError(f"holds {name[:80]!r}, which is no part of a voice, or holds it twice")


def _check_contents(about: Any, files: Mapping[str, bytes]) -> None:
    if not isinstance(about, dict) or (about.get("format"), about.get("version")) != (FORMAT, VERSION):
        raise BadPackError(f"is no {FORMAT} of version {VERSION}")
    hashes = about.get("files")
    if not isinstance(hashes, dict) or hashes.keys() != files.keys():
        raise BadPackError("does not hold what its list of contents says")
    for name, data in files.items():
        if hashlib.sha256(data).hexdigest() != hashes[name]:
            raise BadPackError(f"holds {name!r} with other contents than it says")
