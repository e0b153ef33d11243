"""The published systems, one file each, readable from data in to logits out."""

from regard.models.convolutional_classifier import ConvolutionalClassifier
from regard.models.hierarchical_classifier import HierarchicalClassifier
from regard.models.ngram_classifier import NgramClassifier
from regard.models.recurrent_classifier import RecurrentClassifier
from regard.models.recurrent_translator import RecurrentTranslator
from regard.models.transformer_classifier import TransformerClassifier
from regard.models.transformer_language_model import TransformerLanguageModel
from regard.models.transformer_translator import TransformerTranslator

__all__ = [
    "ConvolutionalClassifier",
    "HierarchicalClassifier",
    "NgramClassifier",
    "RecurrentClassifier",
    "RecurrentTranslator",
    "TransformerClassifier",
    "TransformerLanguageModel",
    "TransformerTranslator",
]
