from threading import Barrier, Event

import pytest

from tts_cli.pipeline.parallel import AbandonedError, Counter, run_parallel


def test_results_come_in_the_order_of_their_pieces_and_are_counted():
    told: list[int] = []
    counter = Counter(lambda done, _total: told.append(done), guess=100)
    first_waits = Event()

    def work(piece: int) -> int:
        if piece == 0:
            assert first_waits.wait(10)
        counter(piece)
        if piece == 1:
            first_waits.set()
        return piece * piece

    assert run_parallel(work, range(5), 2, counter) == [0, 1, 4, 9, 16]
    assert told == sorted(told)
    assert told[-1] == 10


def test_a_failure_ends_what_has_begun_and_keeps_the_rest_from_beginning():
    counter = Counter(lambda _done, _total: None)
    together = Barrier(2, timeout=10)
    begun: list[int] = []
    given_up: list[int] = []

    def work(piece: int) -> None:
        begun.append(piece)
        if piece < 2:
            together.wait()
        if piece == 0:
            raise OSError("disk full")
        try:
            while True:
                counter(1)
        except AbandonedError:
            given_up.append(piece)
            raise

    with pytest.raises(OSError, match="disk full"):
        run_parallel(work, range(50), 2, counter)
    assert 1 in given_up
    assert len(begun) < 50
    assert sorted(given_up) == sorted(begun)[1:]


def test_nothing_to_do_is_done():
    assert run_parallel(str, [], 2, Counter(lambda _done, _total: None)) == []


def test_what_is_announced_is_the_total_once_it_is_more_than_the_guess():
    told: list[tuple[int, int]] = []
    counter = Counter(lambda done, total: told.append((done, total)), guess=10)
    counter.expect(8)
    counter(8)
    counter.expect(12)
    counter(2)
    counter(15)
    assert told == [(8, 10), (10, 20), (19, 20)]


def test_the_end_is_not_shown_before_the_work_has_returned():
    told: list[float] = []
    counter = Counter(lambda done, total: told.append(done / total), guess=1000)
    counter.expect(1000)
    for _ in range(20):
        counter(100)
    assert max(told) == told[-1] == 0.99
