"""English in words: what is written short, what stays as it is, and where each stretch lies."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_cli.text.english import read_english

SPOKEN = {
    "Mr. Brown lives on Baker St. near the old theatre.": "Mr. Brown lives on Baker Street near the old theatre.",
    "Dr. Smith and Mrs. Jones arrived at St. Mary's.": "Doctor Smith and Mrs. Jones arrived at Saint Mary's.",
    "He lives on Elm Dr. He likes it.": "He lives on Elm Drive. He likes it.",
    "Visit St. Paul's.": "Visit Saint Paul's.",
    "We met. St. Paul's is old.": "We met. Saint Paul's is old.",
    "Sgt. Lee met Lt. Ray on Mt. Everest.": "Sergeant Lee met Lieutenant Ray on Mount Everest.",
    "Fifth Ave. is long.": "Fifth Avenue is long.",
    "Apple Inc. said so.": "Apple Incorporated said so.",
    "He left Apple Inc. It grew.": "He left Apple Incorporated. It grew.",
    "Sammy Davis Jr. sang.": "Sammy Davis Junior sang.",
    "Paper, pens, etc. to the lesson.": "Paper, pens, et cetera to the lesson.",
    "Paper, pens, etc. Then we left.": "Paper, pens, et cetera. Then we left.",
    "Paper, pens, etc.": "Paper, pens, et cetera.",
    "Us vs. them.": "Us versus them.",
    "Call by 6 p.m. and rest.": "Call by 6 P M and rest.",
    "The U.S. team won.": "The U S team won.",
    "Ask, e.g. Tom, i.e. him.": "Ask, E G Tom, I E him.",
    "On Jan. 5 we left.": "On January 5 we left.",
    "See fig. 3 and pp. 4-6.": "See figure 3 and pages 4 to 6.",
    "No. 5 is alive.": "Number 5 is alive.",
    "Add 1/2 a cup.": "Add one half a cup.",
    "Add 2 1/2 cups and 3/4 more.": "Add 2 and a half cups and three quarters more.",
    "3½ miles, ¾ of it.": "3 and a half miles, three quarters of it.",
    "5 kg, 1 kg, 30cm, 2 ft.": "5 kilograms, 1 kilogram, 30 centimeters, 2 feet.",
    "1.1 kg": "1.1 kilograms",
    "50°C and 90 °F, 70 mph": "50 degrees Celsius and 90 degrees Fahrenheit, 70 miles per hour",
    "$5 m and 5 m": "$5 million and 5 meters",
    "At 10:30, 10:05 and 10:00.": "At 10 30, 10 oh 5 and 10 o'clock.",
    "At 6:00 pm and 6:00 p.m.": "At 6 pm and 6 P M.",
    "At 18:00.": "At 18 hundred.",
    "From 1987–2014.": "From 1987 to 2014.",
    "Take #5.": "Take number 5.",
}
AS_IT_IS = (
    "The answer is no. Then he left.",
    "I saw it. In the end, so did he.",
    "Call 555-0199, gate 3-1.",
    "Room 25:61 and 1:2:30.",
    "It was 9/11 and 24/7.",
    "Nobody says 5 into or 5 gallons.",
    "He said so. St",
    "$5 kg",
    "Version 1.2/3.4, a #tag, 1980s.",
    "[pause: 2] kept as it is.",
    "a col. of smoke",
)


@pytest.mark.parametrize(("written", "spoken"), SPOKEN.items())
def test_what_is_written_short_is_put_into_words(written: str, spoken: str) -> None:
    assert read_english(written).spoken == spoken


@pytest.mark.parametrize("text", AS_IT_IS)
def test_what_no_rule_knows_stays(text: str) -> None:
    assert read_english(text) == (text, ())


PIECES = st.lists(
    st.one_of(
        st.sampled_from(["Dr.", "St.", "etc.", "10:30", "1/2", " 1/2", "½", "5 kg", "°C", "#5", "3-5", "$", "A", ". "]),
        st.text("aB1 .:/-\n\u00a0", max_size=6),
    ),
    max_size=12,
).map("".join)


@given(PIECES)
def test_nothing_is_lost_and_each_span_says_what_was_written(text: str) -> None:
    reading = read_english(text)

    written, at = [], 0
    for span in reading.spans:
        assert at <= span.start < span.end
        written += [reading.spoken[at : span.start], span.written]
        at = span.end
    restored = "".join([*written, reading.spoken[at:]])
    # Between a number and what follows it a space may be new.
    assert restored.replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize("unit", ["1", "1 ", "St. ", "A ", "1/", "1:", "½", "-", "A.", "(", " ", "p.", "#1"])
def test_the_time_is_linear(unit: str) -> None:
    started = time.process_time()
    read_english(unit * (200_000 // len(unit)))
    assert time.process_time() - started < 5
