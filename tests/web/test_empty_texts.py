"""Of a text without tokens the same is said wherever one looks into it."""

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from regard.cli.main import main
from regard.recipes.heads import EMPTY
from regard.recipes.run import load
from regard.recipes.show import show

# A character of its own for a writer, which reads the second.
TEXTS = [
    *(
        (run, [text])
        for run in ("translator", "heads", "classifier", "reader")
        for text in ("", " ")
    ),
    *(("matcher", texts) for texts in (["", "x"], ["x", " "], [" ", ""])),
]


@pytest.mark.parametrize(("run", "texts"), [*TEXTS, ("writer", [""])])
def test_nothing_is_looked_into(
    run: str, texts: list[str], folders: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError, match=f"^{EMPTY}$"):
        show(load(folders[run]), *texts)
    capsys.readouterr()
    assert main(["inspect", str(folders[run]), *texts]) == 2
    assert capsys.readouterr() == ("", f"regard: {EMPTY}\n")


@pytest.mark.parametrize(("run", "texts"), TEXTS)
@pytest.mark.parametrize("path", ["look", "picture"])
def test_the_server_says_so_too(client: TestClient, path: str, run: str, texts: list[str]) -> None:
    names = ["left", "right"] if len(texts) == 2 else ["text"]
    asked = {"run": run, **dict(zip(names, texts, strict=True))}
    if path == "picture":
        asked["format"] = "svg"
    answer = client.post(f"/api/{path}", json=asked)
    assert answer.status_code == 422
    assert answer.json()["error"] == {"code": "unreadable", "message": EMPTY}


def test_one_among_others_is_refused_alone(client: TestClient) -> None:
    texts = ["ein haus", ""] * 4
    answers = [client.post("/api/look", json={"run": "heads", "text": text}) for text in texts]
    assert [answer.status_code for answer in answers] == [200, 422] * 4


def test_predictions_of_nothing_are_given(client: TestClient) -> None:
    asked = {"run": "translator", "texts": ["", "ein haus"]}
    found = client.post("/api/predict", json=asked).json()["predictions"]
    assert [each["text"] for each in found] == ["", "a house"]
    asked = {"run": "classifier", "texts": [""]}
    [of_nothing] = client.post("/api/predict", json=asked).json()["predictions"]
    assert sum(of_nothing["probabilities"].values()) == pytest.approx(1, abs=1e-5)
