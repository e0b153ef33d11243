"""Write sequences with any `StepDecoder`: greedily or with a beam, batched over sentences."""

from regard.decoding.beam import beam_search
from regard.decoding.greedy_search import greedy
from regard.decoding.unknown import replace_unknown

__all__ = ["beam_search", "greedy", "replace_unknown"]
