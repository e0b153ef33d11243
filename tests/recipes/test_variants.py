"""The variants of ours: what each chooses, and that nothing overrules it."""

import itertools

import pytest

from regard.recipes.translate.model import make_model
from regard.recipes.translate.variants import VARIANTS
from tests.toy_language import tiny


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_of_ours_can_be_made(name: str) -> None:
    settings = VARIANTS[name](tiny())
    assert make_model(settings, source_vocab=8, target_vocab=8) is not None
    # What it would choose may be chosen already.
    assert VARIANTS[name](settings) == settings


@pytest.mark.parametrize("name", VARIANTS)
@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("decoder", "luong"),
        ("attention", "local_m"),
        ("score", "cosine"),
        ("normalizer", "entmax"),
    ],
)
def test_what_a_variant_of_ours_chooses_is_not_overruled(
    name: str, setting: str, value: str
) -> None:
    if getattr(VARIANTS[name](tiny()).model, setting) == value:
        assert getattr(VARIANTS[name](tiny(model={setting: value})).model, setting) == value
    else:
        with pytest.raises(ValueError, match=rf"^variants choose model\.{setting}$"):
            VARIANTS[name](tiny(model={setting: value}))


def test_the_dot_score_chooses_the_width_of_the_encoder() -> None:
    assert VARIANTS["luong_dot"](tiny(model={"encoder_dim": 16})).model.encoder_dim == 16
    with pytest.raises(ValueError, match=r"^variants choose model\.encoder_dim$"):
        VARIANTS["luong_dot"](tiny(model={"encoder_dim": 8}))
    assert VARIANTS["luong_concat"](tiny(model={"encoder_dim": 8})).model.encoder_dim == 8


def test_no_two_variants_of_ours_are_one() -> None:
    made = {name: VARIANTS[name](tiny()) for name in VARIANTS}
    for (one, first), (other, second) in itertools.combinations(made.items(), 2):
        assert first != second, (one, other)
