from hypothesis import given
from hypothesis import strategies as st

from tts_cli.text.captions import CaptionRules, split_captions, width

RULES = CaptionRules()
TEXTS = st.text(
    st.sampled_from("abc déf. , ! ? 日本語、。ก\u0301 -").filter(lambda char: char != "\u0301"),
    min_size=1,
    max_size=400,
).filter(lambda text: text.strip())


def shown(text: str) -> list[str]:
    return [chunk.text for chunk in split_captions(text, RULES)]


def test_short_text_is_one_line():
    assert shown("Good morning, gentlemen.") == ["Good morning, gentlemen."]


def test_lines_are_even_and_short():
    assert shown("The mole had been working very hard all the morning, they say.") == [
        "The mole had been working very\nhard all the morning, they say."
    ]


def test_a_caption_ends_with_a_sentence_where_it_can():
    text = "Nobody spoke for a very long time indeed. Then a bell rang, far away, twice, and once more after that."
    assert shown(text)[0].replace("\n", " ") == "Nobody spoke for a very long time indeed."


def test_no_word_is_left_alone():
    text = "The Mole had been working very hard all the morning, spring-cleaning his little home."
    assert min(len(caption) for caption in shown(text)) > 20


def test_a_sentence_of_a_third_of_a_caption_is_no_caption_by_itself():
    text = f"Nobody spoke for a while now. Then a bell rang twice {'x' * 40} {'far away ' * 12}"
    assert shown(text)[0] == "Nobody spoke for a while\nnow. Then a bell rang twice"
    longer = text.replace("now", "more now")
    assert shown(longer)[0] == "Nobody spoke for a while more now."


def test_wide_characters_count_two_and_break_anywhere_but_before_punctuation():
    captions = shown("今日は天気がいいので、川へ散歩に行きましょう。" * 4)
    assert all(width(line) <= 42 for caption in captions for line in caption.split("\n"))
    assert all(line[0] not in "、。" for caption in captions for line in caption.split("\n"))


def test_a_word_wider_than_a_line_stays_whole():
    assert shown("x" * 60) == ["x" * 60]


@given(TEXTS)
def test_nothing_is_lost_and_everything_fits(text):
    chunks = split_captions(text, RULES)
    assert "".join("".join(chunk.text.split()) for chunk in chunks) == "".join(text.split())
    for chunk in chunks:
        lines = chunk.text.split("\n")
        assert all(width(line) <= 42 or " " not in line for line in lines)
        assert len(lines) <= 2
    ends = [0, *(chunk.end for chunk in chunks)]
    assert all(before <= chunk.start < chunk.end for before, chunk in zip(ends, chunks, strict=False))


def test_lines_are_filled_to_the_last_column():
    text = " ".join([f"{'a' * 20} {'b' * 21}"] * 6)
    assert shown(text)[0] == f"{'a' * 20} {'b' * 21}\n{'a' * 20} {'b' * 21}"
