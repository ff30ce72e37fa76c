import pytest

from tts_cli.pipeline.master.deliverables import check_measures
from tts_cli.recipe import Bounds


@pytest.mark.parametrize(
    ("value", "low", "high", "passed"),
    [
        (-19.0, -20, -18, True),
        (-20.0, -20, -18, True),
        (-17.99, -20, -18, False),
        (-3.0, None, -3, True),
        (-2.99, None, -3, False),
        (192, 192, None, True),
        (191.9, 192, None, False),
        (float("nan"), None, 0, False),
    ],
)
def test_a_value_lies_within_its_bounds_or_not(value, low, high, passed):
    [found] = check_measures({"lufs": value}, {"lufs": Bounds(low, high)})
    assert (found.name, found.low, found.high, found.passed) == ("lufs", low, high, passed)


def test_what_was_not_measured_has_not_passed():
    [found] = check_measures({}, {"cbr_kbps": Bounds(192, None)})
    assert not found.passed
