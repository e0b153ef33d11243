"""What the API answers: its responses, as the schema of the API describes them."""

from typing import Literal

from pydantic import BaseModel, Field

__all__ = [
    "Attention",
    "Choices",
    "Chosen",
    "Classified",
    "Continued",
    "Heads",
    "Kind",
    "Matched",
    "Matrix",
    "Prediction",
    "Predictions",
    "Range",
    "Refusal",
    "Returned",
    "RunDescription",
    "Runs",
    "Searched",
    "Seen",
    "Shading",
    "Translated",
    "View",
    "Weights",
    "Wrong",
]

Kind = Literal["translate", "classify", "match", "generate"]

View = Literal["attention", "heads", "search"]


class Range(BaseModel):
    """The numbers that may be chosen, and the one that is taken otherwise, if any is."""

    least: float
    most: float
    default: float | None
    step: float = 1


class Choices(BaseModel):
    """What may be chosen of a run; null is what there is no choice of.

    `heads` are the numbers of heads of each layer.
    """

    beam: Range | None = None
    heads: list[int] | None = None
    layer: int | None = Field(default=None, description="the one that is taken otherwise")
    views: list[View] = ["attention"]
    length: Range | None = None
    temperature: Range | None = None
    seed: Range | None = None


class RunDescription(BaseModel):
    """A run that is served: its name, what it does, how it attends, and texts to try it with."""

    name: str
    kind: Kind
    reads: Literal["text", "pair"]
    facts: dict[str, str]
    choices: Choices
    examples: list[list[str]] = Field(description="of one text each, or of two")


class Runs(BaseModel):
    """All that are served, and what one request may ask for."""

    version: str
    limits: dict[str, float]
    runs: list[RunDescription]


class Translated(BaseModel):
    """A translation, and its log-probability, as the search ranks it."""

    kind: Literal["translate"] = "translate"
    text: str
    score: float


class Classified(BaseModel):
    """The labels of a text, the most probable first."""

    kind: Literal["classify"] = "classify"
    labels: list[str]
    probabilities: dict[str, float]


class Matched(BaseModel):
    """What two texts have to do with each other; `score` ranks pairs, or is the grade."""

    kind: Literal["match"] = "match"
    label: str
    score: float
    probabilities: dict[str, float]


class Continued(BaseModel):
    """A text that was written: the prompt as it was read, and what follows; `score` in nats."""

    kind: Literal["generate"] = "generate"
    prompt: str
    text: str
    score: float


Prediction = Translated | Classified | Matched | Continued


class Matrix(BaseModel):
    """Weights with a row for each target token and a column for each source token."""

    kind: Literal["matrix"] = "matrix"
    title: str
    source: list[str]
    target: list[str]
    weights: list[list[float]]


class Shading(BaseModel):
    """How much each token of a text counted, where it stands in it, and in which sentence."""

    kind: Literal["shading"] = "shading"
    title: str
    text: str
    spans: list[tuple[int, int]]
    sentences: list[int] | None
    weights: list[float]


class Attention(BaseModel):
    """The weights of one attention: a table for each head of each layer."""

    name: str
    query: list[str]
    key: list[str]
    layers: list[list[list[list[float]]]]


class Heads(BaseModel):
    """All heads of all layers of every attention."""

    kind: Literal["heads"] = "heads"
    title: str
    attentions: list[Attention]


class Chosen(BaseModel):
    """A token that a hypothesis could go on with; `parent` is a choice of the step before, or -1.

    `looked` says how much each token of the source counted for it.
    """

    token: str
    parent: int
    probability: float
    log_prob: float
    fate: Literal["followed", "ended", "dropped"]
    looked: list[float]


class Returned(BaseModel):
    """Where a hypothesis that the search returned ends, and what it was ranked by."""

    step: int
    choice: int
    score: float


class Searched(BaseModel):
    """What a search chose from at every step, and what it returned, the best first."""

    kind: Literal["search"] = "search"
    title: str
    source: list[str]
    steps: list[list[Chosen]]
    endings: list[Returned]


Weights = Matrix | Shading | Heads | Searched


class Seen(BaseModel):
    """What a run makes of a text, where it looked, and a picture of that for a page."""

    run: str
    texts: list[str]
    prediction: Prediction
    weights: Weights
    notices: list[str]
    fragment: str = Field(description="HTML in which no text acts, styled by /regard.css")


class Predictions(BaseModel):
    """What a run makes of each text."""

    run: str
    predictions: list[Prediction]


class Wrong(BaseModel):
    """What is wrong with a request: a word for programs, and a sentence for people."""

    code: str
    message: str


class Refusal(BaseModel):
    """How every request is answered that gets no other answer."""

    error: Wrong
