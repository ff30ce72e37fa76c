import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tts_cli.errors import InputError
from tts_cli.formats import yaml_tree
from tts_cli.formats.decode import Decoded, decode
from tts_cli.formats.yaml_tree import read_yaml


@pytest.fixture(params=["libyaml", "python"], autouse=True)
def loader(request, monkeypatch):
    """Every test runs with and without libyaml."""
    if request.param == "python":
        monkeypatch.setattr(yaml_tree, "LOADER", yaml.BaseLoader)
    elif not yaml.__with_libyaml__:
        pytest.skip("PyYAML was built without libyaml")


def read(text, **options):
    return read_yaml(Decoded(text), "book.yaml", **options)


def refuse(text, **options):
    with pytest.raises(InputError) as caught:
        read(text, **options)
    return [str(problem) for problem in caught.value.problems]


def test_every_scalar_stays_a_string():
    data = read("a: No\nb: 1984\nc: 12:30:00\nd: ~\ne: null\nf: 1.10\ng: 0x1F\nh: 2026-11-20\ni:\n").data
    assert list(data.values()) == ["No", "1984", "12:30:00", "~", "null", "1.10", "0x1F", "2026-11-20", ""]


def test_marks_have_the_shape_of_the_data():
    tree = read("lines:\n- a: é x\n  b: [1, 2]\n")
    line = tree.marks.items["lines"].items[0]
    assert (line.line, line.column) == (1, 2)
    assert (line.keys["b"].line, line.keys["b"].column) == (2, 2)
    assert (line.items["a"].line, line.items["a"].column) == (1, 5)
    assert (line.items["b"].items[1].line, line.items["b"].items[1].column) == (2, 9)


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n", "\ufeff", "--- \n...\n"])
def test_an_empty_file_is_refused(text):
    assert refuse(text)[0].startswith("book.yaml:1:1: is empty\n  hint: ")


def test_a_key_given_twice_is_refused_at_the_second():
    problems = refuse("a: 1\nb:\n  c: 2\n  c: 3\na: 4\n")
    assert [problem.split("\n")[0] for problem in problems] == [
        "book.yaml:4:3: 'c' is given twice",
        "book.yaml:5:1: 'a' is given twice",
    ]
    assert "line 3" in problems[0]


def test_merge_keys_are_taken_over():
    data = read("base: &b {x: 1, y: 2}\nmore: &m {y: 3, z: 4}\none: {<<: *b, y: 9}\ntwo: {<<: [*m, *b], x: 0}\n").data
    assert data["one"] == {"x": "1", "y": "9"}
    assert data["two"] == {"x": "0", "y": "3", "z": "4"}


@pytest.mark.parametrize("text", ["<<: 3", "a: &a [1]\nb: {<<: *a}", "b: {<<: [x]}"])
def test_merging_what_is_no_mapping_is_refused(text):
    assert "`<<` takes a mapping" in refuse(text)[0]


def test_a_quoted_merge_sign_is_a_key():
    assert read("'<<': x").data == {"<<": "x"}


@pytest.mark.parametrize("text", ["a: &a [*a]", "a: &a {b: {c: *a}}", "- &x\n  - *x\n"])
def test_a_recursive_alias_is_refused(text):
    assert "contains itself" in refuse(text)[0]


def test_an_unknown_alias_is_refused():
    assert refuse("a: 1\nb: *nope\n")[0].startswith("book.yaml:2:4: ")


def test_a_billion_laughs_are_refused_quickly():
    bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
    bomb += "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 40))
    begun = time.perf_counter()
    assert "aliases expand" in refuse(bomb)[0]
    assert time.perf_counter() - begun < 2


@pytest.mark.parametrize("text", ["[" * 50_000, "- " * 50_000, "{a: " * 5_000, "? " * 50_000])
def test_endless_depth_is_refused_quickly(text, loader, request):
    if "python" in request.node.name:
        text = text[:4000]
    begun = time.perf_counter()
    assert "nested deeper" in refuse(text)[0]
    assert time.perf_counter() - begun < 5


def test_too_many_values_are_refused(monkeypatch):
    monkeypatch.setattr(yaml_tree, "MAX_NODES", 100)
    assert refuse("- a\n" * 101)[0].startswith("book.yaml:101:3: holds more than 100 values")


def test_a_second_document_is_refused():
    assert refuse("a: 1\n---\nb: 2\n")[0].startswith("book.yaml:2:1: a second document")


@pytest.mark.parametrize("text", ["? [a, b]\n: c\n", "{a: b}: c\n"])
def test_a_structure_as_key_is_refused(text):
    assert "a key must be plain text" in refuse(text)[0]


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.system", "!include", "!!binary", "!<tag:x>"])
def test_foreign_tags_are_refused(tag):
    assert "the tag" in refuse(f"a: {tag} 'echo x'\n")[0]


def test_standard_tags_change_nothing():
    assert read("a: !!int '3'\nb: !!str 4\nc: ! x\nd: !!map {e: f}\n").data == {
        "a": "3",
        "b": "4",
        "c": "x",
        "d": {"e": "f"},
    }


@pytest.mark.parametrize("text", ['a: "x\\0y"', 'a: "\\x07"', 'a: "\\x1b[31m"'])
def test_escaped_control_characters_are_refused(text):
    assert "control character" in refuse(text)[0]


@pytest.mark.parametrize(
    ("text", "place", "hint"),
    [
        ("a: b: c\n", "1:5", "quote a text"),
        ("a:\n\tb: c\n", "2:1", "not with tabs"),
        ("a: 'x\n", "2:1", "quote is not closed"),
        ("a: [1, 2\n", "2:1", "bracket is not closed"),
        ("a: 1\n b: 2\n", "2:3", "quote a text"),
        ("a: @x\n", "1:4", "quote a text"),
        ("- a\nb: c\n", "2:1", "same column"),
    ],
)
def test_broken_yaml_has_a_place_and_a_hint(text, place, hint):
    problem = refuse(text)[0]
    assert problem.startswith(f"book.yaml:{place}: is not YAML") or "'x" in text
    assert hint in problem


def test_json_is_yaml_with_other_escapes():
    text = '{"a": "\\ud83d\\ude00 \\\\ud83d \\u00e9 \\/",\n\t"b":[1,true,null]}'
    assert read(text, is_json=True).data == {"a": "😀 \\ud83d é /", "b": ["1", "true", "null"]}


def test_a_lone_surrogate_is_refused():
    assert refuse('{"a": "\\ud83d"}', is_json=True)[0].startswith("book.yaml:1:")


@given(
    st.recursive(
        st.text("ab: -#'\"\n1", max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text("ab1", min_size=1, max_size=3), inner, max_size=3)
        ),
    )
)
def test_what_yaml_writes_is_read_back(data):
    dumped = yaml.safe_dump({"data": data})
    assert read_yaml(Decoded(dumped), "x").data == yaml.load(dumped, yaml.BaseLoader)


def test_twenty_thousand_lines_are_read_in_a_moment(loader, request):
    if "python" in request.node.name:
        pytest.skip("only libyaml is fast")
    text = "lines:\n" + "".join(f"- speaker: mole\n  text: This is line {n}.\n" for n in range(20_000))
    begun = time.perf_counter()
    assert len(read_yaml(decode(text.encode(), "x"), "x").data["lines"]) == 20_000
    assert time.perf_counter() - begun < 3
