"""Write sequences with any `StepDecoder`: greedily, with a beam, by chance or as given."""

from regard.decoding.beam import beam_search
from regard.decoding.constraints import Constrained
from regard.decoding.coverage import rank_by_coverage
from regard.decoding.diverse import diverse_beam_search
from regard.decoding.forced import force
from regard.decoding.greedy_search import greedy
from regard.decoding.sampling import sample
from regard.decoding.search import Beam, Sampling, Search
from regard.decoding.trace import Traced, Tracing
from regard.decoding.unknown import WithoutUnknown, replace_unknown

__all__ = [
    "Beam",
    "Constrained",
    "Sampling",
    "Search",
    "Traced",
    "Tracing",
    "WithoutUnknown",
    "beam_search",
    "diverse_beam_search",
    "force",
    "greedy",
    "rank_by_coverage",
    "replace_unknown",
    "sample",
]
