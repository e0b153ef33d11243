"""A classifier as one program: texts as ids go in, logits come out."""

from torch import nn

from regard.exporting.programs import Program, Tensors, example_texts, require_evaluation
from regard.interfaces import Classifier, Tokens

__all__ = ["classifier_program"]


def classifier_program(model: nn.Module, *, vocab: int) -> Program:
    """Make a program of a classifier: `ids` and `lengths` to `logits`.

    Raises:
        TypeError: the model does not classify.
    """
    if not isinstance(model, Classifier):
        raise TypeError(f"{type(model).__name__} does not classify; see Classifier")
    require_evaluation(model)
    first, second = (text._asdict() for text in example_texts(vocab))
    return Program("classifier", _Classifying(model), (first, second), {})


class _Classifying(nn.Module):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, tensors: Tensors) -> Tensors:
        return {"logits": self.model(Tokens(**tensors))}
