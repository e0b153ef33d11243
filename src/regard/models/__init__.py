"""The published systems, one file each, readable from data in to logits out."""

from regard.models.attentive_matcher import AttentiveMatcher
from regard.models.compare_aggregate_matcher import CompareAggregateMatcher
from regard.models.convolutional_classifier import ConvolutionalClassifier
from regard.models.convolutional_matcher import ConvolutionalMatcher
from regard.models.hierarchical_classifier import HierarchicalClassifier
from regard.models.ngram_classifier import NgramClassifier
from regard.models.recurrent_classifier import RecurrentClassifier
from regard.models.recurrent_translator import RecurrentTranslator
from regard.models.transformer_classifier import TransformerClassifier
from regard.models.transformer_language_model import TransformerLanguageModel
from regard.models.transformer_matcher import TransformerMatcher
from regard.models.transformer_translator import TransformerTranslator

__all__ = [
    "AttentiveMatcher",
    "CompareAggregateMatcher",
    "ConvolutionalClassifier",
    "ConvolutionalMatcher",
    "HierarchicalClassifier",
    "NgramClassifier",
    "RecurrentClassifier",
    "RecurrentTranslator",
    "TransformerClassifier",
    "TransformerLanguageModel",
    "TransformerMatcher",
    "TransformerTranslator",
]
