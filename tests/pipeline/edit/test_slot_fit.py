"""Fitting lines to slots: pure arithmetic, so examples for each rule and properties for all of them."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_cli.pipeline.edit.slot_fit import SlotLine, engine_speeds, fit_lines
from tts_cli.recipe import FitRules

RATE = 1000  # samples are milliseconds
RULES = FitRules()


def line(start, end, natural, speaker="mole", **more):
    return SlotLine(
        id=f"{start}-{speaker}",
        speaker=speaker,
        start=start,
        end=end,
        natural=natural,
        spoken=more.pop("spoken", natural),
        chars=more.pop("chars", 100),
        **more,
    )


def fit(*lines, rules=RULES, length=None):
    return fit_lines(lines, rules, RATE, length)


def test_a_line_that_fits_stays_as_it_is():
    [placed] = fit(line(1000, 3000, 1500))
    assert (placed.start, placed.length, placed.rate, placed.actions) == (1000, 1500, 1.0, ())
    assert not placed.is_over_budget
    assert placed.excess_chars == 0


def test_a_line_borrows_the_gap_but_not_for_long_and_not_from_the_next_cue():
    first, _ = fit(line(0, 1000, 1300), line(2000, 3000, 500))
    assert (first.length, first.rate, first.actions, first.limit) == (1300, 1.0, ("borrow",), 1920)
    first, _ = fit(line(0, 1000, 1300), line(9000, 9500, 500))
    assert first.limit == 2500


def test_cues_of_two_people_may_overlap_as_written_and_those_of_one_may_not():
    first, second = fit(line(0, 2000, 2000), line(1500, 3000, 500, "rat"))
    assert (first.limit, first.rate, second.start) == (2000, 1.0, 1500)
    first, second = fit(line(0, 2000, 2000), line(1500, 3000, 500))
    assert first.limit == 1420
    assert first.start + first.length + 80 <= second.start


def test_a_longer_line_is_spoken_faster_by_the_engine_in_whole_steps_and_stretched_for_the_rest():
    long = line(0, 1000, 1200, fastest=1.15)
    after = line(1080, 3000, 100, "rat")
    assert engine_speeds([long, after], RULES, RATE, None) == {"0-mole": 1.15}
    assert engine_speeds([replace(long, natural=1030), after], RULES, RATE, None) == {"0-mole": 1.05}
    assert engine_speeds([replace(long, fastest=1.0), after], RULES, RATE, None) == {}
    first, _ = fit(replace(long, spoken=1050), after)
    assert first.actions == ("speed", "stretch")
    assert (first.length, first.rate) == (1000, pytest.approx(1.2))
    assert first.tempo == pytest.approx(1.05)


def test_what_the_engine_made_faster_than_asked_is_not_slowed_down():
    first, _ = fit(line(0, 1000, 1030, spoken=900), line(1080, 3000, 100, "rat"))
    assert (first.length, first.tempo) == (900, 1.0)


def test_beyond_the_highest_rate_the_next_line_is_shifted_and_catches_up():
    first, second, third = fit(line(0, 1000, 1500), line(1080, 2000, 800, "rat"), line(2500, 3000, 100))
    assert first.rate == pytest.approx(1.25)
    assert first.over == 200
    assert (second.late, second.actions) == (200, ("borrow", "shift"))
    assert third.late == 0
    assert first.excess_chars == 17
    assert not first.is_over_budget


def test_the_hard_rate_comes_before_a_drift_beyond_the_budget_and_then_the_line_is_over():
    first, second = fit(line(0, 1000, 2520), line(1080, 9000, 100, "rat"))
    assert (first.rate, second.late, first.is_over_budget) == (pytest.approx(1.4), 800, False)
    first, second = fit(line(0, 1000, 2800), line(1080, 9000, 100, "rat"))
    assert (first.rate, second.late) == (pytest.approx(1.4), 1000)
    assert first.is_over_budget
    assert second.is_over_budget


@pytest.mark.parametrize(
    ("overflow", "length", "late", "action"), [("overlap", 2143, 0, "overlap"), ("truncate", 1000, 0, "truncate")]
)
def test_other_ways_out(overflow, length, late, action):
    first, second = fit(line(0, 1000, 3000), line(1080, 9000, 100, "rat"), rules=replace(RULES, overflow=overflow))
    assert (first.length, second.late) == (length, late)
    assert action in first.actions
    assert first.is_over_budget


def test_fail_says_which_line_does_not_fit():
    rules = replace(RULES, overflow="fail")
    first, second = fit(line(0, 1000, 3000), line(1080, 9000, 100, "rat"), rules=rules)
    assert first.actions[-1] == "fail"
    assert first.is_over_budget
    assert not second.is_over_budget
    first, _ = fit(line(0, 1000, 1500), line(1080, 9000, 100, "rat"), rules=rules)
    assert (first.over, first.is_over_budget) == (71, True)  # a drift that others may have is none of its
    first, _ = fit(line(0, 1000, 3000, fit="error"), line(1080, 9000, 100, "rat"))
    assert first.actions[-1] == "fail"


def test_each_line_may_say_what_is_done_to_it():
    after = line(1080, 3000, 100, "rat")
    assert fit(line(0, 1000, 1200, fit="none"), after)[0].length == 1200
    assert fit(line(0, 1000, 1200, fit="none"), after)[1].late == 0
    assert fit(line(0, 1000, 1200, fit="pad"), after)[1].late == 200
    assert fit(line(0, 1000, 1300, fit="natural", fastest=1.1), after)[0].rate == pytest.approx(1.1)
    assert engine_speeds([line(0, 1000, 1300, fit="pad", fastest=1.1), after], RULES, RATE, None) == {}
    short = fit(line(0, 1000, 970, fit="stretch"))[0]
    assert (short.length, short.rate) == (1000, pytest.approx(0.97))
    assert fit(line(0, 1000, 500, fit="stretch"))[0].rate == 0.95
    assert fit(line(0, 1000, 970))[0].rate == 1.0


def paces(*lines, **more):
    return [round(placed.rate, 2) for placed in fit(*lines, **more)]


def test_beside_a_much_faster_line_its_speakers_pace_does_not_jump():
    lines = [line(start, start + 1000, 500) for start in range(0, 6480, 1080)]
    lines[3] = replace(lines[3], natural=1250, spoken=1250)
    assert paces(*lines) == [1.0, 1.0, 1.1, 1.25, 1.1, 1.0]
    assert paces(*lines, rules=replace(RULES, smooth=False)) == [1.0, 1.0, 1.0, 1.25, 1.0, 1.0]
    lines[2] = replace(lines[2], speaker="rat")
    assert paces(*lines) == [1.0, 1.1, 1.0, 1.25, 1.1, 1.0]
    lines[3] = replace(lines[3], natural=1150, spoken=1150)  # a step of 15 % is no jump
    assert paces(*lines) == [1.0, 1.0, 1.0, 1.15, 1.0, 1.0]


@pytest.mark.parametrize(("pause", "rate"), [(4_999, 1.1), (5_000, 1.1), (5_001, 1.0)])
def test_neighbours_are_those_within_five_seconds(pause, rate):
    fast = line(0, 1000, 3125)  # 1.25 times as fast in its slot and the second and a half after it
    assert fit(fast, line(1000 + pause, 20_000, 500))[1].rate == pytest.approx(rate)


@pytest.mark.parametrize(("natural", "length"), [(1009, 1009), (1010, 1010), (1012, 992)])
def test_below_one_percent_nothing_is_done(natural, length):
    first, second = fit(line(0, 1000, natural), line(1080, 3000, 100, "rat"))
    assert first.length == length
    assert ("stretch" in first.actions) == (natural > 1010)
    assert second.late == max(0, length - 1000)


def test_what_the_engine_leaves_below_one_percent_is_not_stretched():
    first, _ = fit(line(0, 1000, 1153, spoken=1003), line(1080, 3000, 100, "rat"))
    assert (first.length, first.tempo, first.actions) == (1003, 1.0, ("borrow", "speed"))


@pytest.mark.parametrize("overflow", ["truncate", "fail"])
def test_what_would_be_cut_or_fail_is_stretched_by_no_less_than_one_percent(overflow):
    after = line(1080, 3000, 100, "rat")
    first, _ = fit(line(0, 1000, 1004), after, rules=replace(RULES, overflow=overflow))
    assert (first.rate, first.lost, first.over) == (pytest.approx(1.01), 0, 0)
    [last] = fit(line(0, 1000, 1004), length=1000)
    assert (last.rate, last.lost) == (pytest.approx(1.01), 0)


def test_what_is_too_long_is_hurried_before_a_line_that_fits():
    lines = [line(0, 1000, 2450), *(line(1080 * place, 1080 * place + 1000, 990, "rat") for place in range(1, 6))]
    placed = fit(*lines)
    assert [round(one.rate, 2) for one in placed] == [1.37, 1.0, 1.0, 1.0, 1.0, 1.0]
    assert 700 < placed[1].late <= 800
    assert not any(one.is_over_budget for one in placed)


def test_a_line_that_fits_catches_up_only_where_the_budget_is_spent():
    lines = [line(0, 1000, 3000), line(1080, 2080, 1000, "rat"), line(2160, 3160, 1000, "rat")]
    placed = fit(*lines)
    assert [round(one.rate, 2) for one in placed] == [1.4, 1.25, 1.1]  # the last only beside a jump
    assert [one.late for one in placed] == [0, 1143, 943]


def test_the_programme_has_an_end():
    [placed] = fit(line(1000, 2000, 3000), length=2100)
    assert placed.start + placed.length == 2100
    assert placed.lost > 0
    assert placed.is_over_budget
    [placed] = fit(line(1000, None, 3000), length=5000)
    assert (placed.slot, placed.limit, placed.length) == (4000, 5000, 3000)


def test_a_cue_without_an_end_lasts_until_the_next_one():
    first, _ = fit(line(0, None, 500), line(2000, None, 500))
    assert (first.slot, first.limit) == (1920, 1920)


# --- properties -----------------------------------------------------------------------------------------

LINES = st.lists(
    st.tuples(
        st.integers(0, 2000), st.integers(50, 4000), st.integers(50, 6000), st.sampled_from("abc"), st.floats(1, 1.15)
    ),
    min_size=1,
    max_size=12,
)


def scene(rows):
    lines, start = [], 0
    for number, (gap, slot, natural, speaker, fastest) in enumerate(rows):
        start += gap
        lines.append(replace(line(start, start + slot, natural, speaker, fastest=fastest), id=str(number)))
    return lines


@given(LINES, st.sampled_from(["shift", "overlap", "truncate", "fail"]))
def test_what_always_holds(rows, overflow):
    lines = scene(rows)
    rules = replace(RULES, overflow=overflow)
    placed = fit_lines(lines, rules, RATE, None)
    assert [one.line_id for one in placed] == [one.id for one in lines]
    for one in placed:
        assert one.start >= one.cue
        assert one.late == one.start - one.cue
        assert 1.0 <= one.tempo <= 1.4 + 1e-9
        assert one.length + one.lost == pytest.approx(one.natural / one.rate, abs=1)
        if fits(one) and not one.late:
            assert one.over == 0
        if overflow != "shift":
            assert one.late == 0
        if overflow == "truncate":
            assert one.over == 0


@given(LINES)
def test_shifted_lines_of_one_speaker_never_overlap(rows):
    lines = scene(rows)
    placed = fit_lines(lines, RULES, RATE, None)
    last = {}
    for one, before in zip(placed, lines, strict=True):
        if before.speaker in last:
            assert one.start >= last[before.speaker] + 80
        last[before.speaker] = one.start + one.length


def fits(one):
    return one.natural <= one.limit - one.cue


@given(LINES, st.booleans())
def test_a_line_that_fits_is_faster_only_beside_a_jump_or_over_budget(rows, smooth):
    lines = scene(rows)
    placed = fit_lines(lines, replace(RULES, drift_s=60, smooth=smooth), RATE, None)
    for one, before in zip(placed, lines, strict=True):
        if fits(one) and one.rate > 1:
            assert smooth
            assert one.rate <= 1.1
            assert any(
                other.rate > one.rate + 0.15 - 1e-6 and before.speaker == beside.speaker
                for other, beside in zip(placed, lines, strict=True)
            )


@given(LINES)
def test_a_line_that_fits_is_never_beyond_what_catching_up_allows(rows):
    placed = fit_lines(scene(rows), RULES, RATE, None)
    late = False
    for one in placed:
        late = late or one.late > 0
        if fits(one):
            assert one.rate <= (1.25 if late else 1.1) + 1e-9


@given(LINES)
def test_smoothing_changes_no_line_that_is_too_long_and_makes_no_line_later(rows):
    lines = scene(rows)
    level = fit_lines(lines, RULES, RATE, None)
    rough = fit_lines(lines, replace(RULES, smooth=False), RATE, None)
    for one, other in zip(level, rough, strict=True):
        assert one.start <= other.start
        assert one.rate == pytest.approx(other.rate) or other.rate < one.rate <= 1.1 + 1e-9


@given(LINES, st.sampled_from(["shift", "overlap", "truncate", "fail"]), st.floats(0.5, 1.0))
def test_no_stretch_is_below_one_percent(rows, overflow, share):
    lines = [replace(one, spoken=max(1, round(one.natural * share))) for one in scene(rows)]
    for one in fit_lines(lines, replace(RULES, overflow=overflow), RATE, None):
        assert one.tempo == 1 or abs(one.tempo - 1) >= 0.01 - 1e-9


@given(LINES)
def test_engines_are_asked_for_no_more_than_they_can_and_need(rows):
    lines = scene(rows)
    speeds = engine_speeds(lines, RULES, RATE, None)
    by_id = {one.line_id: one for one in fit_lines(lines, RULES, RATE, None)}
    for one in lines:
        speed = speeds.get(one.id, 1.0)
        assert speed <= one.fastest + 1e-6
        assert speed < by_id[one.id].rate + 0.05
    assert speeds == engine_speeds([replace(one, spoken=one.spoken // 2) for one in lines], RULES, RATE, None)


@given(LINES, st.integers(100, 20_000))
def test_nothing_sounds_after_the_end(rows, length):
    lines = [one for one in scene(rows) if one.start < length]
    for one in fit_lines(lines, RULES, RATE, length):
        assert one.start + one.length <= max(length, one.start)
        assert one.is_over_budget or one.lost == 0
