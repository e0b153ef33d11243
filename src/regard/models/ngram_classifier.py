"""Classification by attention over all n-grams of a text.

What an n-gram says (its value) and how much each head heeds it (its scores) are learnt for each
n-gram of the training texts, and so is how much a head heeds a place in the text. Values begin at
naive Bayes: the model starts as a good linear classifier, and learns what to heed. Wang & Manning
2012 (naive-Bayes log-count ratios of n-grams); Joulin et al. 2016 (a mean over n-grams); Yang et
al. 2016 (attention in place of the mean).
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from regard.functional.normalizers import softmax
from regard.interfaces import Normalizer, Tokens
from regard.nn.ngrams import Ngrams

__all__ = ["NgramClassifier"]

PLACES = 24
"""Places that are told apart from either end of a text: two for each doubling of the distance."""


USUAL = 500
"""N-grams in a text of usual length, which is what the scale of the logits is for."""


class NgramClassifier(nn.Module):
    r"""Classify a text by what its n-grams say, each as far as it is heeded.

    $$w_h = \operatorname{normalizer}_i(s_{h, g_i} + a_{h, i} + z_{h, i}), \quad
    \text{logits} = \tau \sqrt{n / 500} \sum_h \sum_i w_{h, i} v_{g_i} + b$$

    over the n known n-grams g of the text, where a depends on how far from its beginning an n-gram
    stands, z on how far from its end.

    Args:
        ngrams: which n-grams are known.
        num_outputs: 1 for two classes, else one a class.
        dropout: share of the n-grams that a text loses in training.

    Source: Wang & Manning 2012, eq. 2 (the values it begins with); Yang et al. 2016, eq. 6-7.
    Differs: evidence grows with the root of the length, between a mean and a sum.
    Cost: linear in the length.
    """

    def __init__(
        self,
        ngrams: Ngrams,
        *,
        num_outputs: int,
        num_heads: int = 4,
        normalizer: Normalizer = softmax,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        self.ngrams = ngrams
        self.normalizer = normalizer
        self.dropout = dropout
        self.value = nn.Embedding(len(ngrams), num_outputs)
        self.score = nn.Embedding(len(ngrams), num_heads)
        nn.init.zeros_(self.value.weight)
        nn.init.normal_(self.score.weight, std=0.1)  # heads must differ to learn different things
        self.from_beginning = nn.Parameter(torch.zeros(PLACES, num_heads))
        self.from_end = nn.Parameter(torch.zeros(PLACES, num_heads))
        self.scale = nn.Parameter(torch.tensor(5.0))
        self.bias = nn.Parameter(torch.zeros(num_outputs))

    @torch.no_grad()
    def start_from(
        self, by_class: Float[Tensor, "numbers classes"], texts: Float[Tensor, " numbers"]
    ) -> None:
        r"""Begin with the naive-Bayes log-count ratio of each n-gram as its value.

        $$v_c = \log \frac{p_c / \lVert p_c \rVert_1}{q_c / \lVert q_c \rVert_1}$$

        where p is 1 + the number of texts of class c that hold the n-gram, q of other texts. What
        no text holds has the value 0.

        Args:
            by_class: in how many texts of each class each n-gram stands.
            texts: in how many texts it stands.
        """
        inside, outside = 1 + by_class, 1 + texts.unsqueeze(1) - by_class
        ratio = (inside / inside.sum(dim=0)).log() - (outside / outside.sum(dim=0)).log()
        # Of two classes the one output is for the second. The heads are added up.
        num_heads = self.score.embedding_dim
        self.value.weight.copy_(ratio[:, -self.value.embedding_dim :] / num_heads)
        # What no text holds says nothing, though its ratio speaks for the class of fewer words.
        self.value.weight[texts == 0] = 0

    def forward(self, text: Tokens) -> Float[Tensor, "batch outputs"]:
        """Return the logits of each text; one without a known n-gram gets the bias."""
        numbers = self.ngrams(text)
        known = numbers > 0
        if self.training:
            kept = torch.rand(known.shape, device=known.device) >= self.dropout
            weights = self._weights(numbers, known & kept, text.lengths)
        else:
            weights = self._weights(numbers, known, text.lengths)
        values = self.value(numbers.flatten(1))
        evidence = (weights @ values).sum(dim=1)
        length = (known.sum(dim=(1, 2)) / USUAL).sqrt().unsqueeze(1)
        logits: Tensor = self.scale * length * evidence + self.bias
        return logits

    def weights(self, text: Tokens) -> Float[Tensor, "batch length"]:
        """Return how much each word counts: the weight of an n-gram is shared by its words."""
        numbers = self.ngrams(text)
        of_ngrams = self._weights(numbers, numbers > 0, text.lengths).mean(dim=1)
        of_ngrams = of_ngrams.view(numbers.shape)
        of_words = torch.zeros_like(of_ngrams[:, 0])
        length = of_words.shape[1]
        for level in range(self.ngrams.longest):
            share = of_ngrams[:, level] / (level + 1)
            for offset in range(min(level + 1, length)):
                of_words[:, offset:] += share[:, : length - offset]
        return of_words

    def _weights(
        self,
        numbers: Int[Tensor, "batch longest length"],
        known: Tensor,
        lengths: Int[Tensor, " batch"],
    ) -> Float[Tensor, "batch heads ngrams"]:
        """Weigh the n-grams that begin at each position: first all words, then all pairs."""
        position = torch.arange(numbers.shape[-1], device=numbers.device)
        behind = lengths.to(numbers.device).unsqueeze(1) - 1 - position
        places = self.from_beginning[_place(position)] + self.from_end[_place(behind)]
        scores = self.score(numbers) + places.unsqueeze(1)
        return self.normalizer(scores.flatten(1, 2).mT, known.flatten(1).unsqueeze(1))


def _place(distance: Int[Tensor, "..."]) -> Int[Tensor, "..."]:
    """Tell places apart, the closer to the end of the text that is meant, the finer."""
    return (2 * torch.log2(distance.clamp(min=0) + 1)).long().clamp(max=PLACES - 1)
