"""What the parts of Regard agree on: the words every layer speaks, and nothing that computes.

Axes, as they stand in every shape:

    *batch    any leading axes, broadcast against each other
    query     positions that ask                     key      positions that may be attended
    source    positions of the text that is read     target   positions of the text that is written
    heads     attention heads                        vocab    entries of a vocabulary
    *_dim     width of a vector: query_dim, key_dim, value_dim, hidden_dim, embed_dim, head_dim
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeVar, runtime_checkable

from jaxtyping import Bool, Float, Int
from torch import Tensor

__all__ = [
    "BOS",
    "EOS",
    "PAD",
    "UNK",
    "Attends",
    "Choices",
    "Classifier",
    "DecoderAttention",
    "Draws",
    "Hypothesis",
    "Labelled",
    "LabelledBatch",
    "LanguageModel",
    "Link",
    "Links",
    "MatchBatch",
    "Matched",
    "Matcher",
    "Memory",
    "Normalizer",
    "Offers",
    "Pair",
    "Predictions",
    "Split",
    "StepDecoder",
    "Tokens",
    "TranslationBatch",
    "Translator",
]

PAD, UNK, BOS, EOS = range(4)
"""The ids every vocabulary begins with: padding, unknown, beginning and end of a sequence."""

State = TypeVar("State")


class Split(NamedTuple):
    """A score taken apart: projected queries, projected keys, and how they are compared.

    `compare` is a comparison of `regard.scores`, or a `functools.partial` that binds its
    parameters; kernels are chosen by it.
    """

    query: Tensor
    key: Tensor
    compare: Callable[[Tensor, Tensor], Tensor]


@runtime_checkable
class Normalizer(Protocol):
    """Turns scores into weights; weights are exactly 0 where `mask` is False."""

    def __call__(self, scores: Tensor, mask: Tensor | None = None, /) -> Tensor: ...


@runtime_checkable
class Attends(Protocol):
    """A layer that can be looked into: `weights` takes what calling it takes.

    It may also have `weights_on_demand`, which takes the same, for those who want a part of them.
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...

    def weights(self, *args: Any, **kwargs: Any) -> Tensor: ...


class Memory(NamedTuple):
    """What a decoder attends over, prepared once per source sentence.

    `key` is already projected by the score; `mask` is True where a position may be attended.
    `before` is what earlier queries have left behind for the next, where an attention has a use
    for it: a row per sequence.
    """

    key: Float[Tensor, "*batch key key_dim"]
    value: Float[Tensor, "*batch key value_dim"]
    mask: Bool[Tensor, "*batch query key"] | None = None
    before: Tensor | None = None

    def rows(self, index: Int[Tensor, " rows"]) -> "Memory":
        """Return the memory whose row i is row `index[i]`."""
        mask, before = (None if part is None else part[index] for part in self[2:])
        return Memory(self.key[index], self.value[index], mask, before)


@runtime_checkable
class DecoderAttention(Protocol):
    """Attention as a decoder has it: prepared once a source, read once a step.

    What a step reads may depend on what the steps before it have read; `read` returns the memory
    for the next one. `weights` are those of a reading, asked for before or after it.
    """

    def memory(
        self,
        key: Float[Tensor, "*batch key key_dim"],
        value: Float[Tensor, "*batch key value_dim"],
        mask: Tensor | None = None,
    ) -> Memory: ...

    def read(
        self, query: Float[Tensor, "*batch query query_dim"], memory: Memory
    ) -> tuple[Float[Tensor, "*batch query value_dim"], Memory]: ...

    def weights(
        self, query: Float[Tensor, "*batch query query_dim"], memory: Memory
    ) -> Float[Tensor, "*batch query key"]: ...


class Tokens(NamedTuple):
    """Sequences of token ids, padded at the end with `PAD` to the longest."""

    ids: Int[Tensor, "batch length"]
    lengths: Int[Tensor, " batch"]


class TranslationBatch(NamedTuple):
    """Sentences and translations; a target runs from `BOS` to `EOS`, a source ends in `EOS`."""

    source: Tokens
    target: Tokens


class Pair(NamedTuple):
    """One sentence and its translation, as text."""

    source: str
    target: str


Link = tuple[int, int]
"""A word of the source and the word of the target that it is linked to, counted from 0."""


class Links(NamedTuple):
    """The links of a pair that must be found, and those that may be: the sure are among them."""

    sure: frozenset[Link]
    possible: frozenset[Link]


class Labelled(NamedTuple):
    """One text and its labels: one, or any number where a text may have several."""

    text: str
    labels: tuple[str, ...]


class LabelledBatch(NamedTuple):
    """Texts and what is true of each: the number of its class, or 0 or 1 for each class."""

    text: Tokens
    target: Int[Tensor, " batch"] | Float[Tensor, "batch classes"]


@runtime_checkable
class Classifier(Protocol):
    """A model that says which class a text is of, and how much each of its tokens counts.

    Of two classes there is one output, the logit of the second. Sentences, where a model knows
    them, end in `EOS`.
    """

    def __call__(self, text: Tokens) -> Float[Tensor, "batch outputs"]: ...

    def weights(self, text: Tokens) -> Float[Tensor, "batch length"]:
        """Return how much each token counts: padding 0; of a text with a known one, 1 in all."""


class Matched(NamedTuple):
    """Two texts, what is true of them, and, where several are ranked, what they are ranked for."""

    left: str
    right: str
    label: str
    group: str = ""


class MatchBatch(NamedTuple):
    """Pairs of texts, what is known of each pair beside its words, and what is true of it.

    The target is the number of its class, or how far it is from the least grade to the greatest.
    Where pairs are learnt with those they are ranked against, `group` is the number of theirs, from
    0 upwards.
    """

    left: Tokens
    right: Tokens
    features: Float[Tensor, "batch features"]
    target: Int[Tensor, " batch"] | Float[Tensor, "batch 1"]
    group: Int[Tensor, " batch"] | None = None


@runtime_checkable
class Matcher(Protocol):
    """A model that says what two texts have to do with each other, and where they match.

    Of two classes, and of grades, there is one output: the logit of the second, or of the greatest.
    """

    def __call__(
        self, left: Tokens, right: Tokens, features: Float[Tensor, "batch features"]
    ) -> Float[Tensor, "batch outputs"]: ...

    def matrix(self, left: Tokens, right: Tokens) -> Float[Tensor, "batch left right"]:
        """Return how well each position of the one matches each of the other; padding 0."""


class Choices(NamedTuple):
    """What an attention has drawn for each target position: how likely that was, and how open.

    `log_prob` is the logarithm of the probability of what was drawn, `entropy` that of the
    distribution it was drawn from, in nats.
    """

    log_prob: Float[Tensor, "batch target"]
    entropy: Float[Tensor, "batch target"]


@runtime_checkable
class Draws(Protocol):
    """An attention that draws what it reads, and whose draws training can reward."""

    def choices(self, memory: Memory) -> Choices | None:
        """Return what was drawn for each query that has read; None, if nothing was."""


@runtime_checkable
class Offers(Protocol):
    """An attention that offers several contexts, to predict from each and mix the predictions."""

    def alternatives(
        self, query: Float[Tensor, "batch query query_dim"], memory: Memory
    ) -> tuple[
        Float[Tensor, "batch query alternatives value_dim"],
        Float[Tensor, "batch query alternatives"],
    ]:
        """Return contexts, and the share of each, of which those of a query sum to one."""


class Predictions(NamedTuple):
    """What a model predicts after every real token that it writes, row by row.

    `choices` are what the predictions depend on by chance, in training, where anything is drawn;
    `expected` what would have been predicted each time from what a draw is expected to find, where
    that can be said, without a gradient.
    """

    logits: Float[Tensor, "tokens vocab"]
    choices: Choices | None = None
    expected: Float[Tensor, "tokens vocab"] | None = None


@runtime_checkable
class Translator(Protocol):
    """What training needs of a translation model."""

    def predictions(self, source: Tokens, target: Tokens) -> Predictions:
        """Return the logits of the next token after every real target token, padding left out."""


@runtime_checkable
class LanguageModel(Protocol):
    """What training needs of a model that writes without a source."""

    def predictions(self, text: Tokens) -> Predictions:
        """Return the logits of the next token after every real token, padding left out."""


@runtime_checkable
class StepDecoder(Protocol[State]):
    """A model that writes one token at a time; state goes in and comes out, row by row."""

    def start(self, source: Tokens) -> State:
        """Read the sources and return the state before the first token, a row per sentence."""

    def step(
        self, state: State, token: Int[Tensor, " batch"]
    ) -> tuple[Float[Tensor, "batch vocab"], State]:
        """Read the last token of every row; return log-probabilities of the next, and the state."""

    def reorder(self, state: State, index: Int[Tensor, " rows"]) -> State:
        """Return the state whose row i is row `index[i]`: to branch, drop and permute rows."""

    def alignment(self, state: State) -> Float[Tensor, "batch source"]:
        """Return where each row looked in its last step; padding has weight 0."""


class Hypothesis(NamedTuple):
    """One decoded sequence, without `BOS` and `EOS`, and where each of its tokens looked.

    `alignment` has one row per token of `tokens` and one column per source token, padding left out.
    """

    tokens: list[int]
    score: float
    log_prob: float
    alignment: Float[Tensor, "target source"]
