"""What there is to draw of what the trained systems saw: their looks, as drawing models."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple, cast

from regard.data.encoders import Span
from regard.decoding import Beam
from regard.inspection.alignment import Alignment
from regard.inspection.head_weights import HeadWeights
from regard.inspection.report import AnyExample, Example, HeadsExample, TextExample
from regard.inspection.shading import ShadedText, percentage
from regard.models.transformer_translator import TransformerTranslator
from regard.recipes.classify.system import ClassificationSystem, Look
from regard.recipes.generate.system import Generation, GenerationSystem, TextLook
from regard.recipes.heads import EMPTY, has_heads, one_of
from regard.recipes.hugging_face import HuggingFaceSystem
from regard.recipes.match.system import MatchingSystem, MatchLook
from regard.recipes.run import System
from regard.recipes.translate.system import Translation, TranslationSystem

__all__ = [
    "BEAM",
    "AnySystem",
    "Seen",
    "alignment_of",
    "attention_of",
    "look_into",
    "matrix_of",
    "shaded",
]

AnySystem = System | HuggingFaceSystem

BEAM = 5
"""Hypotheses at once of a translator, if nothing else is said."""

Picture = Example | HeadsExample | TextExample

LONGEST_UNREAD = 500  # characters


class Seen(NamedTuple):
    """What a system made of a text, or of two, and what there is to draw of where it looked.

    Args:
        title: the text, and what was made of it where that is a text.
        made: what the system says of it; of a model of Hugging Face, its heads.
        pictures: what there is to draw, one or several.
        heads: looks at all heads of all layers, where the model has some and no picture has them.
    """

    title: str
    made: Translation | Look | MatchLook | TextLook | list[HeadWeights]
    pictures: Sequence[Picture]
    heads: Callable[[], list[HeadWeights]] | None = None

    def with_heads(self) -> list[AnyExample]:
        """Return the pictures, and that of all heads, if there is one."""
        if self.heads is None:
            return list(self.pictures)
        return [*self.pictures, HeadsExample(self.heads(), self.title)]


def look_into(
    system: AnySystem,
    texts: Sequence[str | Generation],
    *,
    beam: int = BEAM,
    layer: int | None = None,
    head: int | None = None,
) -> list[Seen]:
    """Let a system read texts, and return what is seen in each; what a matcher sees in two.

    Args:
        texts: of a language model also what it has written.
        beam: of a translator: hypotheses at once.
        layer, head: of a language model or a model of Hugging Face: whose attention is drawn. A
            translator's is chosen by its `align_by`.

    Raises:
        ValueError: no token of a text is read, a matcher has not two texts, or there is no such
            layer or head.
    """
    if isinstance(system, GenerationSystem):
        return [_read(system, text, -1 if layer is None else layer, head) for text in texts]
    typed = [text.text if isinstance(text, Generation) else text for text in texts]
    if isinstance(system, HuggingFaceSystem):
        return [_attended(system, text, layer, head) for text in typed]
    if isinstance(system, MatchingSystem):
        return [_matched(system, typed)]
    if isinstance(system, ClassificationSystem):
        return [_classified(system, look) for look in system.look(typed)]
    return list(_translated(system, typed, beam))


def _translated(system: TranslationSystem, texts: Sequence[str], beam: int) -> Iterator[Seen]:
    found = [best for best, *_ in system.translate(texts, Beam(beam))]
    for text, best in zip(texts, found, strict=True):
        _check_read(best.source_tokens)
        cut = f"the last {best.num_cut} tokens were not read" if best.num_cut else ""
        title = ", ".join(filter(None, (_whose(system), cut)))
        drawing = replace(alignment_of(best), title=title)
        picture = Example(drawing, source=text, prediction=best.text)
        heads = partial(system.heads, text, best) if has_heads(system.model) else None
        yield Seen(f"{text} → {best.text}", best, [picture], heads)


def _whose(system: TranslationSystem) -> str:
    """Say whose attention the alignment is, where there are several."""
    if not has_heads(system.model):
        return ""
    model = cast(TransformerTranslator, system.model)
    head = "mean of the heads" if model.aligned_head is None else f"head {model.aligned_head}"
    return f"layer {model.aligned_by}, {head}"


def _classified(system: ClassificationSystem, look: Look) -> Seen:
    _check_read(look.spans)
    heads = partial(system.heads, look.text) if has_heads(system.model) else None
    return Seen(look.text, look, [TextExample(shaded(look))], heads)


def _matched(system: MatchingSystem, texts: Sequence[str]) -> Seen:
    if len(texts) != 2:
        raise ValueError(f"a match is of two texts; got {len(texts)}")
    left, right = texts
    look = system.look(left, right)
    for tokens in (look.left_tokens, look.right_tokens):
        _check_read(tokens)
    picture = Example(matrix_of(look), source=right, prediction=left, row="left", column="right")
    return Seen(f"{left} / {right}", look, [picture])


def _read(system: GenerationSystem, text: str | Generation, layer: int, head: int | None) -> Seen:
    look = system.look(text, layer=layer, head=head)
    title = text.text if isinstance(text, Generation) else text
    if isinstance(text, str):
        _check_read(look.tokens[1:])  # what begins every text is none of this one
    picture = Example(attention_of(look), source=title, row="later", column="earlier")
    heads = partial(system.heads, text) if has_heads(system.model) else None
    return Seen(title, look, [picture], heads)


def _attended(system: HuggingFaceSystem, text: str, layer: int | None, head: int | None) -> Seen:
    if head is not None and layer is None:
        raise ValueError("a head is of a layer: say which")
    attentions = system.heads(text)
    pictures: list[Picture] = []
    if layer is not None:
        pictures += [Example(_one(attention, layer, head)) for attention in attentions]
    return Seen(text, attentions, [*pictures, HeadsExample(attentions, text)])


def _one(attention: HeadWeights, layer: int, head: int | None) -> Alignment:
    """Return one head, or the mean of a layer's."""
    weights = one_of(list(attention.layers), layer, "layer")
    matrix, which = weights.mean(dim=0), "mean of the heads"
    if head is not None:
        matrix, which = one_of(list(weights), head, "head"), f"head {head}"
    title = f"{attention.name}, layer {layer}, {which}"
    return Alignment(matrix, source=attention.key, target=attention.query, title=title)


def _check_read(tokens: Sequence[object]) -> None:
    if not tokens:
        raise ValueError(EMPTY)


def alignment_of(translation: Translation) -> Alignment:
    """Return what there is to draw of a translation."""
    return Alignment(
        translation.alignment,
        source=translation.source_tokens,
        target=translation.target_tokens,
    )


def attention_of(look: TextLook) -> Alignment:
    """Return what there is to draw of where the tokens of a text looked among each other."""
    return Alignment(look.weights, source=look.tokens, target=look.tokens, title=look.title)


def matrix_of(look: MatchLook) -> Alignment:
    """Return what there is to draw of where two texts match: the left one down, the right across.

    What no score keeps within 0…1 is scaled to it, and said to be.
    """
    matrix, title = look.matrix, look.match.label
    if look.match.probabilities:
        title = f"{title}, score {look.match.score:.3g}"
    if matrix.numel() and (matrix.min() < 0 or matrix.max() > 1):
        low, high = matrix.min(), matrix.max()
        matrix = (matrix - low) / (high - low).clamp(min=1e-12)
        title = f"{title} (scores from {float(low):.2f} to {float(high):.2f}, scaled)"
    return Alignment(matrix, source=look.right_tokens, target=look.left_tokens, title=title)


def shaded(look: Look) -> ShadedText:
    """Return what there is to draw of a text that was classified."""
    found = look.prediction
    title = ", ".join(f"{label} {percentage(found.probabilities[label])}" for label in found.labels)
    text, spans = _without_unread(look.text, look.spans)
    return ShadedText(text, spans, look.weights, look.sentences, title or "no label")


def _without_unread(text: str, spans: list[Span]) -> tuple[str, list[Span]]:
    """Leave out long stretches that no token stands for, of a text too long to be read whole."""
    pieces: list[str] = []
    moved: list[Span] = []
    end = length = 0
    for start, stop in [*spans, (len(text), len(text))]:
        unread = text[end:start]
        # Tokens may share characters, such as the bytes of a letter.
        for piece in (
            " … " if len(unread) > LONGEST_UNREAD else unread,
            text[max(start, end) : stop],
        ):
            pieces.append(piece)
            length += len(piece)
        end = max(end, stop)
        moved.append((length - (end - start), length - (end - stop)))
    return "".join(pieces), moved[:-1]
