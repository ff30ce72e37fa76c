"""After how many deaths before any call an engine counts as one that does not start."""

from tts_cli.errors import MissingError
from tts_cli.workers import false_starts
from tts_cli.workers.child import WorkerDied
from tts_cli.workers.false_starts import FalseStarts

OWN = WorkerDied("crash", "its worker exited with code 1")
KILLED = WorkerDied("crash", "its worker was killed by SIGKILL\nits last words", outside=True)


class Clock:
    """Goes on by so many seconds with each death."""

    def __init__(self, seconds):
        self.seconds = seconds
        self.now = 0.0

    def go_on(self, _):
        self.now += self.seconds
        return 0

    def read(self):
        return self.now


def deaths_until_the_end(starts, *deaths, answers=lambda number: 0):
    """Count deaths in turn; returns after how many they were too many, and what is said then."""
    for number in range(1, 1000):
        try:
            starts.note("tone", deaths[(number - 1) % len(deaths)], answers(number))
        except MissingError as error:
            return number, error.message
    return 1000, ""


def test_three_failures_of_its_own_are_enough():
    assert deaths_until_the_end(FalseStarts(), OWN) == (
        3,
        "the engine tone does not start: its worker exited with code 1",
    )


def test_kills_between_them_neither_count_nor_forgive():
    assert deaths_until_the_end(FalseStarts(), KILLED, KILLED, OWN)[0] == 9


def test_forty_kills_in_a_row_are_enough():
    number, said = deaths_until_the_end(FalseStarts(), KILLED)
    assert number == 40
    assert "killed by SIGKILL while it started, 40 times in a row; perhaps the machine is out of memory" in said
    assert "last words" not in said


def test_five_kills_are_enough_when_each_took_a_minute(monkeypatch):
    for seconds, number in ((75.0, 5), (60.0, 6), (1.0, 40)):
        clock = Clock(seconds)
        monkeypatch.setattr(false_starts.time, "monotonic", clock.read)
        assert deaths_until_the_end(FalseStarts(), KILLED, answers=clock.go_on)[0] == number


def test_answers_of_other_workers_are_hope():
    starts = FalseStarts()
    assert deaths_until_the_end(starts, KILLED, answers=lambda number: number // 30)[0] == 1000
    assert deaths_until_the_end(FalseStarts(), OWN, answers=lambda number: number)[0] == 3


def test_a_call_that_was_begun_forgives_all():
    starts = FalseStarts()
    for _ in range(2):
        starts.note("tone", OWN, 0)
    for _ in range(39):
        starts.note("tone", KILLED, 0)
    starts.clear()
    assert deaths_until_the_end(starts, OWN)[0] == 3
    starts.clear()
    assert deaths_until_the_end(starts, KILLED)[0] == 40
