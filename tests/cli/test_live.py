"""What a person at a terminal sees of a run."""

import io

from rich.console import Console

from tts_cli.cli.live import Board
from tts_cli.pipeline.request import Progress, Recorded
from tts_cli.types import Utterance
from tts_cli.workers.messages import WorkerEvent

LINE = Utterance(line_id="a", part=0, text="Hello.", language="en", voice="", engine="tone", params={}, seed=0, key="k")


def shown(board: Board) -> str:
    console = Console(file=io.StringIO(), width=120, force_terminal=False)
    console.print(board)
    return console.file.getvalue()


def event(worker: int, what: str, **more: object) -> WorkerEvent:
    return WorkerEvent(worker=worker, what=what, engine="tone", device=f"cuda:{worker}", pid=1, **more)


def test_the_board_shows_each_worker_and_the_time_left():
    board = Board()
    board(event(0, "ready"))
    board(event(1, "ready"))
    board(event(1, "working", calls=("a", "b")))
    board(Recorded(utterance=LINE, worker=1, audio_s=6.0, wall_s=2.0))
    board(event(1, "alive", memory=300 * 2**20, gpu_memory=5 * 2**29))
    board(event(0, "died", detail="killed"))
    board(Recorded(utterance=LINE, error="no"))
    board(Progress(stage="record", done=25.0, total=100.0, eta_s=75.0))
    text = shown(board)
    assert "recording" in text
    assert "25 %" in text
    assert "1:15 left" in text
    first, second = (line.split() for line in text.splitlines() if "cuda:" in line)
    assert first == ["0", "tone", "cuda:0", "died", "0", "1"]
    assert second == ["1", "tone", "cuda:1", "working", "1", "3.0", "300", "MiB", "+", "2.5", "GiB", "on", "the", "GPU"]


def test_the_workers_are_gone_when_mastering_begins():
    board = Board()
    board(event(0, "ready"))
    board(Progress(stage="record", done=1.0, total=1.0, eta_s=0.0))
    board(Progress(stage="master", done=0.0, total=10.0, note="book.wav"))
    text = shown(board)
    assert "mastering" in text
    assert "book.wav" in text
    assert "cuda:0" not in text


def test_many_workers_are_counted():
    board = Board()
    for number in range(40):
        board(event(number, "ready"))
    board(Progress(stage="record", done=1.0, total=2.0))
    assert "and 24 more" in shown(board)
