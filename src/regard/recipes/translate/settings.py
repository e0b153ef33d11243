"""What a user may choose about a translator, and the recipes that choose well."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from regard.decoding.lengths import LENGTH_PENALTY
from regard.training.limits import SHARE, UP_TO_1, at_least, check_goes_with, check_limits
from regard.training.settings import TrainingSettings

__all__ = [
    "RECIPES",
    "DataSettings",
    "DecodingSettings",
    "ModelSettings",
    "TranslateSettings",
    "TranslationTrainingSettings",
    "VocabularySettings",
]

AttentionName = Literal[
    "global", "local_m", "local_p", "coverage", "hard", "marginal", "monotonic", "chunkwise"
]

_SMALLEST_BPE = 262  # four special tokens, one for every byte, and two for what is learnt


@dataclass(frozen=True)
class DataSettings:
    """Which text to learn from.

    Args:
        name: a data set that is known by name (see `regard data`), unless `train` is given.
        folder: where the named set lies; without it, it is loaded from the Hugging Face hub.
        train: your own text: a .tsv, .csv, .jsonl or .parquet file with two columns, or what the
            names of two aligned files begin with ("corpus/train" for train.de and train.en). Any
            of them may be gzipped.
        validation: text to choose the best epoch by; without it, a part of `train` is held out.
        test: text to judge the result by, read once.
        source: column, file ending or language to translate from; source, or de for a named set.
        target: column, file ending or language to translate to; target, or en for a named set.
        max_len: pairs with more tokens on a side are left out of training.
    """

    name: str = "multi30k"
    folder: Path | None = None
    train: Path | None = None
    validation: Path | None = None
    test: Path | None = None
    source: str | None = None
    target: str | None = None
    max_len: int = 200

    def __post_init__(self) -> None:
        check_limits(self, "data", max_len=at_least(1))


@dataclass(frozen=True)
class VocabularySettings:
    """How text becomes tokens.

    Args:
        kind: words and punctuation marks, subwords (byte-pair encoding), or characters.
        size: number of subwords.
        min_frequency: words seen less often are unknown.
        lowercase: fold upper case away.
        shared: one vocabulary for both sides.
    """

    kind: Literal["words", "bpe", "characters"] = "bpe"
    size: int = 5000
    min_frequency: int = 2
    lowercase: bool = True
    shared: bool = False

    def __post_init__(self) -> None:
        smallest = _SMALLEST_BPE if self.kind == "bpe" else 1
        check_limits(self, "vocabulary", size=at_least(smallest), min_frequency=at_least(1))


@dataclass(frozen=True)
class ModelSettings:
    """The recurrent translator; see `regard.models.RecurrentTranslator`.

    Args:
        embed_dim: width of the embeddings.
        hidden_dim: width of the decoder's state.
        encoder_dim: width of the encoder's state in each direction; hidden_dim if not given.
        cell: the recurrence.
        num_layers: depth of the encoder.
        decoder: bahdanau (looks, then steps) or luong (steps, then looks; each step is fed what the
            one before predicted from).
        decoder_layers: its depth.
        residual: layers above the lowest add what they read to what they hand on.
        attention: global (all of the source), local_m (around the place of the word that is
            written), local_p (around a predicted place), coverage (knows what has been read), hard
            (reads one word, trained by REINFORCE), marginal (weighs what several words would have
            said), monotonic (scans forwards, reads where it stops) or chunkwise (and the words
            before).
        score: how well an encoder state matches the decoder's; dot, scaled_dot and cosine need
            2 * encoder_dim = hidden_dim; of coverage, additive.
        normalizer: from scores to weights, where all within reach are weighed; entmax learns its
            alpha, gumbel draws one position in training.
        half_width: of local_m and local_p: how many positions on either side are within reach.
        soft_share: of hard: how often it is trained softly, on all words.
        num_alternatives: of marginal: how many words are weighed.
        chunk_len: of chunkwise: how many positions it reads.
        readout_dim: width of a layer before the vocabulary; null for none, of luong for hidden_dim.
        readout: of bahdanau: what that layer is.
        tied: predict with the target embeddings; needs readout_dim = embed_dim.
        dropout: share of activations dropped in training.
    """

    embed_dim: int = 256
    hidden_dim: int = 512
    encoder_dim: int | None = None
    cell: Literal["gru", "lstm"] = "gru"
    num_layers: int = 1
    decoder: Literal["bahdanau", "luong"] = "bahdanau"
    decoder_layers: int = 1
    residual: bool = False
    attention: AttentionName = "global"
    score: Literal["additive", "concat", "dot", "scaled_dot", "bilinear", "cosine", "location"] = (
        "additive"
    )
    normalizer: Literal["softmax", "sparsemax", "entmax15", "entmax", "sigmoid", "gumbel"] = (
        "softmax"
    )
    half_width: int = 10
    soft_share: float = 0.5
    num_alternatives: int = 6
    chunk_len: int = 2
    readout_dim: int | None = None
    readout: Literal["tanh", "maxout"] = "tanh"
    tied: bool = False
    dropout: float = 0.5

    def __post_init__(self) -> None:
        widths = dict.fromkeys(
            ("embed_dim", "hidden_dim", "encoder_dim", "readout_dim"), at_least(1)
        )
        counts = dict.fromkeys(
            ("num_layers", "decoder_layers", "half_width", "num_alternatives", "chunk_len"),
            at_least(1),
        )
        shares = dict.fromkeys(("dropout", "soft_share"), SHARE)
        check_limits(self, "model", **widths, **counts, **shares)
        check_goes_with(
            self,
            "model",
            "attention",
            score=tuple(name for name in get_args(AttentionName) if name != "coverage"),
            normalizer=("global", "local_m", "local_p", "coverage"),
            half_width=("local_m", "local_p"),
            soft_share=("hard",),
            num_alternatives=("marginal",),
            chunk_len=("chunkwise",),
        )
        check_goes_with(self, "model", "decoder", readout=("bahdanau",))
        if self.readout != "tanh" and self.readout_dim is None:
            raise ValueError("model.readout is of a model.readout_dim; set that too")
        if self.residual and self.num_layers == self.decoder_layers == 1:
            raise ValueError("model.residual is of a model.num_layers or decoder_layers above 1")


@dataclass(frozen=True)
class TranslationTrainingSettings(TrainingSettings):
    """How long, how fast and on what to train a translator.

    Args:
        teacher_forcing: share of true words among those given at the last step; it falls linearly
            from 1, and the others are the model's own (scheduled sampling).
    """

    select: Literal["bleu", "exact", "loss"] = "bleu"
    teacher_forcing: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_limits(self, "training", teacher_forcing=UP_TO_1)


@dataclass(frozen=True)
class DecodingSettings:
    """How the finished model is judged.

    Args:
        beam_size: hypotheses followed at once; 1 is greedy.
        length_penalty: above 0 favours longer translations (Wu et al. 2016).
        coverage_penalty: above 0 favours those that look at all of the source (Wu et al. 2016).
    """

    beam_size: int = 10
    length_penalty: float = LENGTH_PENALTY
    coverage_penalty: float = 0.0

    def __post_init__(self) -> None:
        check_limits(
            self,
            "decoding",
            beam_size=at_least(1),
            length_penalty=at_least(0),
            coverage_penalty=at_least(0),
        )
        if self.coverage_penalty and self.beam_size == 1:
            raise ValueError(
                "decoding.coverage_penalty ranks what a decoding.beam_size of 2 or more finds"
            )


@dataclass(frozen=True)
class TranslateSettings:
    """All that a run of `regard train translate` depends on."""

    data: DataSettings = field(default_factory=DataSettings)
    vocabulary: VocabularySettings = field(default_factory=VocabularySettings)
    model: ModelSettings = field(default_factory=ModelSettings)
    training: TranslationTrainingSettings = field(default_factory=TranslationTrainingSettings)
    decoding: DecodingSettings = field(default_factory=DecodingSettings)


RECIPES = {
    "subwords": TranslateSettings(),
    "words": TranslateSettings(
        vocabulary=VocabularySettings(kind="words"),
        training=TranslationTrainingSettings(epochs=10, label_smoothing=0.0),
        decoding=DecodingSettings(beam_size=1),
    ),
    "dates": TranslateSettings(
        data=DataSettings(name="dates"),
        vocabulary=VocabularySettings(kind="characters", lowercase=False),
        model=ModelSettings(embed_dim=64, hidden_dim=160, dropout=0.0),
        training=TranslationTrainingSettings(
            epochs=2,
            max_tokens=3000,
            max_sentences=512,
            learning_rate=3e-3,
            warmup_steps=200,
            label_smoothing=0.0,
            select="exact",
            devices="1",
        ),
        decoding=DecodingSettings(beam_size=1),
    ),
}
"""Settings that go well together: sub-words (what we recommend), the tutorials' words, dates."""
