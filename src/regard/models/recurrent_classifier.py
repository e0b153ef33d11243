"""Classification by a recurrent reader, what it has read pooled by attention.

Hochreiter & Schmidhuber 1997, Cho et al. 2014 (the recurrences); Yang et al. 2016, section 2.2
(attention with a learned query, here over the words of a whole text).
"""

from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from regard.interfaces import Tokens
from regard.nn.attention_pooling import AttentionPooling
from regard.nn.dropout import Dropout
from regard.nn.embedding import word_embedding
from regard.nn.pooling import Pooling, check_pooled_width
from regard.nn.recurrent import RecurrentLayers

__all__ = ["RecurrentClassifier"]


class RecurrentClassifier(nn.Module):
    """Read a text word by word, in one direction or both, and pool the states.

    Args:
        vocab: size of the vocabulary.
        num_outputs: 1 for two classes, else one a class.
        hidden_dim: width of the reader in each direction.
        pooling: of the states, `2 * hidden_dim` wide where there are two directions; attention with
            a learned query of width 50 if not given.
        dropout: on embeddings, between layers and on what is pooled.

    Source: Yang et al. 2016, eq. 5-7, over the states of one recurrence.
    Differs: there are no sentences. With a vocabulary of 10,000 words, one output and all else as
    it is there are 1,241,301 parameters.

    Raises:
        ValueError: `pooling` is of another width.
    """

    def __init__(
        self,
        *,
        vocab: int,
        num_outputs: int,
        embed_dim: int = 100,
        hidden_dim: int = 150,
        cell: Literal["gru", "lstm"] = "gru",
        num_layers: int = 1,
        bidirectional: bool = True,
        pooling: Pooling | None = None,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        self.embedding = word_embedding(vocab, embed_dim)
        self.encoder = RecurrentLayers(
            embed_dim,
            hidden_dim,
            cell=cell,
            num_layers=num_layers,
            bidirectional=bidirectional,
            dropout=dropout,
        )
        states_dim = self.encoder.output_dim
        self.pooling = AttentionPooling(states_dim, 50) if pooling is None else pooling
        check_pooled_width(self.pooling, states_dim)
        self.output = nn.Linear(self.pooling.output_dim, num_outputs)
        self.dropout = Dropout(dropout)

    def forward(self, text: Tokens) -> Float[Tensor, "batch outputs"]:
        """Return the logits of each text; an empty one has those of a pooled vector of 0."""
        states, _ = self.encoder(self.dropout(self.embedding(text.ids)), text.lengths)
        logits: Tensor = self.output(self.dropout(self.pooling(states, text.lengths)))
        return logits

    def weights(self, text: Tokens) -> Float[Tensor, "batch length"]:
        """Return how much each word counts in the pooling, without dropout on words."""
        states, _ = self.encoder(self.embedding(text.ids), text.lengths)
        return self.pooling.weights(states, text.lengths).squeeze(1).float()
