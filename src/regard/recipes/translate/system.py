"""A trained translator as its users meet it: text in, text and alignment out."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeVar, get_type_hints

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard.data.batching import source_batches
from regard.data.encoding import encode_sources, pad
from regard.data.tokenizers import SPECIALS, Tokenizer
from regard.decoding import Beam, Search, force, replace_unknown
from regard.decoding.lengths import longest_hypothesis
from regard.inspection.head_weights import HeadWeights
from regard.inspection.labels import shorten
from regard.interfaces import BOS, EOS, UNK, Hypothesis, StepDecoder, Tokens
from regard.nn.positions import LearnedPositions
from regard.recipes.heads import EMPTY, Read, align_by, heads_of_translating
from regard.recipes.kept import settings_kept
from regard.recipes.translate.architectures import ARCHITECTURES
from regard.recipes.translate.model import make_model
from regard.recipes.translate.parts import read_tokenizers
from regard.recipes.translate.settings import TranslateSettings
from regard.training.run_directory import RunDirectory, RunError

__all__ = ["Translation", "TranslationSystem", "open_translator", "translator_settings"]

SENTENCES_AT_ONCE, TOKENS_AT_ONCE = 256, 16_384

GREEDY = Beam()

Written = TypeVar("Written")
"""What is written for a source: one hypothesis, or several."""


class Translation(NamedTuple):
    """One translation, and where each of its tokens looked.

    `alignment` has a row per target token and a column per source token. `num_cut` counts the
    source tokens beyond the longest input the model takes, which were not read. `ids` are those of
    the target as the model wrote it, before its unknown words were replaced.
    """

    text: str
    score: float
    source_tokens: list[str]
    target_tokens: list[str]
    alignment: Float[Tensor, "target source"]
    num_cut: int
    ids: list[int]


class TranslationSystem:
    """A translation model with the tokenizers it was trained with.

    Args:
        model: any model that is a `StepDecoder`.
        max_len: source tokens beyond so many are not read.
    """

    def __init__(
        self,
        model: nn.Module,
        source_tokenizer: Tokenizer,
        target_tokenizer: Tokenizer,
        *,
        max_len: int = 200,
    ) -> None:
        if not isinstance(model, StepDecoder):
            raise TypeError(f"{type(model).__name__} does not decode step by step; see StepDecoder")
        self.model = model
        self.source_tokenizer = source_tokenizer
        self.target_tokenizer = target_tokenizer
        self.max_len = max_len

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.model.parameters()).device

    @property
    def longest(self) -> int | None:
        """How many tokens a translation may have, its end counted; None if there is no limit."""
        positions = getattr(self.model, "target_positions", None)
        # Its end is not read, but what begins it is.
        return positions.max_len if isinstance(positions, LearnedPositions) else None

    def translate(
        self, texts: Sequence[str], search: Search = GREEDY, *, prefixes: Sequence[str] = ()
    ) -> list[list[Translation]]:
        """Translate texts; for each, what the search returns, the best first.

        Unknown words are replaced by the source words they looked at most (Luong et al. 2015, §4).

        Args:
            prefixes: what the translation of each text begins with; none if not given.

        Raises:
            ValueError: there is not a prefix for each text, the model cannot write one, or it
                cannot write translations as long as the search is to make them.
        """
        return list(self.iterate(texts, search, prefixes=prefixes))

    def iterate(
        self, texts: Sequence[str], search: Search = GREEDY, *, prefixes: Sequence[str] = ()
    ) -> Iterator[list[Translation]]:
        """Translate like `translate`, giving each result as soon as those before it are done."""
        if prefixes and len(prefixes) != len(texts):
            raise ValueError(f"there are {len(texts)} texts, but {len(prefixes)} prefixes")
        beginnings = [self._beginning(prefix) for prefix in prefixes]
        for first in range(0, len(texts), 4 * SENTENCES_AT_ONCE):
            some = slice(first, first + 4 * SENTENCES_AT_ONCE)
            sources = encode_sources(texts[some], self.source_tokenizer)
            found = self.decode(sources, search, prefixes=beginnings[some])
            for text, source, hypotheses in zip(texts[some], sources, found, strict=True):
                # What is empty has one translation, which is empty.
                kept = hypotheses if len(source) > 1 else hypotheses[:1]
                yield [self._translation(text, source, hypothesis) for hypothesis in kept]

    def decode(
        self,
        sources: Sequence[list[int]],
        search: Search = GREEDY,
        *,
        prefixes: Sequence[list[int]] = (),
    ) -> list[list[Hypothesis]]:
        """Decode sources that are encoded already, in batches of similar length.

        Raises:
            ValueError: there is not a prefix for each source, or the model cannot write as much as
                the search is to.
        """
        if prefixes and len(prefixes) != len(sources):
            raise ValueError(f"there are {len(sources)} sources, but {len(prefixes)} prefixes")
        self._check_room(search)

        def search_batch(source: Tokens, positions: list[int]) -> list[list[Hypothesis]]:
            prefix = pad([prefixes[at] for at in positions]) if prefixes else None
            return search(self.model, source, prefix)

        return self._in_batches(sources, search_batch, num_rows=search.num_rows)

    def align(self, sources: Sequence[str], targets: Sequence[str]) -> list[Translation]:
        """Let the model write given translations; return how probable they are, and where it looks.

        Unknown words are left as they stand.

        Raises:
            ValueError: there is not a target for each source.
        """
        if len(sources) != len(targets):
            raise ValueError(f"there are {len(sources)} sources, but {len(targets)} targets")
        encoded = encode_sources(sources, self.source_tokenizer)
        given = self.target_tokenizer.encode_batch(targets)

        def force_batch(source: Tokens, positions: list[int]) -> list[Hypothesis]:
            return force(self.model, source, pad([given[at] for at in positions]))

        followed = self._in_batches(encoded, force_batch)
        return [
            self._written(ids, self._read(source), self.target_tokenizer.tokens(target), hypothesis)
            for source, ids, target, hypothesis in zip(
                sources, encoded, targets, followed, strict=True
            )
        ]

    def align_by(self, layer: int | None = None, head: int | None = None) -> None:
        """Choose whose attention to the source is the alignment from here on.

        Args:
            layer: from 0, or from the end; the one that is chosen already, if not given.
            head: likewise; the mean over all, if not given.

        Raises:
            TypeError: the model has no layers of heads.
            ValueError: there is no such layer or head.
        """
        align_by(self.model, layer, head)

    def heads(self, text: str, translation: Translation) -> list[HeadWeights]:
        """Return where every head of every layer looks, when a text is read and so translated.

        The decoder's own positions stand for the tokens that they read, from `BOS` on; where they
        look at the source, for those that they write, as in the alignment, and the end of the text.

        Args:
            translation: what `translate` or `align` returned for the text.

        Raises:
            TypeError: the model has no layers of heads.
            ValueError: the translation is of another text, or of none.
        """
        source_tokens = self._read(text)
        if not source_tokens:
            raise ValueError(EMPTY)
        if source_tokens != translation.source_tokens:
            raise ValueError(f"this is the translation of another text than {shorten(text, 40)!r}")
        [ids] = encode_sources([text], self.source_tokenizer)
        source = Read(self._cut(ids), [*source_tokens, SPECIALS[EOS]])
        written = [*translation.target_tokens, SPECIALS[EOS]]
        target = Read([BOS, *translation.ids], [SPECIALS[BOS], *translation.target_tokens])
        if len(translation.ids) >= longest_hypothesis(len(source.ids)):
            # It came to no end: its last token was not read, and there may be no position for it.
            written, target = written[:-1], Read(target.ids[:-1], target.tokens[:-1])
        return heads_of_translating(self.model, source, target, written)

    def _in_batches(
        self,
        sources: Sequence[list[int]],
        write: Callable[[Tokens, list[int]], list[Written]],
        *,
        num_rows: int = 1,
    ) -> list[Written]:
        """Return what is written for each source, in batches of similar length.

        Args:
            write: takes a batch, and the positions of its sources among all.
            num_rows: how many rows of the decoder each source takes.
        """
        written: dict[int, Written] = {}
        was_training = self.model.training
        self.model.eval()
        try:
            for (ids, lengths), positions in source_batches(
                [self._cut(source) for source in sources],
                max_tokens=TOKENS_AT_ONCE // num_rows,
                max_sentences=max(1, SENTENCES_AT_ONCE // num_rows),
            ):
                batch = write(Tokens(ids.to(self.device), lengths), positions)
                written |= zip(positions, batch, strict=True)
        finally:
            self.model.train(was_training)
        return [written[position] for position in range(len(sources))]

    def _beginning(self, prefix: str) -> list[int]:
        """Return the ids of what a translation begins with."""
        ids = self.target_tokenizer.encode(prefix)
        if UNK in ids:
            raise ValueError(f"a translation cannot begin with {prefix!r}: a word is unknown")
        if self.longest is not None and len(ids) >= self.longest:
            raise ValueError(
                f"a translation begins with {self.longest - 1} tokens at most, since the model's "
                f"positions are learnt; {shorten(prefix, 40)!r} has {len(ids)}"
            )
        return ids

    def _check_room(self, search: Search) -> None:
        """Refuse a search for what is longer than the model can write."""
        if self.longest is None:
            return
        # A search of another kind has limits of its own, or none.
        for name, most in (("min_len", self.longest - 1), ("max_len", self.longest)):
            asked = getattr(search, name, None)
            if asked is not None and asked > most:
                raise ValueError(
                    f"{name} must be at most {most} here, since the model's positions are learnt; "
                    f"got {asked}"
                )

    def _cut(self, source: list[int]) -> list[int]:
        return source if len(source) <= self.max_len + 1 else [*source[: self.max_len], EOS]

    def _translation(self, text: str, source: list[int], hypothesis: Hypothesis) -> Translation:
        source_tokens = self._read(text)
        if not source_tokens:  # nothing was said, so there is nothing to translate
            return Translation("", 0.0, [], [], torch.zeros(0, 0), 0, [])
        tokens = self.target_tokenizer.id_tokens(hypothesis.tokens)
        replaced = replace_unknown(tokens, hypothesis.alignment, source_tokens)
        return self._written(source, source_tokens, replaced, hypothesis)

    def _read(self, text: str) -> list[str]:
        """Return the tokens of a source that the model reads."""
        return self.source_tokenizer.tokens(text)[: self.max_len]

    def _written(
        self,
        source: list[int],
        source_tokens: list[str],
        target_tokens: list[str],
        hypothesis: Hypothesis,
    ) -> Translation:
        num_read = len(source_tokens)
        return Translation(
            text=self.target_tokenizer.decode_tokens(target_tokens),
            score=hypothesis.score,
            source_tokens=source_tokens,
            target_tokens=target_tokens,
            alignment=hypothesis.alignment[:, :num_read],
            num_cut=len(source) - 1 - num_read,
            ids=hypothesis.tokens,
        )


def translator_settings(run: RunDirectory) -> TranslateSettings:
    """Read the settings of a run.

    Raises:
        RunError: the run cannot be read.
    """
    architecture = run.config().get("architecture")
    if not isinstance(architecture, str) or architecture not in ARCHITECTURES:
        raise RunError(
            f"{run.path} holds an architecture {architecture!r}, unknown to this version"
        )
    groups = get_type_hints(TranslateSettings) | {"model": ARCHITECTURES[architecture]}
    return TranslateSettings(**settings_kept(run, groups))


def open_translator(run: RunDirectory, settings: TranslateSettings) -> TranslationSystem:
    """Put the trained system of a run together.

    Raises:
        RunError: it is damaged or unfinished.
    """
    source, target = read_tokenizers(run)
    model = make_model(settings, source.vocab_size, target.vocab_size)
    run.load_weights(model)
    return TranslationSystem(model.eval(), source, target, max_len=settings.data.max_len)
