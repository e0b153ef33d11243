"""The model of a translator, made from settings."""

from regard.models.recurrent_translator import RecurrentTranslator
from regard.models.transformer_translator import TransformerTranslator
from regard.recipes.translate.architectures import RecurrentSettings
from regard.recipes.translate.recurrent import make_recurrent
from regard.recipes.translate.settings import TranslateSettings
from regard.recipes.translate.transformer import make_transformer

__all__ = ["make_model"]


def make_model(
    settings: TranslateSettings, source_vocab: int, target_vocab: int
) -> RecurrentTranslator | TransformerTranslator:
    """Make the model, with fresh weights.

    Raises:
        ValueError: settings do not go together.
    """
    longest = settings.data.max_len + 1  # with what ends a sentence
    if isinstance(settings.model, RecurrentSettings):
        return make_recurrent(settings.model, source_vocab, target_vocab, longest)
    return make_transformer(settings.model, source_vocab, target_vocab, longest)
