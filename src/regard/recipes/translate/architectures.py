"""What a user may choose about the model of a translator, one dataclass for each architecture."""

from dataclasses import dataclass
from typing import Literal, get_args

from regard.recipes.choices import NormalizerName, ScoreName
from regard.recipes.layers import LayerSettings
from regard.training.limits import (
    ABOVE_0,
    SHARE,
    Limit,
    at_least,
    check_divides,
    check_goes_with,
    check_limits,
)

__all__ = [
    "ARCHITECTURES",
    "ModelSettings",
    "RecurrentSettings",
    "TransformerSettings",
    "WeightedTransformerSettings",
]

AttentionName = Literal[
    "global", "local_m", "local_p", "coverage", "hard", "marginal", "monotonic", "chunkwise"
]

_CHUNK = Limit("at least 2 (for 1 there is model.attention monotonic)", at_least(2).allows)


@dataclass(frozen=True)
class RecurrentSettings:
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
        score: how well an encoder state matches the decoder's; dot, scaled_dot, cosine and
            distance need 2 * encoder_dim = hidden_dim; of coverage, additive.
        normalizer: from scores to weights, where all within reach are weighed; entmax learns its
            alpha, gumbel draws one position in training.
        half_width: of local_m and local_p: how many positions on either side are within reach.
        soft_share: of hard: how often it is trained softly, on all words.
        num_alternatives: of marginal: how many words are weighed.
        chunk_len: of chunkwise: how many positions it reads, 2 or more.
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
    score: ScoreName | Literal["location"] = "additive"
    normalizer: NormalizerName = "softmax"
    half_width: int = 10
    soft_share: float = 0.75
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
            ("num_layers", "decoder_layers", "half_width", "num_alternatives"), at_least(1)
        )
        shares = dict.fromkeys(("dropout", "soft_share"), SHARE)
        check_limits(self, "model", **widths, **counts, **shares, chunk_len=_CHUNK)
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
class TransformerSettings(LayerSettings):
    """The Transformer; see `regard.models.TransformerTranslator`.

    Args:
        num_layers: depth of the encoder, and of the decoder.
        encoder_score: how well a key matches a query, in the encoder's self-attention.
        decoder_score: the same, in the decoder's self-attention.
        source_score: the same, in the decoder's attention to the source.
        encoder_normalizer: from scores to weights, in the encoder's self-attention.
        decoder_normalizer: the same, in the decoder's self-attention.
        source_normalizer: the same, in the decoder's attention to the source.
        aligned_by: the decoder's layer whose attention is shown as alignment, from the end if
            negative.
        tied: predict with the target embeddings.
        shared: read the source with the target embeddings too; needs vocabulary.shared.
    """

    encoder_score: ScoreName = "scaled_dot"
    decoder_score: ScoreName = "scaled_dot"
    source_score: ScoreName = "scaled_dot"
    encoder_normalizer: NormalizerName = "softmax"
    decoder_normalizer: NormalizerName = "softmax"
    source_normalizer: NormalizerName = "softmax"
    aligned_by: int = -1
    shared: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not -self.num_layers <= self.aligned_by < self.num_layers:
            raise ValueError(
                f"model.aligned_by is one of {self.num_layers} layers; got {self.aligned_by}"
            )


@dataclass(frozen=True)
class WeightedTransformerSettings(TransformerSettings):
    """The weighted Transformer: heads are branches, with shares; see `regard.nn.BranchedAttention`.

    Branches stand for attention and feed-forward layer: of the encoder, and of the decoder's
    attention to the source.

    Args:
        shares_learning_rate: Adam's for the shares of the branches, at its peak.
        shares_warmup_steps: steps over which it rises to that, to fall as their inverse square
            root.
        shares_frozen: share of the steps, at the end, over which the shares stand still.
    """

    shares_learning_rate: float = 5e-3
    shares_warmup_steps: int = 400
    shares_frozen: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        check_limits(
            self,
            "model",
            shares_learning_rate=ABOVE_0,
            shares_warmup_steps=at_least(0),
            shares_frozen=SHARE,
        )
        check_divides(
            "model.num_heads", self.num_heads, "model.feedforward_dim", self.feedforward_dim
        )


ModelSettings = RecurrentSettings | TransformerSettings | WeightedTransformerSettings

ARCHITECTURES: dict[str, type[ModelSettings]] = {
    "recurrent": RecurrentSettings,
    "transformer": TransformerSettings,
    "weighted_transformer": WeightedTransformerSettings,
}
"""The models by the names that runs keep."""
