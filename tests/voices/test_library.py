"""Where voices are found, and that a name is never a path."""

from pathlib import Path

import pytest

from tts_cli.voices.library import VoiceLibrary, open_library


def put(folder: Path, name: str) -> Path:
    (folder / name).mkdir(parents=True)
    (folder / name / "voice.yaml").write_text("description: x\n")
    return folder / name


def test_the_first_folder_wins(tmp_path: Path) -> None:
    put(tmp_path / "a", "nora")
    put(tmp_path / "b", "nora")
    put(tmp_path / "b", "otto")
    library = VoiceLibrary((tmp_path / "none", tmp_path / "a", tmp_path / "b"))
    assert library.voices() == {"nora": tmp_path / "a" / "nora", "otto": tmp_path / "b" / "otto"}


@pytest.mark.parametrize("name", ["../nora", "nora/", ".", "..", "", "NORA", "nora\x00", "*"])
def test_a_name_is_no_path(tmp_path: Path, name: str) -> None:
    put(tmp_path, "nora")
    assert VoiceLibrary((tmp_path,)).find("nora")
    assert VoiceLibrary((tmp_path,)).find(name) is None


def test_a_folder_without_a_profile_is_no_voice(tmp_path: Path) -> None:
    (tmp_path / "nora").mkdir()
    assert VoiceLibrary((tmp_path,)).voices() == {}


def test_what_ships_is_found_from_anywhere(tmp_path: Path) -> None:
    found = open_library(tmp_path / "home", tmp_path).voices()
    assert {"ada", "bruno", "oswin", "unit7", "wren"} <= set(found)
