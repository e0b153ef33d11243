"""What erasing tells of the trained systems, against reading texts that are written without."""

import math
from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor, nn

import regard
from regard.data.encoders import SentenceEncoder, TextEncoder
from regard.data.encoding import pad
from regard.data.grades import Grades
from regard.data.labels import Labels
from regard.data.tokenizers import Tokenizer
from regard.inspection.measures.standing import pooled
from regard.interfaces import BOS, EOS, Tokens
from regard.models import (
    ConvolutionalClassifier,
    HierarchicalClassifier,
    RecurrentClassifier,
    TransformerClassifier,
)
from regard.recipes.classify.system import ClassificationSystem
from regard.recipes.match.system import MatchingSystem
from regard.recipes.measures import (
    classifier_faithfulness,
    matcher_faithfulness,
    rolled_out,
    translator_faithfulness,
)
from regard.recipes.run import load_as
from regard.recipes.translate.system import TranslationSystem
from regard.recipes.translate.train import train_translator
from regard.training.run_directory import RunDirectory
from tests.conftest import ToyRun
from tests.toy_language import make_pairs, tiny
from tests.toy_pairs import make_questions

WORDS = [f"word{number}" for number in range(60)]
TOKENIZER = Tokenizer.words(WORDS, min_frequency=1)
VOCAB = TOKENIZER.vocab_size
TWO, THREE = Labels(("bad", "good")), Labels(("a", "b", "c"))
SIZES = {"vocab": VOCAB, "embed_dim": 8}
READERS: dict[str, Callable[[int], nn.Module]] = {
    "recurrent": lambda outputs: RecurrentClassifier(num_outputs=outputs, hidden_dim=4, **SIZES),
    "convolutional": lambda outputs: ConvolutionalClassifier(num_outputs=outputs, **SIZES),
    "hierarchical": lambda outputs: HierarchicalClassifier(
        num_outputs=outputs, hidden_dim=4, **SIZES
    ),
    "transformer": lambda outputs: TransformerClassifier(
        num_outputs=outputs, num_layers=2, num_heads=2, **SIZES
    ),
    "first": lambda outputs: TransformerClassifier(
        num_outputs=outputs, num_layers=2, num_heads=2, pooling="first", **SIZES
    ),
}
TEXT = " ".join(WORDS[at * 7 % 60] for at in range(30))


class OneWord(nn.Module):
    """Attends to one word, and hears nothing but it; what it says of its weights is another thing.

    Args:
        shown: what it shows, given its true weights.
    """

    def __init__(self, shown: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCAB, 2)
        self.shown = shown
        with torch.no_grad():
            self.embedding.weight[:, 0] = torch.arange(VOCAB).float()
            # The word that is attended before all others speaks for the second class.
            self.embedding.weight[:, 1] = -2.0
            self.embedding.weight[-1, 1] = 3.0

    def forward(self, text: Tokens) -> Tensor:
        return (self._weights(text) * self.embedding(text.ids)[..., 1]).sum(1, keepdim=True)

    def weights(self, text: Tokens) -> Tensor:
        return self.shown(self._weights(text).detach())

    def _weights(self, text: Tokens) -> Tensor:
        real = torch.arange(text.ids.shape[1]) < text.lengths.unsqueeze(1)
        scores = 5 * self.embedding(text.ids)[..., 0]
        return scores.masked_fill(~real, -1e9).softmax(-1) * real


def system_of(
    model: nn.Module, labels: Labels = TWO, *, sentences: bool = False
) -> ClassificationSystem:
    encoder = SentenceEncoder(TOKENIZER) if sentences else TextEncoder(TOKENIZER)
    return ClassificationSystem(model, encoder, labels)


def reader(name: str, labels: Labels) -> ClassificationSystem:
    """Make one that has learnt nothing, and heeds words far more than one does that has."""
    model = READERS[name](labels.num_outputs)
    with torch.no_grad():
        for part in model.parameters():
            part.mul_(2)
    return system_of(model, labels, sentences=name == "hierarchical")


def test_a_model_that_hears_one_word_is_explained_by_it() -> None:
    text = " ".join([*WORDS[:40], WORDS[-1]])
    found = classifier_faithfulness(system_of(OneWord(lambda weights: weights)), text)
    assert found.finding == "explains"
    assert found.standing.share == pytest.approx(1, abs=0.01)
    assert found.top_flips
    assert found.others_flip == pytest.approx(1 / 41)


@pytest.mark.parametrize("shown", [torch.ones_like, torch.zeros_like])
def test_the_same_model_is_not_explained_by_even_weights(shown: Callable[[Tensor], Tensor]) -> None:
    text = " ".join([*WORDS[:40], WORDS[-1]])
    assert classifier_faithfulness(system_of(OneWord(shown)), text).finding == "alike"


def test_the_same_model_is_seldom_explained_by_noise() -> None:
    text = " ".join([*WORDS[:40], WORDS[-1]])
    found = [classifier_faithfulness(system_of(OneWord(torch.rand_like)), text) for _ in range(20)]
    findings = [each.finding for each in found]
    assert findings.count("explains") + findings.count("partly") <= 3
    assert findings.count("chance") >= 12
    assert pooled([each.standing for each in found]).finding == "chance"


@pytest.mark.parametrize("labels", [TWO, THREE, Labels(("a", "b", "c"), several=True)])
@pytest.mark.parametrize("name", READERS)
def test_erasing_tokens_is_writing_the_text_without_them(name: str, labels: Labels) -> None:
    system = reader(name, labels)
    words = TEXT.split()
    weights = torch.randperm(len(words)).float()
    order = weights.argsort(descending=True).tolist()
    found = classifier_faithfulness(system, TEXT, weights)
    [whole] = system.classify([TEXT])
    label = max(whole.probabilities, key=whole.probabilities.__getitem__)

    def probability(kept: Sequence[int]) -> float:
        [left] = system.classify([" ".join(words[at] for at in sorted(kept))])
        probable = left.probabilities[label]
        is_denied = labels.several and whole.probabilities[label] < 0.5
        return 1 - probable if is_denied else probable

    assert found.probability == pytest.approx(probability(range(30)), abs=1e-5)
    assert found.without_all == pytest.approx(probability([]), abs=1e-5)
    assert found.without_fifth.by_weights == pytest.approx(probability(order[6:]), abs=1e-5)
    assert found.fifth_alone.by_weights == pytest.approx(probability(order[:6]), abs=1e-5)
    counts = [1, 2, 3, 6, 15]
    without = [found.probability - probability(order[count:]) for count in counts]
    assert found.comprehensiveness.by_weights == pytest.approx(sum(without) / 5, abs=1e-5)
    alone = [found.probability - probability(order[:count]) for count in counts]
    assert found.sufficiency.by_weights == pytest.approx(sum(alone) / 5, abs=1e-5)


@pytest.mark.parametrize("name", READERS)
def test_gradients_are_those_of_the_probability(name: str) -> None:
    system = reader(name, TWO)
    found = classifier_faithfulness(system, TEXT)
    assert found.correlations.gradient_of_input is not None
    assert found.correlations.gradient_norm is not None
    assert found.correlations.erasure is not None
    assert found.correlations.deviation == pytest.approx(math.sqrt(2 * 65 / (9 * 30 * 29)))


def test_sentences_stay_apart_where_words_are_erased() -> None:
    system = reader("hierarchical", TWO)
    text = "Word1 word2 word3. Word4 word5 word6 word7."
    found = classifier_faithfulness(
        system, text, torch.tensor([0.9, 0, 0, 0.2, 0.3, 0.5, 0, 0.4, 0])
    )
    [without] = system.classify(["word2 word3. Word4 word6 word7."])
    [whole] = system.classify([text])
    assert found.num_tokens == 9
    assert found.num_erased == 2
    expected = without.probabilities[whole.labels[0]]
    assert found.without_fifth.by_weights == pytest.approx(expected, abs=1e-5)


def test_an_n_gram_reader_is_measured_without_gradients(toy_classifier: ToyRun) -> None:
    system = load_as(ClassificationSystem, toy_classifier.path)
    found = classifier_faithfulness(system, "a long story about a wonderful evening in the film")
    assert found.correlations.gradient_norm is None
    assert found.num_tokens == 10
    again = classifier_faithfulness(system, "a long story about a wonderful evening in the film")
    assert found == again


@pytest.mark.parametrize("text", ["", "   "])
def test_an_empty_text_has_no_token_to_erase(text: str) -> None:
    for name in READERS:
        with pytest.raises(ValueError, match="an empty text has no token"):
            classifier_faithfulness(reader(name, TWO), text)


def test_weights_are_of_the_tokens_that_are_read() -> None:
    with pytest.raises(ValueError, match=r"a weight for each of the 30 tokens .*; got \(3,\)"):
        classifier_faithfulness(reader("recurrent", TWO), TEXT, torch.rand(3))


def test_a_training_model_trains_on() -> None:
    system = reader("recurrent", TWO)
    system.model.train()
    classifier_faithfulness(system, TEXT)
    assert system.model.training


@pytest.mark.parametrize("name", ["transformer", "first"])
def test_weights_are_rolled_out_through_all_layers(name: str) -> None:
    system = reader(name, TWO)
    [attention] = system.heads(TEXT)
    rolled = torch.eye(len(attention.key))
    for layer in attention.layers:
        rolled = (layer.mean(0) + torch.eye(len(rolled))) / 2 @ rolled
    [look] = system.look([TEXT])
    expected = rolled[0, 1:] if name == "first" else look.weights @ rolled
    found = rolled_out(system, TEXT)
    assert found.sum().item() == pytest.approx(1, abs=1e-5)
    torch.testing.assert_close(found, expected / expected.sum(), rtol=1e-4, atol=1e-6)
    assert classifier_faithfulness(system, TEXT, found).num_tokens == 30


def test_a_reader_without_heads_is_not_rolled_out() -> None:
    with pytest.raises(TypeError, match="has no layers of heads"):
        rolled_out(reader("recurrent", TWO), TEXT)


@pytest.fixture(scope="module")
def translator(toy_run: ToyRun) -> TranslationSystem:
    return regard.load(toy_run.path)


@pytest.mark.parametrize("given", [None, "dog tree man house small"])
def test_a_translation_loses_what_it_is_written_without(
    translator: TranslationSystem, given: str | None
) -> None:
    text = "ein klein hund sieht rot"
    [[best]] = (
        translator.translate([text]) if given is None else [translator.align([text], [given])]
    )
    found = translator_faithfulness(translator, text, best)
    model = translator.model
    ids = translator.source_tokenizer.encode(text)

    def teacher_forced(source: list[int]) -> tuple[Tensor, Tensor]:
        """Predict all tokens in one pass."""
        batch = pad([[*source, EOS]]), pad([[BOS, *best.ids]])
        with torch.no_grad():
            logits = model.predictions(*batch).logits[:-1]
        right = torch.tensor(best.ids)
        return logits.log_softmax(-1).gather(1, right[:, None])[:, 0], logits.argmax(-1) == right

    whole, was_first = teacher_forced(ids)
    assert bool(was_first.all()) == (given is None)
    for at in range(len(ids)):
        left, is_first = teacher_forced(ids[:at] + ids[at + 1 :])
        torch.testing.assert_close(found.effects[:, at], whole - left, rtol=1e-3, atol=1e-3)
        assert found.flips[:, at].tolist() == (was_first & ~is_first).tolist()
    assert torch.equal(found.weights, best.alignment)


def test_many_source_tokens_are_erased_some_at_a_time(
    translator: TranslationSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "ein klein hund sieht rot"
    [[best]] = translator.translate([text])
    expected = translator_faithfulness(translator, text, best)
    monkeypatch.setattr("regard.recipes.measures.ROWS_AT_ONCE", 2)
    found = translator_faithfulness(translator, text, best)
    torch.testing.assert_close(found.effects, expected.effects, rtol=1e-4, atol=1e-4)


def test_given_translations_and_long_texts_are_measured_too(translator: TranslationSystem) -> None:
    [given] = translator.align(["ein haus"], ["dog tree man"])
    assert translator_faithfulness(translator, "ein haus", given).effects.shape == (3, 2)
    [nothing] = translator.align(["ein haus"], [""])
    assert translator_faithfulness(translator, "ein haus", nothing).finding == "short"
    [[long]] = translator.translate(["ein haus " * 30])
    found = translator_faithfulness(translator, "ein haus " * 30, long)
    assert found.effects.shape == (len(long.ids), 20)


def test_a_translation_of_another_text_is_refused(translator: TranslationSystem) -> None:
    [[best]] = translator.translate(["ein haus"])
    with pytest.raises(ValueError, match="this is the translation of another text"):
        translator_faithfulness(translator, "ein hund", best)
    [[nothing]] = translator.translate([""])
    with pytest.raises(ValueError, match="an empty text has no token"):
        translator_faithfulness(translator, "", nothing)


def test_a_translator_that_must_look_is_explained_by_where_it_looks(
    toy_run: ToyRun, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """It scans forwards, and knows of the source only the one word that it stands at."""
    run = RunDirectory(tmp_path_factory.mktemp("scanner") / "run")
    settings = tiny(
        data={"train": toy_run.train},
        model={"attention": "monotonic"},
        training={"learning_rate": 0.01},
    )
    train_translator(settings, run, report=lambda line: None)
    system = load_as(TranslationSystem, run.path)
    texts = [pair.source for pair in make_pairs(700)[600:640] if len(pair.source.split()) > 2]
    found, shifted = [], []
    for text, [best] in zip(texts, system.translate(texts), strict=True):
        found.append(translator_faithfulness(system, text, best))
        beside = best._replace(alignment=best.alignment.roll(1, dims=1))
        shifted.append(translator_faithfulness(system, text, beside))
    assert pooled([each.standing for each in found]).finding == "explains"
    assert pooled([each.standing for each in shifted]).finding in ("chance", "misleads")
    right, wrong = (sum(each.found for each in some) for some in (found, shifted))
    assert right > 2 * wrong


def test_erasing_of_one_text_is_writing_the_pair_without(toy_matcher: ToyRun) -> None:
    system = load_as(MatchingSystem, toy_matcher.path)
    pair = make_questions(101)[-1]
    look = system.look(pair.left, pair.right)
    [whole] = system.match([(pair.left, pair.right)])
    sides: list[tuple[str, Tensor]] = [
        (pair.left, look.matrix.sum(1)),
        (pair.right, look.matrix.sum(0)),
    ]
    for number, (text, weights) in enumerate(sides):
        words = text.split()
        order = weights.argsort(descending=True).tolist()
        side = "right" if number else "left"
        found = matcher_faithfulness(system, pair.left, pair.right, side)  # type: ignore[arg-type]
        for kept, expected in (
            (order[found.num_erased :], found.without_fifth.by_weights),
            (order[: found.num_erased], found.fifth_alone.by_weights),
            (order, found.probability),
            ([], found.without_all),
        ):
            texts = [pair.left, pair.right]
            texts[number] = " ".join(words[at] for at in sorted(kept))
            [left] = system.match([(texts[0], texts[1])])
            assert left.probabilities[whole.label] == pytest.approx(expected, abs=1e-5)


def test_features_do_not_tell_what_was_erased(toy_matcher: ToyRun) -> None:
    system = load_as(MatchingSystem, toy_matcher.path)
    assert system.features is not None
    pair = make_questions(101)[-1]
    with_features = matcher_faithfulness(system, pair.left, pair.right, "left")
    [empty] = system.match([("", pair.right)])
    [whole] = system.match([(pair.left, pair.right)])
    expected = empty.probabilities[whole.label]
    assert with_features.without_all == pytest.approx(expected, abs=1e-6)


def test_a_side_without_a_token_and_grades_are_refused(toy_matcher: ToyRun) -> None:
    system = load_as(MatchingSystem, toy_matcher.path)
    with pytest.raises(ValueError, match="an empty text has no token"):
        matcher_faithfulness(system, "", "the cat", "left")
    assert matcher_faithfulness(system, "", "the cat", "right").num_tokens == 2
    graded = MatchingSystem(system.model, system.encoder, Grades(1.0, 5.0), system.features)
    with pytest.raises(ValueError, match="this matcher gives grades"):
        matcher_faithfulness(graded, "the dog", "the cat", "left")
