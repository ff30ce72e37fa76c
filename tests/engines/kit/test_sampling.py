"""Drawing tokens: each row by its own numbers, and only what may be drawn."""

import pytest

torch = pytest.importorskip("torch")

from tts_cli.engines.kit.sampling import (  # noqa: E402
    draw_normal,
    draw_uniform,
    keep_min_p,
    keep_top_k,
    keep_top_p,
    make_generator,
    penalise_repeats,
    pick,
)

pytestmark = pytest.mark.needs("torch")
LOGITS = torch.tensor([[0.5, 0.25, 0.15, 0.1]]).log()


def kept(logits):
    return [place for place, value in enumerate(logits[0].tolist()) if value != float("-inf")]


def test_a_row_draws_the_same_whatever_is_beside_it():
    alone = draw_normal([make_generator(7)], 4, [1.0])
    together = draw_normal([make_generator(3), make_generator(7)], 4, [0.5, 1.0])
    assert torch.equal(alone[0], together[1])
    uniforms = draw_uniform([make_generator(7), make_generator(3)], 3)
    assert torch.equal(uniforms[0], draw_uniform([make_generator(7)], 3)[0])
    assert not torch.equal(uniforms[0], uniforms[1])


def test_the_deviation_is_each_rows_own():
    wide, narrow = draw_normal([make_generator(1), make_generator(1)], 8, [1.0, 0.25])
    assert torch.allclose(narrow, wide * 0.25)


def test_what_is_kept_is_what_the_rule_says():
    assert kept(keep_top_k(LOGITS, 2)) == [0, 1]
    assert kept(keep_top_k(LOGITS, 9)) == [0, 1, 2, 3]
    assert kept(keep_top_p(LOGITS, torch.tensor([[0.7]]))) == [0, 1]
    assert kept(keep_top_p(LOGITS, torch.tensor([[0.01]]))) == [0]
    assert kept(keep_top_p(LOGITS, torch.tensor([[1.1]]))) == [0, 1, 2, 3]
    assert kept(keep_min_p(LOGITS, torch.tensor([[0.29]]))) == [0, 1, 2]


def test_each_row_has_its_own_threshold():
    found = keep_min_p(LOGITS.repeat(2, 1), torch.tensor([[0.9], [0.1]]))
    assert [kept(row[None]) for row in found] == [[0], [0, 1, 2, 3]]


def test_a_repeat_becomes_less_likely_on_either_side_of_zero():
    logits, seen = torch.tensor([[2.0, -2.0, 2.0]]), torch.tensor([[True, True, False]])
    assert penalise_repeats(logits, seen, torch.tensor([[2.0]])).tolist() == [[1.0, -4.0, 2.0]]


@pytest.mark.parametrize(("uniform", "token"), [(0.0, 0), (0.49, 0), (0.51, 1), (0.76, 2), (0.91, 3), (0.9999999, 3)])
def test_a_number_picks_the_token_in_whose_share_it_lies(uniform, token):
    shuffled = LOGITS[:, [3, 1, 0, 2]]
    assert pick(LOGITS, torch.tensor([uniform])).tolist() == [token]
    assert pick(shuffled, torch.tensor([uniform])).tolist() == [[2, 1, 3, 0][token]]


def test_what_may_not_be_drawn_is_not():
    masked = keep_top_k(LOGITS, 2)
    uniforms = torch.linspace(0, 0.999, 50)
    assert set(pick(masked.repeat(50, 1), uniforms).tolist()) == {0, 1}
