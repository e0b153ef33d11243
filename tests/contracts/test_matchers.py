"""What every matcher promises: pairs that know nothing of each other, nor of padding."""

from typing import Any

import jaxtyping
import pytest
import torch
from torch import Tensor, nn
from torch.export import Dim
from torch.nn import functional as F

from regard.interfaces import Matcher, Tokens
from regard.models import (
    AttentiveMatcher,
    CompareAggregateMatcher,
    ConvolutionalMatcher,
    TransformerMatcher,
)
from regard.nn import (
    AttentionMaps,
    BilinearScore,
    CoverageComparison,
    PairConvolution,
    SimilarityComparison,
    VectorComparison,
)
from tests.cases import MAX_LEN, over
from tests.drawing import draws
from tests.matcher_cases import MATCHERS, SIZES, MatcherCase, convolutional, pairs

LENGTHS = [(9, 7), (4, 0), (0, 3), (0, 0), (1, 1), (2, 7)]
"""The last pair is a text and the same text behind it, the one before it one word, twice."""

ONE_OF_EACH = [case for case in MATCHERS if case.stands_for_its_system]

Both = tuple[Tokens, Tokens]


def texts() -> Both:
    left, right = pairs(LENGTHS)
    left.ids[4, 0] = right.ids[4, 0]
    right.ids[5, :2] = left.ids[5, :2]
    return left, right


def known(dtype: torch.dtype = torch.float32) -> Tensor:
    return draws(5, dtype)(len(LENGTHS), 2)


def padded(text: Tokens, more: int) -> Tokens:
    return Tokens(F.pad(text.ids, (0, more)), text.lengths)


def chosen(text: Tokens, rows: Tensor) -> Tokens:
    return Tokens(text.ids[rows], text.lengths[rows])


def cut(text: Tokens, row: int) -> Tokens:
    length = int(text.lengths[row])
    return Tokens(text.ids[row : row + 1, :length], text.lengths[row : row + 1])


def gradients(model: nn.Module, logits: Tensor) -> list[Tensor]:
    grads = torch.autograd.grad(
        logits, list(model.parameters()), draws(9)(*logits.shape).to(logits), allow_unused=True
    )
    return [torch.zeros(()) if grad is None else grad for grad in grads]


def padding_of(left: Tokens, right: Tokens) -> Tensor:
    of_left, of_right = (
        torch.arange(text.ids.shape[1]) >= text.lengths.unsqueeze(1) for text in (left, right)
    )
    return of_left.unsqueeze(2) | of_right.unsqueeze(1)


@over(MATCHERS)
def test_matchers_are_what_the_interface_says(case: MatcherCase) -> None:
    model, (left, right) = case.make(), texts()
    assert isinstance(model, Matcher)
    assert model(left, right, known()).shape == (6, 3)
    matrix = model.matrix(left, right)
    assert matrix.shape == (6, 9, 7)
    assert matrix.dtype == torch.float32


@over(MATCHERS)
@pytest.mark.parametrize("more", [(5, 0), (0, 4), (3, 6)], ids=["left", "right", "both"])
def test_padding_changes_nothing(case: MatcherCase, more: tuple[int, int]) -> None:
    model, (left, right), features = case.make(), texts(), known()
    longer = padded(left, more[0]), padded(right, more[1])
    wanted = model(left, right, features)
    torch.testing.assert_close(model(*longer, features), wanted, rtol=1e-6, atol=1e-6)
    matrix = model.matrix(*longer)
    torch.testing.assert_close(matrix[:, :9, :7], model.matrix(left, right), rtol=0, atol=1e-6)
    assert matrix[padding_of(*longer)].abs().sum().item() == 0


@over(MATCHERS)
def test_padding_changes_no_gradient(case: MatcherCase) -> None:
    model, (left, right), features = case.make().double(), texts(), known(torch.float64)
    longer = padded(left, 2), padded(right, 5)
    short, long = (gradients(model, model(*both, features)) for both in ((left, right), longer))
    torch.testing.assert_close(long, short, rtol=1e-9, atol=1e-9)
    assert all(gradient.isfinite().all() for gradient in short)


@over(MATCHERS)
def test_pairs_know_nothing_of_each_other(case: MatcherCase) -> None:
    model, (left, right), features = case.make().double(), texts(), known(torch.float64)
    logits, matrix = model(left, right, features), model.matrix(left, right)
    for row, (of_left, of_right) in enumerate(LENGTHS):
        alone = cut(left, row), cut(right, row)
        of_row = model(*alone, features[row : row + 1])
        torch.testing.assert_close(of_row[0], logits[row], rtol=1e-9, atol=1e-9)
        wanted = matrix[row, :of_left, :of_right]
        torch.testing.assert_close(model.matrix(*alone)[0], wanted, rtol=0, atol=1e-6)
    order = torch.tensor([3, 5, 0, 1, 4, 2])
    turned = chosen(left, order), chosen(right, order)
    found = model(*turned, features[order])
    torch.testing.assert_close(found, logits[order], rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(model.matrix(*turned), matrix[order], rtol=0, atol=1e-6)


@over(MATCHERS)
def test_the_matrix_is_of_words_that_match(case: MatcherCase) -> None:
    model, (left, right) = case.make(), texts()
    matrix = model.matrix(left, right)
    assert matrix.isfinite().all()
    assert matrix[0].std() > 0
    if case.sums_to_one:
        asks = (torch.arange(9) < left.lengths.unsqueeze(1)) & (right.lengths > 0).unsqueeze(1)
        torch.testing.assert_close(matrix.sum(dim=2), asks.float(), rtol=0, atol=1e-6)
    if case.turns:
        swapped = model.matrix(right, left)
        torch.testing.assert_close(swapped.mT, matrix, rtol=1e-6, atol=1e-6)


@over(MATCHERS)
def test_no_pairs_and_nothing_but_empty_texts(case: MatcherCase) -> None:
    model, none = case.make().double(), torch.zeros(0, dtype=torch.long)
    nobody = Tokens(none.view(0, 5), none)
    assert model(nobody, nobody, torch.zeros(0, 2)).shape == (0, 3)
    assert model.matrix(nobody, nobody).shape == (0, 5, 5)
    features = known(torch.float64)
    wanted = model(*texts(), features)[3]
    lengths = torch.zeros(6, dtype=torch.long)
    for sizes in ((0, 0), (0, 3), (3, 3)):
        left, right = (Tokens(torch.zeros(6, n, dtype=torch.long), lengths) for n in sizes)
        logits = model(left, right, features)
        torch.testing.assert_close(logits[3], wanted, rtol=1e-9, atol=1e-9)
        assert model.matrix(left, right).abs().sum().item() == 0
        assert all(gradient.isfinite().all() for gradient in gradients(model, logits))


@over(MATCHERS)
def test_a_text_matches_itself_with_finite_gradients(case: MatcherCase) -> None:
    model, (left, _) = case.make().double(), texts()
    logits = model(left, left, known(torch.float64))
    assert logits.isfinite().all()
    assert all(gradient.isfinite().all() for gradient in gradients(model, logits))


@over(ONE_OF_EACH)
def test_long_texts_are_matched(case: MatcherCase) -> None:
    model, (left, right) = case.make(2_000), pairs([(2_000, 3), (1_999, 2_000)])
    logits = model(left, right, known()[:2])
    assert logits.isfinite().all()
    assert all(gradient.isfinite().all() for gradient in gradients(model, logits))
    assert model.matrix(left, right).isfinite().all()


@over(MATCHERS)
def test_matchers_survive_saving(case: MatcherCase) -> None:
    saved, fresh, both = case.make(), case.make(), (*texts(), known())
    wanted = saved(*both)
    assert not torch.allclose(fresh(*both), wanted, atol=1e-6)
    fresh.load_state_dict(saved.state_dict())
    torch.testing.assert_close(fresh(*both), wanted, rtol=0, atol=0)


@over(MATCHERS)
def test_bfloat16_training_is_close(case: MatcherCase) -> None:
    model, (left, right), features = case.make(), texts(), known()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits, matrix = model(left, right, features), model.matrix(left, right)
    torch.testing.assert_close(logits.float(), model(left, right, features), rtol=0.1, atol=0.1)
    torch.testing.assert_close(matrix, model.matrix(left, right), rtol=0.1, atol=0.1)
    assert all(gradient.isfinite().all() for gradient in gradients(model, logits.float()))


@over(MATCHERS)
def test_ids_and_lengths_may_be_of_another_type(case: MatcherCase) -> None:
    model, both, features = case.make(), texts(), known()
    narrow = [Tokens(text.ids.int(), text.lengths.int()) for text in both]
    torch.testing.assert_close(model(*narrow, features), model(*both, features))
    torch.testing.assert_close(model.matrix(*narrow), model.matrix(*both))


@over(MATCHERS)
def test_features_count_and_have_a_width(case: MatcherCase) -> None:
    model, both, features = case.make(), texts(), known()
    others = features.clone()
    others[2] += 1
    changed = (model(*both, others) - model(*both, features)).abs().sum(dim=1) > 1e-4
    assert changed.tolist() == [False, False, True, False, False, False]
    with pytest.raises(ValueError, match="features must be 2 wide; got 3"):
        model(*both, torch.zeros(6, 3))


class Matching(nn.Module):
    """A matcher as a program of its tensors."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, left: Both, right: Both, features: Tensor) -> Tensor:
        logits: Tensor = self.model(Tokens(*left), Tokens(*right), features)
        return logits


@pytest.mark.compiled
@over(ONE_OF_EACH)
def test_exported_matchers_are_the_matchers(case: MatcherCase) -> None:
    matching, rows = Matching(case.make().eval()), Dim("rows", max=64)
    left_len, right_len = Dim("left", max=MAX_LEN), Dim("right", max=MAX_LEN)
    axes = tuple(({0: rows, 1: length}, {0: rows}) for length in (left_len, right_len))
    left, right = texts()
    exported = torch.export.export(
        matching, (tuple(left), tuple(right), known()), dynamic_shapes=(*axes, {0: rows})
    ).module()
    for lengths in ([(9, 7), (3, 0), (0, 2)], [(4, 12), (11, 1)]):
        given = (*(tuple(text) for text in pairs(lengths, 3)), known()[: len(lengths)])
        torch.testing.assert_close(exported(*given), matching(*given), rtol=1e-5, atol=1e-6)


@over(MATCHERS)
def test_every_parameter_is_learnt(case: MatcherCase) -> None:
    # One that nothing is made of would also stop processes that train together.
    model = case.make().double()
    logits = model(*texts(), known(torch.float64))
    found = torch.autograd.grad(logits.square().sum(), list(model.parameters()), allow_unused=True)
    names = [name for name, _ in model.named_parameters()]
    unused = [name for name, grad in zip(names, found, strict=True) if grad is None]
    assert not unused


@pytest.mark.parametrize("num_blocks", [1, 2])
def test_columns_that_count_change_what_is_said(num_blocks: int) -> None:
    left, right, features = *texts(), known()
    model = convolutional("abcnn2", num_blocks=num_blocks, score=lambda n: BilinearScore(n, n))
    for block in model.blocks:
        before = model(left, right, features)
        nn.init.normal_(block.weighs.score.learnt)
        assert not torch.allclose(model(left, right, features)[0], before[0], atol=1e-5)


def test_similarities_alone_do_not_tell_left_from_right() -> None:
    left, right, features = *texts(), known()
    model = convolutional("bcnn")
    torch.testing.assert_close(model(left, right, features), model(right, left, features))
    for comparison in (VectorComparison, CoverageComparison):
        telling = convolutional("bcnn", comparison=comparison)
        there, back = telling(left, right, features), telling(right, left, features)
        assert not torch.allclose(there[0], back[0], atol=1e-4)


@pytest.mark.parametrize("comparison", [SimilarityComparison, CoverageComparison])
def test_a_text_that_is_nothing_on_average_has_no_angle(comparison: Any) -> None:
    model = convolutional("abcnn3", comparison=comparison).double()
    left, right = texts()
    with torch.no_grad():
        model.embedding.weight[4] = 0
    left.ids[left.ids > 0] = 4
    found = gradients(model, model(left, right, known(torch.float64)))
    assert all(gradient.isfinite().all() for gradient in found)
    # The angle of a vector of 0 with another would turn at once, however little it grew.
    assert max(float(gradient.abs().max()) for gradient in found) < 100


def test_each_block_shows_what_it_has_seen() -> None:
    left, right = texts()
    first, second = convolutional("abcnn3").matrices(left, right)
    for block in (first, second):
        assert block.maps is not None
        assert block.columns is not None
        assert block.maps.shape == block.windows.shape == (6, 9, 7)
        assert block.columns.shape == (6, 11, 9)
        assert block.maps[padding_of(left, right)].abs().sum().item() == 0
    assert first.maps[5, :2, :2].diagonal().tolist() == [1.0, 1.0]
    (plain,) = convolutional("bcnn", num_blocks=1).matrices(left, right)
    assert plain.maps is None
    assert plain.columns is None


def test_positions_match_as_their_ngrams_do() -> None:
    model, (left, right) = convolutional("abcnn2").double(), texts()
    columns = model.matrices(left, right)[-1].columns
    assert columns is not None
    matrix = model.matrix(left, right)
    for i, j in ((0, 0), (8, 6), (3, 5)):
        wanted = columns[0, i : i + 3, j : j + 3].mean().float()
        torch.testing.assert_close(matrix[0, i, j], wanted, rtol=0, atol=1e-6)


def test_published_sizes() -> None:
    def size(model: nn.Module) -> int:
        return sum(parameter.numel() for parameter in model.parameters())

    sizes = {"vocab": 10_000, "num_outputs": 1}
    assert size(ConvolutionalMatcher(**sizes)) == 1_020_055
    assert size(AttentiveMatcher(**sizes)) == 2_202_851
    assert size(CompareAggregateMatcher(**sizes)) == 1_160_702
    assert size(TransformerMatcher(**sizes)) == 1_677_441


def test_unknown_names_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    # Type checks would refuse them first, in other words.
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    message = "kind must be one of bcnn, abcnn1, abcnn2, abcnn3; got 'abcnn4'"
    with pytest.raises(ValueError, match=message):
        convolutional("abcnn4")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"blocks": []}, "at least one block of convolutions; got none"),
        ({"blocks": [PairConvolution(5, 4, 3)]}, "block 1 reads vectors of width 5; got 6"),
        (
            {"blocks": [PairConvolution(6, 4, 3), PairConvolution(6, 4, 3)]},
            "block 2 reads vectors of width 6; got 4",
        ),
    ],
)
def test_blocks_that_do_not_fit_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ConvolutionalMatcher(**SIZES, **options)


def test_networks_have_blocks() -> None:
    with pytest.raises(ValueError, match="at least one block of convolutions; got none"):
        convolutional("abcnn3", num_blocks=0)


def test_texts_beyond_the_last_position_are_refused() -> None:
    both = (*texts(), known())
    maps = ConvolutionalMatcher(
        **SIZES, blocks=[PairConvolution(6, 4, 3, maps=AttentionMaps(6, 8))]
    )
    with pytest.raises(ValueError, match="a text has 9 positions, more than max_len, 8"):
        maps(*both)
    learned = TransformerMatcher(**SIZES, num_heads=2, positions="learned", max_len=17)
    with pytest.raises(ValueError, match=r"17 learnt positions .* a text of 18 tokens"):
        learned(*both)
