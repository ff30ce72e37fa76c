"""Zip archives of anybody's: counted before they are parsed, and compressed in no way that asks for memory itself."""

import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Sequence

_ENTRY = b"PK\x01\x02"
# How reading an archive of anybody's goes wrong: zipfile has no error of its own for much of this.
DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, NotImplementedError, RuntimeError),
    *(OSError, ValueError, OverflowError, LookupError),
)


class TooManyMembersError(ValueError):
    """An archive lists more members than anything of its kind."""


def open_archive(data: bytes, most_members: int, compressions: Sequence[int]) -> zipfile.ZipFile:
    """Open an archive in memory; raises one of `DAMAGE`, and `TooManyMembersError` before its list is parsed.

    A list of millions of members, 50 bytes each, would become gigabytes of objects.
    """
    if data.count(_ENTRY) > most_members:
        raise TooManyMembersError(f"holds more than {most_members:,} files")
    archive = zipfile.ZipFile(io.BytesIO(data))
    if len(archive.filelist) > most_members:
        raise TooManyMembersError(f"holds more than {most_members:,} files")
    # LZMA takes a dictionary of up to 4 GB at the word of the archive.
    if any(member.compress_type not in compressions for member in archive.filelist):
        raise NotImplementedError("it is compressed, or in another way than is known here")
    return archive
