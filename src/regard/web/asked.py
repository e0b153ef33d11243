"""What may be asked of the API: its requests, strict about what stands in them."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from regard.web.answered import View

__all__ = ["Asked", "Look", "Options", "Pair", "Picture", "Predict", "Writing"]

MOST = 1_000_000
"""Above every number that is of use; what a run has less of, it says."""


def _whole(text: str) -> str:
    """Refuse what JSON can write, but is no text.

    Raises:
        ValueError: it holds half a surrogate pair.
    """
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("holds half a surrogate pair, which is not a character")
    return text


Text = Annotated[str, AfterValidator(_whole)]


class _Strict(BaseModel):
    """What nothing unknown may stand in, and nothing of another type."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False, hide_input_in_errors=True
    )


class Writing(_Strict):
    """How what is written is found; what is left out is as `/api/runs` says.

    What a run has no choice of is refused.
    """

    beam: int | None = Field(
        default=None,
        ge=1,
        le=MOST,
        description="hypotheses that the search follows at once; 1 is greedy",
    )
    length: int | None = Field(
        default=None, ge=1, le=MOST, description="tokens that are written at most"
    )
    temperature: float | None = Field(
        default=None, gt=0, le=100, description="of what is drawn: below 1, the probable more often"
    )
    seed: int | None = Field(default=None, ge=0, lt=2**63, description="of what is drawn")


class Options(Writing):
    """How what is written is found, and what is shown of it.

    What a run has no choice of is refused, and what the view does not depend on.
    """

    layer: int | None = Field(
        default=None, ge=-MOST, le=MOST, description="whose attention, from 0 or from the end"
    )
    head: int | None = Field(
        default=None, ge=0, le=MOST, description="whose of the layer, from 0; else the mean of them"
    )
    view: View = Field(
        default="attention",
        description="one table of weights, those of all heads of all layers, or the search",
    )


class Pair(_Strict):
    """Two texts to be matched."""

    left: Text
    right: Text


class Asked(_Strict):
    """A text for one run, or two for a run that matches: `text`, or `left` and `right`."""

    run: Text = Field(description="its name, as `/api/runs` says it")
    text: Text | None = None
    left: Text | None = None
    right: Text | None = None
    options: Options = Options()


class Look(Asked):
    """A text for one run, or two for a run that matches: `text`, or `left` and `right`."""

    number: int = Field(
        default=1,
        ge=1,
        le=1000,
        description="of the picture on its page, so that no two ids are the same",
    )


class Picture(Asked):
    """What is to be looked at, and the kind of file that is wanted of it."""

    format: Literal["svg", "png", "pdf", "html", "json"]


class Predict(_Strict):
    """Texts for one run, or pairs for a run that matches."""

    run: Text = Field(description="its name, as `/api/runs` says it")
    texts: list[Text] | None = None
    pairs: list[Pair] | None = None
    options: Writing = Writing()
