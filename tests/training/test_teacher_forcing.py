"""A translator learns to go on from its own words: from few at first, and from more each step."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from regard.data.encoding import collate
from regard.interfaces import BOS, EOS, PAD, Predictions, Tokens, TranslationBatch
from regard.training.run_directory import RunDirectory
from regard.training.settings import TrainingSettings
from regard.training.teacher_forcing import mix, share_at, with_own_words
from regard.training.trainer import make_trainer
from regard.training.translation import TranslationTraining, predictions
from tests.model_cases import translator

VOCAB = 12

PAIRS = [
    ([5, 6, EOS], [BOS, 7, 8, 6, EOS]),
    ([5, EOS], [BOS, 7, EOS]),
    ([6, 5, 4, EOS], [BOS, EOS]),
]
# The given words of these pairs, and what `Successor` makes of them if left to itself.
GIVEN = [[BOS, 7, 8, 6], [BOS, 7, EOS, PAD], [BOS, EOS, PAD, PAD]]
OWN = [[BOS, BOS + 1, 8, 9], [BOS, BOS + 1, EOS, PAD], [BOS, EOS, PAD, PAD]]
LENGTHS = [4, 2, 1]  # what comes after them counts as padding


class Successor(nn.Module):
    """Write after each word the one that follows it in the vocabulary, and keep what was given."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.given: list[tuple[bool, list[list[int]]]] = []

    def predictions(self, source: Tokens, target: Tokens) -> Predictions:
        self.given.append((self.training, target.ids.tolist()))
        real = torch.arange(target.ids.shape[1]) < target.lengths.unsqueeze(1)
        following = F.one_hot((target.ids[real] + 1) % VOCAB, VOCAB)
        return Predictions(self.scale * following)


def given() -> Tokens:
    return Tokens(torch.tensor(GIVEN), torch.tensor(LENGTHS))


@pytest.mark.parametrize(
    ("step", "final", "share"),
    [(0, 0.2, 1.0), (5, 0.2, 0.6), (10, 0.2, 0.2), (11, 0.2, 0.2), (10, 0.0, 0.0), (7, 1.0, 1.0)],
)
def test_the_share_of_true_words_falls_linearly(step: int, final: float, share: float) -> None:
    assert share_at(step, num_steps=11, final=final) == pytest.approx(share, abs=1e-12)


def test_where_all_words_stay_true_the_share_is_1_exactly() -> None:
    assert {share_at(step, num_steps=11, final=1.0) for step in range(12)} == {1.0}


def test_a_training_of_one_step_has_true_words() -> None:
    assert share_at(0, num_steps=1, final=0.0) == 1.0


def test_without_true_words_every_word_but_the_first_is_the_models_own() -> None:
    written = with_own_words(Successor(), given(), given(), 0.0)
    assert written.ids.tolist() == OWN
    assert written.lengths.tolist() == LENGTHS


def test_what_was_given_is_left_as_it_was() -> None:
    words = given()
    with_own_words(Successor(), words, words, 0.0)
    assert words.ids.tolist() == GIVEN


def test_a_share_of_1_leaves_every_word() -> None:
    own = torch.full((3, 4), 9)
    assert mix(given(), own, 1.0).ids.tolist() == GIVEN


def test_rows_without_words_stay_empty() -> None:
    empty = Tokens(torch.full((2, 3), PAD), torch.tensor([0, 0]))
    assert mix(empty, torch.full((2, 3), 9), 0.0).ids.tolist() == empty.ids.tolist()


def test_the_share_is_that_of_the_words_that_stay() -> None:
    num_words = 20_000
    words = Tokens(torch.zeros(2, num_words, dtype=torch.long), torch.tensor([num_words, 1]))
    mixed = mix(words, torch.ones_like(words.ids), 0.3, torch.Generator().manual_seed(0)).ids
    again = mix(words, torch.ones_like(words.ids), 0.3, torch.Generator().manual_seed(0)).ids
    assert torch.equal(mixed, again)
    standard_error = (0.3 * 0.7 / num_words) ** 0.5
    assert (mixed[0] == 0).float().mean().item() == pytest.approx(0.3, abs=4 * standard_error)
    assert not mixed[1].any()


def test_own_words_are_those_that_the_model_finds_most_probable() -> None:
    torch.manual_seed(3)
    model, batch = translator().eval(), collate(PAIRS)
    words = batch.target._replace(ids=batch.target.ids[:, :-1], lengths=batch.target.lengths - 1)
    written = with_own_words(model, batch.source, words, 0.0)
    for row, ((source, target), length) in enumerate(zip(PAIRS, LENGTHS, strict=True)):
        alone = Tokens(torch.tensor([source]), torch.tensor([len(source)]))
        expected = [BOS]
        for end in range(1, length):
            prefix = Tokens(torch.tensor([target[:end]]), torch.tensor([end]))
            expected.append(int(model.predictions(alone, prefix).logits[-1].argmax()))
        assert written.ids[row, :length].tolist() == expected


def loss_and_gradients(model: nn.Module, loss: Tensor) -> list[Tensor]:
    loss.backward()
    return [
        loss.detach(),
        *(part.grad.clone() for part in model.parameters() if part.grad is not None),
    ]


def test_with_true_words_alone_training_is_exactly_as_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch.manual_seed(3)
    model, batch = translator(dropout=0.3).train(), collate(PAIRS)
    words = batch.target._replace(ids=batch.target.ids[:, :-1], lengths=batch.target.lengths - 1)
    torch.manual_seed(4)
    logits = model.predictions(batch.source, words).logits
    expected = loss_and_gradients(
        model, F.cross_entropy(logits, torch.tensor([7, 8, 6, 3, 7, 3, 3]))
    )
    model.zero_grad()
    settings = TrainingSettings(label_smoothing=0.0)
    module = TranslationTraining(model, settings, num_batches=1)
    monkeypatch.setattr(module, "log", lambda *_, **__: None)
    torch.manual_seed(4)
    found = loss_and_gradients(model, module.training_step(batch, 0))
    assert len(found) == len(expected) > 1
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one, other)


def test_own_words_are_followed_by_what_is_true() -> None:
    model, batch = Successor(), collate(PAIRS)
    found, following = predictions(model, batch, teacher_forcing=0.0)
    assert following.tolist() == [7, 8, 6, EOS, 7, EOS, EOS]
    assert found.logits.argmax(-1).tolist() == [3, 4, 9, 10, 3, 4, 3]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_every_parameter_learns_from_own_words(dtype: torch.dtype) -> None:
    torch.manual_seed(3)
    model, batch = translator().train(), collate(PAIRS)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
        found, following = predictions(model, batch, teacher_forcing=0.5)
        F.cross_entropy(found.logits, following).backward()
    assert [name for name, part in model.named_parameters() if part.grad is None] == []


def test_a_training_gives_true_words_first_and_own_ones_last(tmp_path: Path) -> None:
    num_steps = 4
    settings = TrainingSettings(
        epochs=2, warmup_steps=0, accelerator="cpu", devices="1", progress=False
    )
    model, batch = Successor(), collate(PAIRS)
    loader: DataLoader[TranslationBatch] = DataLoader([batch] * 2, batch_size=None)  # type: ignore[arg-type]
    trainer = make_trainer(settings, RunDirectory(tmp_path / "run"))
    module = TranslationTraining(model, settings, num_batches=2, teacher_forcing=0.0)
    trainer.fit(module, loader, loader)
    trained = [words for training, words in model.given if training]
    # One pass at the first step; then one to find own words, and one to learn from them.
    assert len(trained) == 1 + 2 * (num_steps - 1)
    assert trained[0] == GIVEN
    assert trained[1::2] == [GIVEN] * (num_steps - 1)
    assert trained[-1] == OWN
    validated = [words for training, words in model.given if not training]
    assert validated == [GIVEN] * 4
