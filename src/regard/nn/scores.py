"""Score modules: a projection of the query, a projection of the key, and a comparison.

Calling one scores queries against keys. A decoder calls its parts: it projects its keys once and
each query as it comes.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from regard.functional import scores
from regard.interfaces import Split

__all__ = [
    "AdditiveScore",
    "BilinearScore",
    "ConcatScore",
    "CosineScore",
    "DistanceScore",
    "DotScore",
    "LocationScore",
    "ScaledDotScore",
    "ScoreModule",
]


class ScoreModule(nn.Module):
    """A score with its parameters; by default nothing is projected, and the inner product compares.

    A score of your own overrides `project_query`, `project_key` and `comparison`, and nothing else:
    kernels call these three.

    Source: Luong et al. 2015, section 3.1, read as two projections and a comparison.

    Raises:
        TypeError: a subclass overrides what is made of the three.
    """

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if fixed := {"compare", "split", "forward"} & set(vars(cls)):
            raise TypeError(
                f"{cls.__name__} overrides {', '.join(sorted(fixed))}, which kernels would not "
                "see; override project_query, project_key or comparison"
            )

    @property
    def comparison(self) -> Callable[[Tensor, Tensor], Tensor]:
        """The comparison of `regard.scores` that this score ends in, its parameters bound."""
        return scores.inner_product

    def project_query(
        self, query: Float[Tensor, "*batch query query_dim"]
    ) -> Float[Tensor, "*batch query width"]:
        return query

    def project_key(
        self, key: Float[Tensor, "*batch key key_dim"]
    ) -> Float[Tensor, "*batch key width"]:
        return key

    def compare(
        self, query: Float[Tensor, "*#batch query width"], key: Float[Tensor, "*#batch key _"]
    ) -> Float[Tensor, "*#batch query key"]:
        """Score projected queries against projected keys."""
        return self.comparison(query, key)

    def split(self, query: Tensor, key: Tensor) -> Split:
        """Take the score apart at this query and key."""
        return Split(self.project_query(query), self.project_key(key), self.comparison)

    def forward(
        self,
        query: Float[Tensor, "*#batch query query_dim"],
        key: Float[Tensor, "*#batch key key_dim"],
    ) -> Float[Tensor, "*#batch query key"]:
        scored: Tensor = self.compare(self.project_query(query), self.project_key(key))
        return scored


class DotScore(ScoreModule):
    """Score by the inner product, `regard.scores.dot`.

    Source: Luong et al. 2015, section 3.1 (dot).
    """


class ScaledDotScore(ScoreModule):
    """Score by the scaled inner product, `regard.scores.scaled_dot`.

    Source: Vaswani et al. 2017, eq. 1.
    """

    @property
    def comparison(self) -> Callable[[Tensor, Tensor], Tensor]:
        return scores.scaled_dot


class BilinearScore(ScoreModule):
    r"""Score by a learned bilinear form, `regard.scores.bilinear`.

    Source: Luong et al. 2015, section 3.1 (general).
    Differs: what is learnt is the form times $\sqrt{d}$, for keys of width $d$, and it begins that
    much smaller. Unscaled, scores soon lie so far apart that attention looks at a single key and
    learns no more (Vaswani et al. 2017, section 3.2.1, of the inner product).
    """

    def __init__(self, query_dim: int, key_dim: int) -> None:
        super().__init__()
        self.scale = key_dim**-0.5
        self.learnt = nn.Parameter(torch.empty(query_dim, key_dim))
        nn.init.xavier_uniform_(self.learnt)

    @property
    def weight(self) -> Float[Tensor, "query_dim key_dim"]:
        """The form."""
        form: Tensor = self.learnt * self.scale
        return form

    def project_query(
        self, query: Float[Tensor, "*batch query query_dim"]
    ) -> Float[Tensor, "*batch query key_dim"]:
        return scores.project(query * self.scale, self.learnt.mT)


class CosineScore(ScoreModule):
    """Score by the cosine, `regard.scores.cosine`, at a learned temperature.

    Args:
        temperature: its initial value, above 0.

    Source: Graves et al. 2014 (Neural Turing Machines), eq. 5-6.

    Raises:
        ValueError: `temperature` is not positive.
    """

    def __init__(self, temperature: float = 0.1) -> None:
        super().__init__()
        if temperature <= 0:
            raise ValueError(f"temperature must be positive; got {temperature}")
        self.log_temperature = nn.Parameter(torch.tensor(math.log(temperature)))

    def project_query(
        self, query: Float[Tensor, "*batch query width"]
    ) -> Float[Tensor, "*batch query width"]:
        return scores.unit(query) / self.log_temperature.exp().to(query.dtype)

    def project_key(
        self, key: Float[Tensor, "*batch key width"]
    ) -> Float[Tensor, "*batch key width"]:
        return scores.unit(key)


class AdditiveScore(ScoreModule):
    """Score by a one-layer perceptron over query and key, `regard.scores.additive`.

    Args:
        bias: whether the hidden layer has one; Bahdanau's has none.

    Source: Bahdanau et al. 2015, appendix A.1.2.
    """

    def __init__(self, query_dim: int, key_dim: int, hidden_dim: int, *, bias: bool = True) -> None:
        super().__init__()
        self.query = nn.Linear(query_dim, hidden_dim, bias=False)
        self.key = nn.Linear(key_dim, hidden_dim, bias=bias)
        self.energy = nn.Parameter(torch.empty(hidden_dim))
        nn.init.uniform_(self.energy, -(hidden_dim**-0.5), hidden_dim**-0.5)

    @property
    def comparison(self) -> Callable[[Tensor, Tensor], Tensor]:
        return partial(scores.tanh_energy, energy=self.energy)

    def project_query(
        self, query: Float[Tensor, "*batch query query_dim"]
    ) -> Float[Tensor, "*batch query hidden"]:
        projected: Tensor = self.query(query)
        return projected

    def project_key(
        self, key: Float[Tensor, "*batch key key_dim"]
    ) -> Float[Tensor, "*batch key hidden"]:
        projected: Tensor = self.key(key)
        return projected


class ConcatScore(ScoreModule):
    """Score by a one-layer perceptron over the concatenation, `regard.scores.concat`.

    One matrix without bias, drawn for the width of the concatenation.

    Source: Luong et al. 2015, section 3.1 (concat).
    """

    def __init__(self, query_dim: int, key_dim: int, hidden_dim: int) -> None:
        super().__init__()
        self.query_dim = query_dim
        self.weight = nn.Parameter(torch.empty(hidden_dim, query_dim + key_dim))
        self.energy = nn.Parameter(torch.empty(hidden_dim))
        nn.init.xavier_uniform_(self.weight)
        nn.init.uniform_(self.energy, -(hidden_dim**-0.5), hidden_dim**-0.5)

    @property
    def comparison(self) -> Callable[[Tensor, Tensor], Tensor]:
        return partial(scores.tanh_energy, energy=self.energy)

    def project_query(
        self, query: Float[Tensor, "*batch query query_dim"]
    ) -> Float[Tensor, "*batch query hidden"]:
        return scores.project(query, self.weight[:, : self.query_dim])

    def project_key(
        self, key: Float[Tensor, "*batch key key_dim"]
    ) -> Float[Tensor, "*batch key hidden"]:
        return scores.project(key, self.weight[:, self.query_dim :])


class LocationScore(ScoreModule):
    """Score positions from the query alone, `regard.scores.location`.

    Source: Luong et al. 2015, section 3.1 (location).
    """

    def __init__(self, query_dim: int, max_len: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(max_len, query_dim))
        nn.init.xavier_uniform_(self.weight)

    @property
    def comparison(self) -> Callable[[Tensor, Tensor], Tensor]:
        return partial(scores.location, weight=self.weight)


class DistanceScore(ScoreModule):
    """Score by closeness, `regard.scores.distance`.

    Source: Yin et al. 2016 (ABCNN), section 5.1.
    """

    @property
    def comparison(self) -> Callable[[Tensor, Tensor], Tensor]:
        return scores.inverse_distance
