"""Tags of a file without voices of machines: what the project says, in the order of what is most exact."""

from tts_cli.pipeline.master.labels import LONGEST_TAG, file_tags
from tts_cli.pipeline.model import Plan
from tts_cli.types import Manifest


def tags_of(part: str = "", number: str = "", /, **metadata: str) -> dict[str, str]:
    manifest = Manifest(name="book", path="book.yaml", lines=(), metadata=metadata)
    return file_tags(Plan(manifest=manifest, lines=(), takes={}, selected=frozenset()), [], part, number)


def test_without_a_word_of_the_project_the_name_of_the_script_is_the_title() -> None:
    assert tags_of() == {"title": "book", "album": "book"}


def test_a_part_has_its_own_title_in_the_album_of_the_whole() -> None:
    tags = tags_of("One", "1/9", title="The Willows", author="Grahame", narrator="Nora", series="Banks")
    assert (tags["title"], tags["album"], tags["track"]) == ("One", "The Willows", "1/9")
    assert (tags["artist"], tags["album_artist"], tags["composer"]) == ("Grahame", "Grahame", "Nora")
    assert tags["grouping"] == "Banks"


def test_a_date_is_more_exact_than_a_year() -> None:
    assert tags_of(date="2024-05-01", year="2024")["date"] == "2024-05-01"
    assert tags_of(year="2024")["date"] == "2024"


def test_a_tag_is_one_line_of_no_more_than_it_may_be() -> None:
    assert tags_of(description="one\n\ttwo\x00three ")["description"] == "one two three"
    assert len(tags_of(description="x" * 5000)["description"]) == LONGEST_TAG == 2000
