"""What a manifest may look like, what it means, and what is said of one that is wrong."""

import textwrap
import time
from pathlib import Path

import pytest

from tts_cli.errors import InputError, Source
from tts_cli.line import Slot
from tts_cli.pipeline.script.resolve import load_manifest, load_script
from tts_cli.pipeline.script.source import ScriptSource
from tts_cli.types import Chapter, Manifest, Pauses

EXAMPLES = Path(__file__).parents[3] / "manifests"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Run in an empty folder, so that paths are short."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(name, text):
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else textwrap.dedent(text).encode())
    return str(path)


def load(text, name="book.yaml"):
    return load_manifest(write(name, text))


def line(text, name="book.yaml"):
    (only,) = load(text, name).lines
    return only


def refuse(text, name="book.yaml"):
    """Return the problems' first lines, and their hints by place."""
    with pytest.raises(InputError) as caught:
        load(text, name)
    return [str(problem) for problem in caught.value.problems]


def refuse_one(text, name="book.yaml"):
    (problem,) = refuse(text, name)
    return problem


# --- the examples we ship -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["quickstart.yaml", "audiobook.yaml", "languages.yaml", "dialogue.csv"])
def test_our_examples_are_sound(name):
    manifest = load_manifest(str(EXAMPLES / name))
    assert manifest.lines
    assert manifest.warnings == ()


def test_the_quickstart_shows_what_there_is():
    manifest = load_manifest(str(EXAMPLES / "quickstart.yaml"))
    assert len(manifest.lines) == 12
    assert len({line.speaker for line in manifest.lines}) == 3
    assert len({line.emotion for line in manifest.lines}) > 5
    assert any("[pause:" in line.text for line in manifest.lines)


def test_the_languages_example_has_nine():
    languages = [line.language for line in load_manifest(str(EXAMPLES / "languages.yaml")).lines]
    assert languages == ["en", "de", "fr", "es", "it", "pt", "hi", "zh", "ja"]


# --- what lines may look like ---------------------------------------------------------------------------


def test_a_bare_list_of_texts_is_a_manifest():
    manifest = load("lines:\n- Hello.\n- {text: World.}\n", "deep/er.v2.yaml")
    assert [line.text for line in manifest.lines] == ["Hello.", "World."]
    assert (manifest.name, manifest.path) == ("er.v2", "deep/er.v2.yaml")
    assert [line.source for line in manifest.lines] == [
        Source("deep/er.v2.yaml", 2, 3),
        Source("deep/er.v2.yaml", 3, 3),
    ]


@pytest.mark.parametrize("text", ["No", "1984", "12:30:00", "null", "NULL", "1.10", "yes", "0x1F", "2026-11-20"])
def test_texts_stay_as_written(text):
    assert line(f"lines:\n- text: {text}\n").text == text
    assert line(f"text\n{text}\n", "a.csv").text == text


@pytest.mark.parametrize("text", ["NA", "null", "None", "nan", "-", "#N/A"])
def test_cells_stay_as_written(text):
    sound = "a" if text == "-" else text
    only = line(f"text,notes\n{sound},{text}\n", "a.csv")
    assert (only.text, only.notes) == (sound, text)


def test_a_speaker_may_be_the_key():
    manifest = load("""
        speakers: {mole: en, rat: en-us+m3}
        lines:
        - mole: Hullo, Rat!
        - rat: Hullo, Mole!
          emotion: happy
        - {speaker: mole, text: Plain.}
        """)
    assert [(line.speaker, line.text, line.emotion) for line in manifest.lines] == [
        ("mole", "Hullo, Rat!", ""),
        ("rat", "Hullo, Mole!", "happy"),
        ("mole", "Plain.", ""),
    ]
    assert manifest.lines[1].voice == "en-us+m3"


def test_a_speaker_that_is_called_like_a_field_is_no_key():
    assert refuse_one("speakers: {text: en}\nlines:\n- {text: [a]}\n") == (
        "book.yaml:3:10: text: must be one value, not a list"
    )


def test_a_misspelt_speaker_key_is_guessed():
    problem = refuse_one("speakers: {mole: en}\nlines:\n- mloe: Hullo!\n")
    assert problem == "book.yaml:3:3: unknown key 'mloe'\n  hint: did you mean 'mole'?"


def test_every_field_arrives():
    write("rec.wav", b"RIFF")
    only = line("""
        lines:
        - {id: L1, text: Hi, say: hi there, speaker: mole, emotion: happy, intensity: 50%, direction: softly,
           voice: +f3, engine: espeak, language: en-gb, scene: s, start: "00:00:01,500", end: 4.5, duration: 2,
           max_duration: 3s, fit: pad, pause_before: 500ms, pause_after: 1.5s, speed: +10%, pitch: +2st,
           volume: -3dB, seed: 7, take: 2, lock: x, params: {range: 60}, file: "{speaker}/{id}.wav", audio: rec.wav,
           effect: radio, tags: [a, b], skip: no, notes: n}
        """)
    assert (only.id, only.text, only.say, only.spoken) == ("L1", "Hi", "hi there", "hi there")
    assert (only.speaker, only.emotion, only.intensity, only.direction) == ("mole", "happy", 0.5, "softly")
    assert (only.voice, only.engine, only.language, only.scene) == ("+f3", "espeak", "en-gb", "s")
    assert only.slot == Slot(start_s=1.5, end_s=4.5, duration_s=2.0, max_duration_s=3.0, fit="pad")
    assert (only.pause_before_s, only.pause_after_s) == (0.5, 1.5)
    assert (only.speed, only.pitch, only.volume_db) == pytest.approx((1.1, 2 ** (1 / 6), -3.0))
    assert (only.seed, only.take, only.lock, only.params) == (7, 2, True, {"range": 60.0})
    assert (only.file, only.audio, only.effect) == ("{speaker}/{id}.wav", "rec.wav", "radio")
    assert (only.tags, only.notes) == (("a", "b"), "n")


def test_aliases_work_in_both_formats():
    header = "LocalizationKey,Character,SpokenDialogue,mood,lang,rate,silence_after_ms,AudioFileName,param.range,Area"
    only = line(f"{header}\nK1,Mole,Hi,sad,en,1.2,300,x/y.wav,60,gate\n", "a.csv")
    same = line("""
        lines:
        - {LocalizationKey: K1, Character: Mole, SpokenDialogue: Hi, mood: sad, lang: en, rate: 1.2,
           silence_after_ms: 300, AudioFileName: x/y.wav, param.range: 60}
        """)
    for found in (only, same):
        assert (found.id, found.speaker, found.text, found.emotion) == ("K1", "Mole", "Hi", "sad")
        assert (found.speed, found.pause_after_s, found.file, found.params) == (1.2, 0.3, "x/y.wav", {"range": 60.0})


def test_two_names_of_one_field_are_refused():
    problem = refuse_one("lines:\n- {text: a, input: b}\n")
    assert problem.startswith("book.yaml:2:13: 'input' means 'text', and so does 'text'")
    problem = refuse_one("text,speaker,Character\na,b,c\n", "a.csv")
    assert problem.startswith("a.csv:1:3: column 'Character' means 'speaker', and so does column 2 ('speaker')")


def test_an_empty_value_means_not_given():
    manifest = load("""
        defaults: {emotion: sad, speed: 1.2}
        lines:
        - {text: a, emotion: , speed: ~, voice: null, id: ""}
        """)
    assert (manifest.lines[0].emotion, manifest.lines[0].speed, manifest.lines[0].voice) == ("sad", 1.2, "")
    assert line("text,speaker\na,null\n", "a.csv").speaker == "null"


def test_what_write_back_filled_in_has_no_effect():
    sheet = "id,text,status,duration,file,key\nL1,Hello.,ok,1.5,lines/L1.wav,abcdef\n"
    only = line(sheet, "a.csv")
    assert only.id == "L1"
    assert only.slot == Slot(duration_s=1.5)


# --- formats --------------------------------------------------------------------------------------------


def test_json_is_read_too():
    only = line('{"lines": [{"text": "Hi \\ud83d\\ude00", "speed": 1.5,\n\t"lock": true}]}', "a.json")
    assert (only.text, only.speed, only.lock) == ("Hi 😀", 1.5, True)


def test_tsv_and_unknown_suffixes_are_told_by_their_content():
    assert line("text\tspeaker\nHi, you\tmole\n", "a.tsv").text == "Hi, you"
    assert line("speaker;text\nmole;Hi, you\n", "script.txt").speaker == "mole"
    assert line("lines:\n- Hi\n", "script.txt").text == "Hi"
    assert line('{"lines": ["Hi"]}', "script.txt").text == "Hi"


def read_stdin(data: bytes, form: str | None = None) -> Manifest:
    return load_script(ScriptSource(paths=["-"], stdin=data, format=form), None)[1]


def test_standard_input():
    manifest = read_stdin(b"text\nHello, world\n", "csv")
    assert (manifest.name, manifest.path) == ("stdin", "-")
    assert manifest.lines[0].source == Source("stdin", 2, 1)
    assert read_stdin(b"lines: [Hi]").lines[0].text == "Hi"
    with pytest.raises(InputError, match=r"^stdin:1:1: is empty"):
        read_stdin(b"", "csv")


def test_a_manifest_in_a_legacy_encoding_is_read_by_a_guess_that_is_said():
    Path("book.yaml").write_bytes("lines: [Caf\xe9 au lait, voil\xe0]\n".encode("cp1252"))
    manifest = load_manifest("book.yaml")
    assert [line.text for line in manifest.lines] == ["Caf\xe9 au lait", "voil\xe0"]
    assert "book.yaml:1:1: is not UTF-8: it is read as cp1252, which is a guess" in str(manifest.warnings[0])


def test_a_sheet_may_be_named_by_a_manifest():
    write("sub/lines.csv", "id,speaker,text\n1,mole,Hi\n2,rat,Ho\n")
    manifest = load("speakers: {mole: en, rat: de}\nlines: lines.csv\n", "sub/book.yaml")
    assert [(line.id, line.language, line.voice) for line in manifest.lines] == [("1", "en", "en"), ("2", "en", "de")]
    assert manifest.lines[1].source == Source("sub/lines.csv", 3, 1)


def test_each_chapter_may_name_a_sheet():
    write("one.csv", "text\nHi\n")
    manifest = load("chapters:\n- {id: a, lines: one.csv}\n- {id: b, lines: one.csv}\n")
    assert [line.chapter for line in manifest.lines] == ["a", "b"]
    assert len({line.id for line in manifest.lines}) == 2


# --- what is inherited ----------------------------------------------------------------------------------


def test_defaults_run_from_project_to_speaker_to_chapter_to_line():
    manifest = load("""
        project: {language: de}
        defaults: {speed: 1.1, pitch: 1.1, volume: -1dB, emotion: calm, params: {range: 40, tone: 0.1, breath: 0.1}}
        speakers:
          mole: {pitch: 1.2, volume: -2dB, emotion: happy, params: {tone: 0.2, breath: 0.2}}
        chapters:
        - id: c
          volume: -3dB
          emotion: sad
          params: {breath: 0.3}
          lines:
          - {mole: a}
          - {mole: b, emotion: angry, params: {breath: 0.4}}
        lines:
        - c
        """)
    a, b, c = manifest.lines
    assert (a.language, a.speed, a.pitch, a.volume_db, a.emotion) == ("de", 1.1, 1.2, -3.0, "sad")
    assert a.params == {"range": 40.0, "tone": 0.2, "breath": 0.3}
    assert (b.emotion, b.params) == ("angry", {"range": 40.0, "tone": 0.2, "breath": 0.4})
    assert (c.pitch, c.volume_db, c.emotion, c.params["breath"]) == (1.1, -1.0, "calm", 0.1)


def test_every_inheritable_field_is_inherited():
    manifest = load("""
        defaults:
          {speaker: mole, emotion: sad, intensity: 0.5, direction: d, voice: +f3, engine: espeak, language: fr,
           scene: s, fit: pad, pause_before: 1, pause_after: 2, speed: 1.1, pitch: 1.2, volume: -1dB,
           lock: yes, params: {tone: 1}, file: "{id}.wav", effect: fx, tags: t}
        lines: [{text: a, start: 1}, {text: b, skip: yes}]
        """)
    (only,) = manifest.lines
    assert (only.speaker, only.emotion, only.intensity, only.direction, only.voice) == ("mole", "sad", 0.5, "d", "+f3")
    assert (only.engine, only.language, only.scene, only.slot.fit) == ("espeak", "fr", "s", "pad")
    assert (only.pause_before_s, only.pause_after_s, only.speed, only.pitch, only.volume_db) == (1, 2, 1.1, 1.2, -1)
    assert (only.lock, only.params, only.file, only.effect, only.tags) == (
        True,
        {"tone": 1.0},
        "{id}.wav",
        "fx",
        ("t",),
    )


def test_skip_may_be_inherited_and_taken_back():
    manifest = load("chapters:\n- id: c\n  skip: yes\n  lines: [a, {text: b, skip: no}]\n")
    assert [line.text for line in manifest.lines] == ["b"]


def test_a_shared_cast_is_included_and_the_manifest_wins():
    write(
        "shared/cast.yaml",
        """
        include: more.yaml
        speakers:
          mole: {voice: en+m3, speed: 1.2, emotions: {low: {like: sad}}}
          rat: en-us
        emotions: {soft: {like: calm, volume: -6dB}}
        project: {title: Not taken over}
        """,
    )
    write("shared/more.yaml", "speakers: {otter: en, mole: {speed: 3, pitch: 1.3}}\n")
    manifest = load("""
        include: [shared/cast.yaml]
        speakers: {mole: {speed: 1.5, emotions: {low: {pitch: 0.8}, high: {pitch: 1.4}}}}
        lines: [{mole: a, emotion: soft}, {rat: b}, {otter: c}]
        """)
    mole = manifest.lines[0]
    assert (mole.voice, mole.speed, mole.pitch) == ("en+m3", 1.5, 1.3)
    assert sorted(manifest.speakers) == ["mole", "otter", "rat"]
    low = manifest.speakers["mole"].emotions["low"]
    assert (low.pitch, low.speed) == (0.8, 0.84)
    assert sorted(manifest.speakers["mole"].emotions) == ["high", "low"]
    assert manifest.emotions["soft"].volume_db == -6.0
    assert manifest.metadata == {}


def test_a_base_manifest_is_extended_but_its_lines_are_not_taken():
    write(
        "base.yaml",
        """
        project: {title: Base, author: A, seed: 5, recipe: podcast}
        defaults: {speed: 1.2, params: {tone: 0.5}}
        pauses: {comma: 1, phrase: 2}
        speakers: {mole: en}
        lines: [from the base]
        """,
    )
    manifest = load("""
        extends: base.yaml
        project: {title: Mine}
        defaults: {params: {breath: 0.1}}
        pauses: {phrase: 300ms}
        lines: [mine]
        """)
    assert [line.text for line in manifest.lines] == ["mine"]
    assert manifest.metadata == {"title": "Mine", "author": "A"}
    assert (manifest.seed, manifest.recipe) == (5, "podcast")
    assert manifest.pauses == Pauses(comma=1.0, phrase=0.3)
    assert (manifest.lines[0].speed, manifest.lines[0].params) == (1.2, {"tone": 0.5, "breath": 0.1})


def test_what_is_wrong_in_an_included_file_is_said_of_that_file():
    write("cast.yaml", "speakers:\n  mole: {voice: en-us+zz9}\n")
    assert refuse_one("include: cast.yaml\nlines: [{mole: a}]\n").startswith(
        "cast.yaml:2:17: unknown voice 'en-us+zz9'"
    )


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"book.yaml": "include: nope.yaml\nlines: [a]\n"}, "book.yaml:1:10: 'nope.yaml': no such file"),
        ({"book.yaml": "extends: [book.yaml]\nlines: [a]\n"}, "book.yaml:1:11: 'book.yaml': leads back"),
        (
            {"book.yaml": "include: a.yaml\n", "a.yaml": "extends: ./book.yaml\n"},
            "a.yaml:1:10: './book.yaml': leads back",
        ),
        ({"book.yaml": "include: [[a]]\nlines: [a]\n"}, "book.yaml:1:11: include: must name a file"),
        ({"book.yaml": "include: a.csv\nlines: [a]\n", "a.csv": "text\na\n"}, "a.csv:1:1: is a sheet"),
        ({"book.yaml": "include: a.yaml\nlines: [a]\n", "a.yaml": "a: [\n"}, "a.yaml:2:1: is not YAML"),
        ({"book.yaml": "lines: nope.csv\n"}, "book.yaml:1:8: 'nope.csv': no such file"),
        ({"book.yaml": "lines: a.csv\n", "a.csv": b"text\n\0\n"}, "a.csv:2:1: contains the control"),
        (
            {"book.yaml": "include: c0.yaml\n", **{f"c{n}.yaml": f"include: c{n + 1}.yaml\n" for n in range(12)}},
            "c7.yaml:1:10: 'c8.yaml': is more than 8 files deep",
        ),
    ],
)
def test_references_that_lead_nowhere(files, problem):
    for name, text in files.items():
        write(name, text)
    with pytest.raises(InputError) as caught:
        load_manifest("book.yaml")
    assert str(caught.value.problems[0]).startswith(problem)


def test_including_a_file_often_costs_little():
    for level in range(8):
        write(f"c{level}.yaml", f"include: [{', '.join([f'c{level + 1}.yaml'] * 20)}]\n")
    write("c8.yaml", "speakers: {mole: en}\n")
    begun = time.perf_counter()
    refuse("include: c0.yaml\nlines: [a]\n")
    assert time.perf_counter() - begun < 5


# --- ids ------------------------------------------------------------------------------------------------


def ids(*texts):
    return [line.id for line in load("lines:\n" + "".join(f"- {text}\n" for text in texts)).lines]


def test_automatic_ids_come_from_content_and_not_from_the_place():
    one, two = ids("One.", "Two.")
    assert ids("New.", "One.", "Other.", "Two.")[1::2] == [one, two]
    assert ids("Two.", "One.") == [two, one]
    assert ids("One!", "Two.")[1] == two
    assert one != ids("One!")[0]


def test_equal_lines_get_ids_of_their_own_that_survive_a_skip():
    first, second = ids("Same.", "Same.")
    assert first != second
    assert ids("{text: Same., skip: yes}", "Same.") == [second]
    assert ids("{text: Same., id: mine}", "Same.") == ["mine", second]


def test_ids_depend_on_speaker_and_chapter():
    assert len({*ids("Hi"), *ids("{text: Hi, speaker: a}"), *ids("{text: Hi, chapter: a}")}) == 3


def test_an_id_given_twice_names_both_places():
    problem = refuse_one("lines:\n- {text: a, id: L1}\n- b\n- {text: c, id: L1}\n")
    assert problem == "book.yaml:4:17: id 'L1' is given twice\n  hint: it is first given at book.yaml:2:3"
    assert "as 'L1'" in refuse_one("lines:\n- {text: a, id: L1}\n- {text: c, id: l1}\n")


# --- chapters -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "chapters",
    [
        "[{id: a, title: First, lines: [x]}, {title: Second, lines: [y]}, {lines: [z]}]",
        "{a: {title: First, lines: [x]}, Second: {title: Second, lines: [y]}, 3: [z]}",
    ],
)
def test_chapters_come_as_a_list_or_a_mapping(chapters):
    manifest = load(f"chapters: {chapters}\n")
    assert [line.chapter for line in manifest.lines] == ["a", "Second", "3"]
    assert list(manifest.chapters.values()) == [
        Chapter(id="a", title="First"),
        Chapter(id="Second", title="Second"),
        Chapter(id="3"),
    ]


def test_a_sheet_has_its_chapters_in_a_column():
    manifest = load("chapter,text\nOne,a\nOne,b\nTwo,c\n", "a.csv")
    assert list(manifest.chapters) == ["One", "Two"]
    assert [line.chapter for line in manifest.lines] == ["One", "One", "Two"]


AGAIN = (
    "lines: [{chapter: One, text: a}, {chapter: Two, text: b}, {chapter: One, text: c}, {chapter: One, text: d},"
    " {chapter: Two, text: e}, {chapter: One, text: f}]\n"
)


@pytest.mark.parametrize(
    "script",
    [
        "chapter,text\nOne,a\nTwo,b\nOne,c\nOne,d\nTwo,e\nOne,f\n",
        AGAIN,
        f"chapters: {{Two: '', One: ''}}\n{AGAIN}",
    ],
)
def test_a_chapter_that_begins_again_is_a_second_one(script: str):
    """What a script says in its order is spoken in its order."""
    manifest = load(script, "a.csv" if script.startswith("chapter,") else "book.yaml")
    assert [line.chapter for line in manifest.lines] == ["One", "Two", "One-2", "One-2", "Two-2", "One-3"]
    assert [manifest.chapters[name].title or name for name in ("One", "One-2", "One-3")] == ["One"] * 3
    said = [warning.message for warning in manifest.warnings if "begins a second time" in warning.message]
    assert len(said) == 2


def test_ten_thousand_turns_between_two_chapters_load_in_a_moment():
    rows = "".join(f"{'One' if index % 2 else 'Two'},a\n" for index in range(10_000))
    begun = time.process_time()
    manifest = load(f"chapter,text\n{rows}", "a.csv")
    assert len(manifest.chapters) == 10_000
    assert time.process_time() - begun < 6


def test_a_second_chapter_is_like_the_first_and_ids_do_not_move():
    apart = load(
        "chapters: {one: {title: The First, speaker: s}, One-2: ''}\nlines: [{chapter: one, text: a},"
        " {chapter: One-2, text: b}, {chapter: The First, text: c}, d, {chapter: one, text: e}, f]\n"
    )
    assert [line.chapter for line in apart.lines] == ["one", "One-2", "one-3", "", "one-4", "part-2"]
    assert [line.speaker for line in apart.lines] == ["s", "", "s", "", "s", ""]
    assert [apart.chapters[name].title for name in ("one-3", "one-4")] == ["The First"] * 2
    together = load("chapters: {one: {title: The First, speaker: s}}\nlines: [{chapter: one, text: c}]\n")
    assert together.lines[0].id == apart.lines[2].id


def test_a_line_may_name_a_declared_chapter_by_id_or_title():
    write("a.csv", "chapter,text\none,a\nThe Second,b\n")
    manifest = load("chapters: {one: The First, two: The Second}\nlines: a.csv\n")
    assert [line.chapter for line in manifest.lines] == ["one", "two"]
    write("a.csv", "chapter,text\ntow,a\n")
    problem = refuse_one("chapters: {one: The First, two: The Second}\nlines: a.csv\n")
    assert problem == "a.csv:2:1: unknown chapter 'tow'\n  hint: did you mean 'two'?"


@pytest.mark.parametrize(
    ("chapters", "problem"),
    [
        ("7", "1:11: chapters: must be a list or a mapping"),
        ("[{id: a, lines: [x]}, {id: a, lines: [y]}]", "1:38: chapter 'a' is given twice"),
        ("[{id: a, lines: [{text: x, chapter: b}]}]", "1:47: chapter 'b': the line is written in 'a'"),
        ("[{id: a, lines: {x: y}}]", "1:27: lines: must be a list"),
        ("[{id: a, lines: [[x]]}]", "1:28: a line is a text or a mapping"),
        ("[{titel: a, lines: [x]}]", "1:13: unknown key 'titel'"),
    ],
)
def test_chapters_that_make_no_sense(chapters, problem):
    assert refuse(f"chapters: {chapters}\n")[0].startswith(f"book.yaml:{problem}")


# --- emotions and engines -------------------------------------------------------------------------------


def test_emotions_are_made_from_others():
    manifest = load("""
        emotions:
          soft: {like: calm, description: quiet, volume: -6dB, params: {breath: 0.2}}
          softer: {like: soft, speed: 0.8}
          own: {pitch: 1.1}
          sad: {like: sad, pitch: 0.7}
        speakers:
          mole: {voice: en, emotions: {soft: {like: soft, speed: 0.7}}}
        lines: [{mole: a, emotion: soft}, {mole: b, emotion: softer}, {mole: c, emotion: angry}]
        """)
    softer = manifest.emotions["softer"]
    assert (softer.name, softer.description, softer.speed, softer.volume_db) == ("softer", "quiet", 0.8, -6.0)
    assert softer.params["breath"] == 0.2
    assert softer.params["range"] == 38
    assert manifest.emotions["own"].params == {}
    assert manifest.emotions["sad"].pitch == 0.7
    assert manifest.emotions["sad"].speed < 1
    mine = manifest.speakers["mole"].emotions["soft"]
    assert (mine.speed, mine.volume_db) == (0.7, -6.0)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("emotions: {a: {like: b}, b: {like: b}}", "1:36: like: 'b' leads in a circle"),
        ("emotions: {a: {like: hapy}}", "1:22: unknown emotion 'hapy'\n  hint: did you mean 'happy'?"),
        (
            "emotions: {a: {params: {rnge: 3}}}",
            "1:31: rnge: espeak has no such parameter\n  hint: did you mean 'range'?",
        ),
        ("emotions: {a: 3}", "1:15: a: must be a mapping"),
        ("emotions: [a]", "1:11: emotions: must be a mapping"),
        ("emotions: {a: {speed: nan}}", "1:23: speed: 'nan' is not a speed"),
        ("speakers: {a: {emotions: {x: {like: hapy}}}}", "1:37: unknown emotion 'hapy'"),
        ("speakers: {a: {voice: en-us+zz}}", "1:23: unknown voice 'en-us+zz'"),
        ("speakers: {a: en-us+zz}", "1:15: unknown voice 'en-us+zz'"),
        ("speakers: {a: {engine: espaek}}", "1:24: unknown engine 'espaek'\n  hint: did you mean 'espeak'?"),
        ("speakers: {a: {engine: recording}}", "1:24: unknown engine 'recording'"),
        ("speakers: {a: {language: xx-yy}}", "1:26: unknown language 'xx-yy'"),
        ("speakers: {a: {params: {tone: 7}}}", "1:31: tone: 7 is not between -1 and 1"),
        ("speakers: {a: {params: {speed: 1}}}", "1:32: speed: is a field of its own"),
        ("speakers: {a: {vioce: en}}", "1:16: unknown key 'vioce'\n  hint: did you mean 'voice'?"),
        ("speakers: {a: [x]}", "1:15: a: must be a mapping"),
        ("speakers: 3", "1:11: speakers: must be a mapping"),
        ('speakers: {? "a\\tb" : en}', "1:14: 'a\\tb' is not a name"),
        ("defaults: {speed: 3.5}", "1:19: speed: 3.50 is not between 0.46 and 2.56"),
        ("defaults: {emotion: hapy}", "1:21: unknown emotion 'hapy'"),
        ("project: {titel: x}", "1:11: unknown key 'titel'\n  hint: did you mean 'title'?"),
        ("project: x", "1:10: project: must be a mapping"),
        ("project: {seed: -1}", "1:17: seed: '-1' is not a whole number"),
        ("pauses: {coma: 1}", "1:10: unknown key 'coma'\n  hint: did you mean 'comma'?"),
        ("pauses: {comma: 99}", "1:17: comma: 99 is not between 0 s and 60 s"),
        ("spekers: {}", "1:1: unknown key 'spekers'\n  hint: did you mean 'speakers'?"),
    ],
)
def test_what_is_wrong_outside_of_lines(text, problem):
    assert refuse_one(f"{text}\nlines: [hello]\n").startswith(f"book.yaml:{problem}")


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ("text: a, emotion: hapy", "22: unknown emotion 'hapy'\n  hint: did you mean 'happy'?"),
        ("text: a, speaker: mloe", "22: unknown speaker 'mloe'\n  hint: did you mean 'mole'?"),
        ("text: a, voice: en-us+zz", "20: unknown voice 'en-us+zz'"),
        ("text: a, engine: espaek", "21: unknown engine 'espaek'"),
        ("text: a, language: qqq", "23: unknown language 'qqq'"),
        ("text: a, intensity: 3, emotion: sad", "24: intensity: '3' is not between 0 and 1"),
        ("text: a, params: {nope: 1}", "28: nope: espeak has no such parameter"),
        ("text: a, params: {tone: nan}", "28: tone: 'nan' is not a number"),
        ("text: a, params: 3", "21: params: must be a mapping"),
        ("text: a, top_p: 0.5", "20: top_p: espeak has no such parameter"),
        ("text: a, speed: fast", "20: speed: 'fast' is not a speed"),
        ("text: a, speed: 2.5, emotion: excited", "20: speed: 2.90 with the emotion 'excited' is not between"),
        ("text: a, start: 3, end: 2", "28: ends at 2 s, but starts at 3 s"),
        ("text: a, fit: squeeze", "18: fit: 'squeeze' is not a fit\n  hint: known: 'none', 'pad'"),
        ("text: a, id: ../x", "17: id: '../x' cannot be an id"),
        ("text: a, file: /etc/x", "19: file: '/etc/x' cannot be an output file"),
        ("text: a, audio: nope.wav", "20: audio: no such file 'nope.wav'"),
        ("text: a, skip: maybe", "19: skip: 'maybe' is neither yes nor no"),
        ("text: a, take: 0", "19: take: '0' is not a whole number"),
        ("text: a, nonsense: 1", "13: unknown key 'nonsense'"),
        ("text: 'a [pause:soon]'", "10: '[pause:soon]' has no length"),
        ("text: a, say: ...", "18: nothing to speak"),
        ("text: '...'", "10: nothing to speak"),
        ("text: '[break]'", "10: nothing to speak"),
        ("say: hello", "3: a line needs `text`"),
        ("speaker: mole", "3: a line needs `text`"),
        ("text: [a]", "10: text: must be one value, not a list"),
        ("text: {a: b}", "10: text: must be one value, not a mapping"),
    ],
)
def test_what_is_wrong_with_a_line(fields, problem):
    text = f"speakers: {{mole: en}}\nlines:\n-   {{{fields}}}\n"
    assert refuse_one(text).startswith(f"book.yaml:3:{int(problem.split(':')[0]) + 2}:{problem.partition(':')[2]}")


def test_all_problems_come_at_once_in_order_of_their_places():
    write("cast.yaml", "speakers: {mole: {voice: zz9}}\n")
    problems = refuse("""\
        include: cast.yaml
        project: {titel: x}
        lines:
        - {text: "...", emotion: hapy, speed: x}
        - {text: a, speaker: nobody}
        - {text: b, id: "?"}
        """)
    assert [problem.split(": ")[0] for problem in problems] == [
        *("book.yaml:2:11", "book.yaml:4:10", "book.yaml:4:26", "book.yaml:4:39", "book.yaml:5:22", "book.yaml:6:17"),
        "cast.yaml:1:26",
    ]


def test_a_sheets_problems_name_row_and_column():
    problems = refuse('id,speaker,text,emotion\n1,mole,"a\nb",hapy\n2,rat,[pause:x],\n', "a.csv")
    assert [problem.split("\n")[0] for problem in problems] == [
        "a.csv:2:4: unknown emotion 'hapy'",
        "a.csv:3:3: '[pause:x]' has no length in seconds or milliseconds",
    ]


def test_a_wrong_default_is_reported_once_and_where_it_was_written():
    problem = refuse_one("defaults: {voice: zz9}\nlines:\n" + "- text: a\n" * 50)
    assert problem.startswith("book.yaml:1:19: unknown voice 'zz9'")


def test_many_problems_are_cut_short_and_counted():
    problems = refuse("text,speed\n" + "a,x\n" * 1000, "a.csv")
    assert len(problems) == 101
    assert problems[0].startswith("a.csv:2:2: speed")
    assert problems[-1] == "a.csv:102:2: and 900 more problems from here on"


def test_a_file_that_cannot_be_read_hides_no_speaker():
    text = "include: nope.yaml\nspeakers: {a: en}\nlines: [{text: x, speaker: b}]\n"
    assert refuse_one(text).startswith("book.yaml:1:10: 'nope.yaml': no such file")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "book.yaml:1:1: is empty"),
        ("just words", "book.yaml:1:1: is a single value, not a manifest"),
        ("- a\n- b\n", "book.yaml:1:1: is a list, not a manifest\n  hint: put the lines under `lines:`"),
        ("title: x\n", "book.yaml:1:1: unknown key 'title'"),
        ("project: {title: x}\n", "book.yaml:1:1: has no lines"),
        ("lines: []\n", "book.yaml:1:1: has no lines"),
        ("lines: [{text: a, skip: yes}]\n", "book.yaml:1:1: every line is skipped"),
        ("lines: 7\n", "book.yaml:1:8: '7': no such file"),
        (b"lines: [a\0b]\n", "book.yaml:1:10: contains the control character U+0000"),
        ("a: &a [*a]\n", "book.yaml:1:8: *a contains itself"),
        ("lines:\n- a\nlines:\n- b\n", "book.yaml:3:1: 'lines' is given twice"),
    ],
)
def test_files_that_are_no_manifest(text, problem):
    assert refuse(text)[0].startswith(problem)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "a.csv:1:1: is empty"),
        ("speaker,texts\na,b\n", "a.csv:1:1: no column is called `text`\n  hint: did you mean 'texts'?"),
        ("text\n", "a.csv:1:1: has no lines"),
        ("text,id\na,1\nb,1\n", "a.csv:3:2: id '1' is given twice\n  hint: it is first given at a.csv:2:1"),
        ("id,text\n1,\n", "a.csv:2:1: a line needs `text`"),
        ("text,speed\na,b,c\n", "a.csv:2:3: has 3 cells, but the header has 2"),
        ('text,speed\n"a,b\n', "a.csv:2:1: a quote is opened here"),
    ],
)
def test_sheets_that_are_no_manifest(text, problem):
    assert refuse_one(text, "a.csv").startswith(problem)


def test_a_missing_file_and_a_folder_are_input_errors():
    with pytest.raises(InputError, match=r"^nope.yaml:1:1: no such file"):
        load_manifest("nope.yaml")
    with pytest.raises(InputError, match=r"^\.:1:1: is a folder"):
        load_manifest(".")


# --- recordings, warnings, small things -----------------------------------------------------------------


def test_a_recording_needs_no_text_and_lies_beside_the_manifest():
    write("sub/rec/a.wav", b"RIFF")
    manifest = load("lines: [{audio: rec/a.wav}, {text: '...', audio: rec/a.wav}]\n", "sub/book.yaml")
    assert [line.audio for line in manifest.lines] == ["sub/rec/a.wav"] * 2
    assert line("audio,text\nrec/a.wav,\n", "sub/a.csv").audio == "sub/rec/a.wav"


def test_a_recipe_file_lies_beside_the_manifest():
    assert load("project: {recipe: my.yaml}\nlines: [a]\n", "sub/book.yaml").recipe == "sub/my.yaml"
    assert load("project: {recipe: podcast}\nlines: [a]\n", "sub/book.yaml").recipe == "podcast"


def test_doubtful_things_are_warnings():
    manifest = load("speaker,text,intensity,area\nMole,a,,x\nmole,b,0.5,y\nRat,caf\u00c3\u00a9,,z\n", "a.csv")
    assert [str(warning).split("\n")[0] for warning in manifest.warnings] == [
        "a.csv:3:3: intensity does nothing without an emotion",
        "a.csv:4:2: '\u00c3\u00a9' looks like text saved in the wrong encoding",
        "a.csv:3:1: speaker 'mole' is also spelled 'Mole'",
    ]
    assert sorted(manifest.speakers) == ["Mole", "Rat", "mole"]


def test_a_pause_mark_stays_in_the_text():
    assert line("lines: ['a [pause:1s] b']\n").text == "a [pause:1s] b"


def test_yaml_merge_keys_and_aliases_work():
    manifest = load("""
        speakers: {mole: &loud {volume: 3dB}, rat: {<<: *loud, speed: 1.1}}
        lines: [{mole: a}, {rat: b}]
        """)
    assert [(line.volume_db, line.speed) for line in manifest.lines] == [(3.0, 1.0), (3.0, 1.1)]


@pytest.mark.parametrize("suffix", ["csv", "yaml"])
def test_twenty_thousand_lines_load_in_a_moment(suffix):
    if suffix == "csv":
        rows = (f'L{n},mole,"This is line {n}, of the book.",happy,300ms\n' for n in range(20_000))
        path = write("big.csv", "id,speaker,text,emotion,pause_after\n" + "".join(rows))
    else:
        items = (f"- mole: This is line {n} of the book.\n  emotion: happy\n" for n in range(20_000))
        path = write("big.yaml", "speakers: {mole: en}\nlines:\n" + "".join(items))
    begun = time.perf_counter()
    assert len(load_manifest(path).lines) == 20_000
    assert time.perf_counter() - begun < 6


def test_a_template_may_name_the_sheets_own_columns_and_no_others():
    sheet = load("text,Quest ID,file\nHello.,Q1,{quest id}/{id}.wav\n", "game.csv").lines
    assert [(one.file, dict(one.columns)) for one in sheet] == [("{quest id}/{id}.wav", {"Quest ID": "Q1"})]
    with pytest.raises(InputError) as caught:
        load("text,Quest ID,file\nHello.,Q1,{qest}/{id}.wav\n", "game.csv")
    [problem] = caught.value.problems
    assert "'{qest}/{id}.wav' has a field that nobody knows" in problem.message
    assert "{Quest ID}" in problem.hint
    assert (problem.source.line, problem.source.column) == (2, 3)


def test_every_file_behind_a_manifest_is_known(tmp_path):
    (tmp_path / "take.wav").touch()
    write("cast.yaml", "speakers: {ann: f3}\n")
    write("sheet.csv", "text\nHello.\n")
    book = load(
        "include: cast.yaml\nchapters:\n  - {id: a, lines: sheet.csv}\n  - {id: b, lines: [{audio: take.wav}]}\n"
    )
    assert {"book.yaml", "cast.yaml", "sheet.csv", "take.wav"} <= set(book.files)
