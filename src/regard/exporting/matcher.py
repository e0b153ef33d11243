"""A matcher as one program: two texts as ids go in, logits and where the texts match come out."""

import torch
from torch import nn

from regard.exporting.programs import Program, Tensors, example_texts, require_evaluation
from regard.interfaces import Matcher, Tokens

__all__ = ["matcher_program"]


def matcher_program(model: nn.Module, *, vocab: int, num_features: int) -> Program:
    """Make a program of a matcher: ids and lengths of both texts to `logits` and `matrix`.

    Where there are features, it takes those too: `features`.

    Raises:
        TypeError: the model does not match pairs.
    """
    if not isinstance(model, Matcher):
        raise TypeError(f"{type(model).__name__} does not match pairs; see Matcher")
    require_evaluation(model)
    first, second = (
        _inputs(left, right, num_features)
        for left, right in zip(
            example_texts(vocab), example_texts(vocab, axis="right_length"), strict=True
        )
    )
    return Program("matcher", _Matching(model), (first, second), {})


def _inputs(left: Tokens, right: Tokens, num_features: int) -> Tensors:
    inputs = {
        "left_ids": left.ids,
        "left_lengths": left.lengths,
        "right_ids": right.ids,
        "right_lengths": right.lengths,
    }
    if num_features:
        inputs["features"] = torch.zeros(len(left.ids), num_features)
    return inputs


class _Matching(nn.Module):
    def __init__(self, model: Matcher) -> None:
        super().__init__()
        self.model = model

    def forward(self, tensors: Tensors) -> Tensors:
        left, right = (
            Tokens(tensors[f"{side}_ids"], tensors[f"{side}_lengths"]) for side in ("left", "right")
        )
        # Of each pair nothing else is known, unless it is given.
        features = tensors.get("features", left.ids.new_zeros(left.ids.shape[0], 0).float())
        return {
            "logits": self.model(left, right, features),
            "matrix": self.model.matrix(left, right),
        }
