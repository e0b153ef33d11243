"""Whether a translator, made from settings, learns a toy language."""

import torch
from torch.nn import functional as F

from regard.data.encoding import collate, encode_pairs
from regard.recipes.translate.model import make_model
from regard.recipes.translate.parts import make_tokenizers
from regard.recipes.translate.settings import TranslateSettings
from regard.training.translation import predictions
from tests.toy_language import make_pairs

PAIRS = make_pairs(40)


def loss_before_and_after_a_step(settings: TranslateSettings) -> tuple[float, float]:
    tokenizers = make_tokenizers(settings.vocabulary, PAIRS)
    model = make_model(settings, *(tokenizer.vocab_size for tokenizer in tokenizers))
    batch = collate(encode_pairs(PAIRS, *tokenizers).pairs)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    losses = []
    for _ in range(2):
        found, following = predictions(model, batch)
        loss = F.cross_entropy(found.logits, following)
        optimizer.zero_grad()
        loss.backward()
        assert all(part.grad is not None for part in model.parameters())
        optimizer.step()
        losses.append(loss.item())
    return losses[0], losses[1]
