from pathlib import Path

import pytest

from tts_cli import settings
from tts_cli.errors import InputError, UnknownNameError
from tts_cli.formats.recipes import find_recipe, list_recipes

OURS = Path(__file__).parents[2] / "recipes"


@pytest.fixture(autouse=True)
def work(tmp_path, monkeypatch):
    """Run in a folder without recipes."""
    monkeypatch.chdir(tmp_path)


def write(folder, name, text):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.yaml").write_text(text)


def test_our_own_recipes_are_found_from_anywhere(tmp_path):
    recipes = {recipe.name: recipe for recipe in list_recipes(tmp_path / "home")}
    assert sorted(recipes) == sorted(path.stem for path in OURS.glob("*.yaml"))
    default = recipes["default"]
    assert (default.format, default.split, default.sample_rate, default.channels, default.bits) == (
        "wav",
        "chapter",
        44_100,
        1,
        24,
    )
    assert (default.loudness_lufs, default.true_peak_dbtp) == (-19.0, -1.5)
    assert (recipes["audiobook"].format, recipes["audiobook"].bitrate_kbps) == ("mp3", 192)
    assert (recipes["broadcast"].loudness_lufs, recipes["broadcast"].sample_rate) == (-23.0, 48_000)
    assert (recipes["podcast"].loudness_lufs, recipes["podcast"].channels) == (-16.0, 2)


def test_the_working_directory_wins_over_home_and_home_over_the_package(tmp_path):
    home = tmp_path / "home"
    assert find_recipe("default", home).bits == 24
    write(home / "recipes", "default", "bits: 16\n")
    assert find_recipe("default", home).bits == 16
    write(Path("recipes"), "default", "bits: 24\nformat: flac\n")
    assert find_recipe("default", home).format == "flac"


def test_a_wheel_carries_its_recipes_inside(tmp_path, monkeypatch):
    package = tmp_path / "site" / "tts_cli"
    write(package / "_recipes", "wheeled", "description: from the wheel\n")
    monkeypatch.setattr(settings, "PACKAGE", package)
    assert find_recipe("wheeled", tmp_path / "home").description == "from the wheel"


def test_a_path_names_a_file(tmp_path):
    write(tmp_path / "sub", "mine", "format: mp3\nloudness_lufs: -16\n")
    recipe = find_recipe("sub/mine.yaml", tmp_path)
    assert (recipe.name, recipe.format, recipe.loudness_lufs) == ("mine", "mp3", -16.0)


def test_an_unknown_name_comes_with_a_guess(tmp_path):
    with pytest.raises(UnknownNameError) as caught:
        find_recipe("podcst", tmp_path)
    assert caught.value.hint == "did you mean 'podcast'?"


@pytest.mark.parametrize("name", ["../default", "sub/../default", "nope.yaml"])
def test_a_missing_file_is_an_input_error(name, tmp_path):
    with pytest.raises(InputError, match="no such file"):
        find_recipe(name, tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("loudnes_lufs: -19\n", "1:1: unknown key 'loudnes_lufs'\n  hint: did you mean 'loudness_lufs'?"),
        ("format: ogg\n", "1:9: format: 'ogg' is not a format"),
        ("loudness_lufs: 3\n", "1:16: loudness_lufs: 3 is not between -50 LUFS and -5 LUFS"),
        ("loudness_lufs: nan\n", "1:16: loudness_lufs: 'nan' is not a number"),
        ("sample_rate: 44.1\n", "1:14: sample_rate: '44.1' is not a whole number"),
        ("channels: 6\n", "1:11: channels: "),
        ("true_peak_dbtp: 1\n", "1:17: true_peak_dbtp: "),
        ("format: mp3\nsample_rate: 96000\n", "2:14: sample_rate 96000 is not possible in mp3"),
        ("format: mp3\nbitrate_kbps: 100\n", "2:15: bitrate_kbps 100 is not possible in mp3 at 44100 Hz"),
        ("format: mp3\nbitrate_kbps: 500\n", "2:15: bitrate_kbps 500 is not possible in mp3"),
        ("deliver: x\n", "1:10: deliver: must be a list of files"),
        ("deliver: [{kind: programme}]\n", "1:11: file: must end in .wav"),
        ("deliver: [{file: a.wav}]\n", "1:11: kind: is missing"),
        ("deliver: [{kind: programme, file: a.ogg}]\n", "1:35: file: must end in .wav"),
        ("deliver: [{kind: programme, file: '{nme}.wav'}]\n", "1:35: file: '{nme}.wav' has a field that nobody knows"),
        ("deliver: [{kind: programme, file: ../a.wav}]\n", "1:35: file: "),
        ("deliver: [{kind: subtitles, file: a.wav}]\n", "1:35: file: must end in .srt"),
        ("deliver:\n- {kind: programme, file: a.wav}\n- {kind: sample, file: A.wav}\n", "3:24: file: 'A.wav' is deliv"),
        ("split: programme\ndeliver: [{kind: chapters, file: a.mp3}]\n", "2:18: kind: chapters are made only with"),
        ("- a\n", "1:1: is not a recipe"),
        ("", "1:1: is empty"),
    ],
)
def test_an_invalid_recipe_has_places(text, message, tmp_path):
    write(tmp_path, "bad", text)
    with pytest.raises(InputError) as caught:
        find_recipe("bad.yaml", tmp_path)
    assert str(caught.value.problems[0]).startswith(f"bad.yaml:{message}")
