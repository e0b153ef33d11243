"""What every classifier promises: texts that know nothing of each other, nor of padding."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from regard.interfaces import EOS, Classifier, Tokens
from regard.models import (
    ConvolutionalClassifier,
    HierarchicalClassifier,
    RecurrentClassifier,
    TransformerClassifier,
)
from regard.nn import MaxPooling
from tests.cases import over
from tests.drawing import VOCAB, draws, sentences
from tests.model_cases import CLASSIFIERS, SIZES, ClassifierCase

LENGTHS = [9, 4, 0, 1]
HIERARCHIES = [case for case in CLASSIFIERS if case.knows_sentences]


def texts(seed: int = 0) -> Tokens:
    """Draw a text of three sentences, one of two, an empty one and one of one word."""
    text = sentences(LENGTHS, seed)
    text.ids[0, 3] = text.ids[0, 8] = text.ids[1, 1] = EOS
    return text


def padded(text: Tokens, more: int) -> Tokens:
    return Tokens(F.pad(text.ids, (0, more)), text.lengths)


def gradients(model: nn.Module, logits: Tensor) -> list[Tensor]:
    grads = torch.autograd.grad(
        logits, list(model.parameters()), draws(9)(*logits.shape), allow_unused=True
    )
    return [torch.zeros(()) if grad is None else grad for grad in grads]


@over(CLASSIFIERS)
def test_classifiers_are_what_the_interface_says(case: ClassifierCase) -> None:
    model, text = case.make(), texts()
    assert isinstance(model, Classifier)
    assert model(text).shape == (4, 3)
    assert model.weights(text).shape == text.ids.shape


@over(CLASSIFIERS)
def test_padding_changes_nothing(case: ClassifierCase) -> None:
    model, text = case.make(), texts()
    short, long = model(text), model(padded(text, 5))
    torch.testing.assert_close(long, short, rtol=1e-6, atol=1e-6)
    weights = model.weights(padded(text, 5))
    torch.testing.assert_close(weights[:, :9], model.weights(text), rtol=0, atol=1e-6)


@over(CLASSIFIERS)
def test_padding_changes_no_gradient(case: ClassifierCase) -> None:
    model, text = case.make().double(), texts()
    of_short, of_long = (gradients(model, model(each)) for each in (text, padded(text, 5)))
    torch.testing.assert_close(of_long, of_short, rtol=1e-9, atol=1e-9)
    assert all(gradient.isfinite().all() for gradient in of_short)


@over(CLASSIFIERS)
def test_texts_know_nothing_of_each_other(case: ClassifierCase) -> None:
    model, text = case.make().double(), texts()
    logits, weights = model(text), model.weights(text)
    for row, length in enumerate(LENGTHS):
        alone = Tokens(text.ids[row : row + 1, :length], text.lengths[row : row + 1])
        torch.testing.assert_close(model(alone), logits[row : row + 1], rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(
            model.weights(alone)[0], weights[row, :length], rtol=0, atol=1e-6
        )


@over(CLASSIFIERS)
def test_weights_sum_to_one_and_padding_has_none(case: ClassifierCase) -> None:
    model, text = case.make(), texts()
    weights = model.weights(text)
    sums = (text.lengths > 0).float()
    torch.testing.assert_close(weights.sum(dim=1), sums, rtol=0, atol=1e-6)
    assert (weights >= 0).all()
    padding = torch.arange(9) >= text.lengths.unsqueeze(1)
    assert weights[padding].abs().sum().item() == 0
    if case.knows_sentences:
        assert weights[text.ids == EOS].abs().sum().item() == 0


@over(CLASSIFIERS)
def test_no_texts_and_nothing_but_empty_ones(case: ClassifierCase) -> None:
    model, none = case.make(), torch.zeros(0, dtype=torch.long)
    assert model(Tokens(none.view(0, 5), none)).shape == (0, 3)
    for ids in (torch.zeros(2, 0, dtype=torch.long), torch.zeros(2, 3, dtype=torch.long)):
        text = Tokens(ids, torch.zeros(2, dtype=torch.long))
        logits = model(text)
        assert logits.isfinite().all()
        torch.testing.assert_close(logits[0], model(texts())[2], rtol=1e-6, atol=1e-6)
        assert model.weights(text).abs().sum().item() == 0
        assert all(gradient.isfinite().all() for gradient in gradients(model.double(), model(text)))
        model.float()


@over(CLASSIFIERS)
def test_classifiers_survive_saving(case: ClassifierCase) -> None:
    saved, fresh, text = case.make(), case.make(), texts()
    wanted = saved(text)
    assert not torch.allclose(fresh(text), wanted, atol=1e-6)
    fresh.load_state_dict(saved.state_dict())
    torch.testing.assert_close(fresh(text), wanted, rtol=0, atol=0)


@over(CLASSIFIERS)
def test_bfloat16_training_is_close(case: ClassifierCase) -> None:
    model, text = case.make(), texts()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits, weights = model(text), model.weights(text)
    torch.testing.assert_close(logits.float(), model(text), rtol=0.1, atol=0.1)
    torch.testing.assert_close(weights.sum(dim=1), (text.lengths > 0).float(), rtol=0, atol=0.02)
    assert all(gradient.isfinite().all() for gradient in gradients(model, logits.float().double()))


@over(HIERARCHIES)
def test_sentences_need_no_end_and_may_have_no_word(case: ClassifierCase) -> None:
    model = case.make().double()
    ends = model(Tokens(torch.tensor([[4, 5, EOS, 6, EOS]]), torch.tensor([5])))
    without = model(Tokens(torch.tensor([[4, 5, EOS, 6]]), torch.tensor([4])))
    torch.testing.assert_close(without, ends, rtol=1e-12, atol=1e-12)
    wordless = model(Tokens(torch.tensor([[EOS, 4, 5, EOS, EOS, 6, EOS]]), torch.tensor([7])))
    torch.testing.assert_close(wordless, ends, rtol=1e-12, atol=1e-12)
    one = model(Tokens(torch.tensor([[4, 5, 6, EOS]]), torch.tensor([4])))
    assert not torch.allclose(one, ends, atol=1e-6)
    nothing = Tokens(torch.tensor([[EOS, EOS]]), torch.tensor([2]))
    torch.testing.assert_close(model(nothing)[0], model(texts())[2], rtol=1e-12, atol=1e-12)
    assert model.weights(nothing).abs().sum().item() == 0


def test_one_long_sentence_does_not_pad_the_others() -> None:
    model, sizes = HierarchicalClassifier(**SIZES, hidden_dim=4), []
    model.words.register_forward_hook(lambda _, asked, __: sizes.append(asked[0].shape[:2]))
    text = sentences([400, 400])
    text.ids[0, 3::4] = EOS
    model(text)
    assert sorted(sizes) == [(1, 400), (100, 3)]


def test_published_sizes() -> None:
    def size(model: nn.Module) -> int:
        return sum(parameter.numel() for parameter in model.parameters())

    sizes = {"vocab": 10_000, "num_outputs": 1}
    assert size(RecurrentClassifier(**sizes)) == 1_241_301
    assert size(ConvolutionalClassifier(**sizes, embed_dim=300)) == 3_360_601
    assert size(HierarchicalClassifier(**sizes)) == 2_141_101
    assert size(TransformerClassifier(**sizes)) == 1_693_569


@pytest.mark.parametrize(
    ("model", "options"),
    [
        (RecurrentClassifier, {"hidden_dim": 4, "pooling": MaxPooling(4)}),
        (HierarchicalClassifier, {"hidden_dim": 4, "sentence_pooling": MaxPooling(4)}),
        (TransformerClassifier, {"num_heads": 2, "pooling": MaxPooling(4)}),
    ],
)
def test_pooling_of_another_width_is_refused(model: Any, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="got a pooling of vectors that are 4 wide"):
        model(**SIZES, **options)


def test_learnt_positions_have_an_end() -> None:
    model = TransformerClassifier(**SIZES, num_heads=2, positions="learned", max_len=8)
    with pytest.raises(ValueError, match=r"8 learnt positions .* a text of 9 tokens"):
        model(texts())


@over([case for case in CLASSIFIERS if case.id != "NgramClassifier"])
def test_ids_and_lengths_may_be_of_another_type(case: ClassifierCase) -> None:
    model, text = case.make(), texts()
    narrow = Tokens(text.ids.int(), text.lengths.int())
    torch.testing.assert_close(model(narrow), model(text), rtol=1e-6, atol=1e-6)
    assert model.embedding.num_embeddings == VOCAB
    assert model.embedding.weight[0].abs().sum().item() == 0
