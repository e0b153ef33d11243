"""The API says what the systems say, of every kind of run, and shows where they look."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from starlette.testclient import TestClient

from regard.decoding import Beam, Sampling
from regard.recipes.run import load
from regard.web.served import ServedRun
from tests.inspection.page import Page

Runs = dict[str, ServedRun]


def look(client: TestClient, run: str, options: dict[str, Any] | None = None, **texts: str) -> Any:
    answer = client.post("/api/look", json={"run": run, "options": options or {}, **texts})
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("beam", [None, 1, 3])
def test_a_translation_and_its_alignment_are_the_systems(
    client: TestClient, folders: dict[str, Path], beam: int | None
) -> None:
    seen = look(client, "translator", {} if beam is None else {"beam": beam}, text="ein haus rot")
    [[best]] = load(folders["translator"]).translate(["ein haus rot"], Beam(beam or 5))
    assert seen["texts"] == ["ein haus rot"]
    assert seen["prediction"]["text"] == best.text == "a house red"
    assert seen["prediction"]["score"] == pytest.approx(best.score, abs=1e-4)
    weights = seen["weights"]
    assert (weights["source"], weights["target"]) == (best.source_tokens, best.target_tokens)
    torch.testing.assert_close(
        torch.tensor(weights["weights"]), best.alignment, atol=1e-5, rtol=1e-5
    )


def test_the_layer_and_head_that_are_asked_for_are_shown(
    client: TestClient, folders: dict[str, Path]
) -> None:
    system = load(folders["heads"])
    text = "ein haus rot"
    # Each asked twice, others between: no choice is left behind.
    choices: list[dict[str, Any]] = [{}, {"layer": 0}, {"layer": 0, "head": 1}, {"head": 0}]
    for options in choices * 2:
        seen = look(client, "heads", options, text=text)
        layer, head = options.get("layer", 1), options.get("head")
        system.align_by(layer, head)  # type: ignore[union-attr]
        [[best]] = system.translate([text], Beam(5))  # type: ignore[union-attr]
        assert len(best.target_tokens) > 0
        torch.testing.assert_close(
            torch.tensor(seen["weights"]["weights"]), best.alignment, atol=1e-5, rtol=1e-5
        )
        whose = "mean of the heads" if head is None else f"head {head}"
        assert seen["weights"]["title"] == f"Alignment: layer {layer}, {whose}"


@pytest.mark.parametrize(
    ("run", "text", "sizes"),
    [("heads", "ein haus", [(3, 3), None, None]), ("reader", "the film", [(2, 2)])],
)
def test_all_heads_of_all_layers_are_shown(
    client: TestClient, run: str, text: str, sizes: list[Any]
) -> None:
    seen = look(client, run, {"view": "heads"}, text=text)["weights"]
    assert seen["kind"] == "heads"
    assert len(seen["attentions"]) == len(sizes)
    for attention, size in zip(seen["attentions"], sizes, strict=True):
        for layer in attention["layers"]:
            table = torch.tensor(layer)
            assert table.shape == (2, len(attention["query"]), len(attention["key"]))
            assert size is None or tuple(table.shape[1:]) == size
            ones = torch.ones(table.shape[:2])
            torch.testing.assert_close(table.sum(-1), ones, atol=1e-4, rtol=0)


@pytest.mark.parametrize("run", ["classifier", "reader"])
def test_a_label_and_what_counted_are_the_systems(
    client: TestClient, folders: dict[str, Path], run: str
) -> None:
    text = "The film was wonderful."
    seen = look(client, run, text=text)
    [found] = load(folders[run]).look([text])  # type: ignore[union-attr, call-arg]
    assert seen["prediction"]["labels"] == list(found.prediction.labels)
    assert seen["prediction"]["probabilities"] == pytest.approx(
        found.prediction.probabilities, abs=1e-5
    )
    shares = list(seen["prediction"]["probabilities"].values())
    assert shares == sorted(shares, reverse=True)
    weights = seen["weights"]
    assert [text[start:end] for start, end in weights["spans"]] == [
        text[start:end] for start, end in found.spans
    ]
    torch.testing.assert_close(
        torch.tensor(weights["weights"]), found.weights, atol=1e-5, rtol=1e-5
    )


def test_a_search_is_shown_step_by_step(client: TestClient) -> None:
    seen = look(client, "translator", {"view": "search", "beam": 3}, text="ein haus rot")
    search = seen["weights"]
    assert search["kind"] == "search"
    assert search["source"] == ["ein", "haus", "rot"]
    best = search["endings"][0]
    written, choice = [], best["choice"]
    for step in reversed(search["steps"][: best["step"] + 1]):
        written.insert(0, step[choice]["token"])
        choice = step[choice]["parent"]
    assert choice == -1
    assert " ".join(written[:-1]) == seen["prediction"]["text"] == "a house red"
    assert best["score"] == pytest.approx(seen["prediction"]["score"], abs=1e-4)


def test_a_search_looks_with_the_layer_and_head_that_are_asked_for(client: TestClient) -> None:
    def looked(**options: int) -> torch.Tensor:
        options = {"beam": 1, **options}
        search = look(client, "heads", {"view": "search", **options}, text="ein haus rot")
        steps = search["weights"]["steps"]
        return torch.tensor([each["looked"] for step in steps for each in step[:1]])

    def shown(**options: int) -> torch.Tensor:
        seen = look(client, "heads", {"beam": 1, **options}, text="ein haus rot")
        return torch.tensor(seen["weights"]["weights"])

    for choice in ({"layer": 0}, {"layer": 1, "head": 0}, {"layer": 1, "head": 1}):
        rows = shown(**choice)
        torch.testing.assert_close(looked(**choice)[: len(rows)], rows, atol=1e-5, rtol=0)
    assert not torch.allclose(shown(layer=1, head=0), shown(layer=1, head=1), atol=1e-3)


def test_a_match_is_the_systems(client: TestClient, folders: dict[str, Path]) -> None:
    pair = ("question 1 : the cat ?", "the cat , garden .")
    seen = look(client, "matcher", left=pair[0], right=pair[1])
    found = load(folders["matcher"]).look(*pair)  # type: ignore[union-attr]
    assert seen["prediction"]["label"] == found.match.label  # type: ignore[union-attr]
    assert seen["prediction"]["score"] == pytest.approx(found.match.score, abs=1e-6)  # type: ignore[union-attr]
    assert seen["weights"]["target"] == found.left_tokens  # type: ignore[union-attr]
    assert seen["weights"]["source"] == found.right_tokens  # type: ignore[union-attr]
    assert seen["texts"] == list(pair)


def test_a_text_is_continued_as_the_seed_says(client: TestClient, folders: dict[str, Path]) -> None:
    options = {"length": 12, "seed": 7, "temperature": 0.5}
    seen = look(client, "writer", options, text="the dog")
    generator = torch.Generator().manual_seed(7)
    system = load(folders["writer"])
    search = Sampling(temperature=0.5, generator=generator)
    [[written]] = system.generate(["the dog"], search, length=12)  # type: ignore[union-attr]
    assert seen["prediction"]["text"] == written.text
    assert seen["prediction"]["prompt"] == "the dog"
    assert look(client, "writer", options, text="the dog") == seen
    looked = system.look(written)  # type: ignore[union-attr]
    assert seen["weights"]["source"] == seen["weights"]["target"] == looked.tokens
    torch.testing.assert_close(
        torch.tensor(seen["weights"]["weights"]), looked.weights, atol=1e-5, rtol=1e-5
    )


def test_a_beam_continues_without_drawing(client: TestClient) -> None:
    first = look(client, "writer", {"beam": 2, "length": 5}, text="the")
    assert look(client, "writer", {"beam": 2, "length": 5}, text="the") == first


def test_what_was_not_read_of_a_text_is_said(client: TestClient) -> None:
    seen = look(client, "translator", text="ein " * 25)
    assert seen["notices"][0].startswith("The last 5 tokens were not read")
    assert seen["weights"]["title"] == "Alignment: the last 5 tokens were not read"


def test_a_language_model_begins_anywhere(client: TestClient) -> None:
    assert look(client, "writer", {"length": 3}, text="")["prediction"]["prompt"] == ""


def test_the_fragment_is_a_part_of_a_page_under_its_number(client: TestClient) -> None:
    answer = client.post("/api/look", json={"run": "translator", "text": "ein haus", "number": 2})
    page = Page(answer.json()["fragment"])
    assert page.open == []
    [article] = page.all("article")
    assert article["aria-labelledby"] == "example-2"


def test_several_texts_are_predicted(client: TestClient) -> None:
    texts = [f"{word} haus" for word in ("ein", "rot", "klein")] * 12
    answer = client.post("/api/predict", json={"run": "translator", "texts": texts})
    found = [each["text"] for each in answer.json()["predictions"]]
    assert found == ["a house", "red house", "small house"] * 12


def test_several_pairs_are_predicted(client: TestClient, folders: dict[str, Path]) -> None:
    pairs = [("the cat ?", "the cat ."), ("the cat ?", "the dog .")]
    asked = [{"left": left, "right": right} for left, right in pairs]
    answer = client.post("/api/predict", json={"run": "matcher", "pairs": asked})
    found = [each["score"] for each in answer.json()["predictions"]]
    expected = [each.score for each in load(folders["matcher"]).match(pairs)]  # type: ignore[union-attr]
    assert found == pytest.approx(expected, abs=1e-6)


def test_those_who_ask_at_once_get_their_own_answers(client: TestClient) -> None:
    words = ["ein", "haus", "hund", "rot", "klein"]
    texts = [f"{one} {two}" for one in words for two in words]
    with ThreadPoolExecutor(16) as clients:
        found = list(clients.map(lambda text: look(client, "translator", text=text), texts))
    alone = [look(client, "translator", text=text) for text in texts]
    assert [each["texts"] for each in found] == [[text] for text in texts]
    assert [each["prediction"]["text"] for each in found] == [
        each["prediction"]["text"] for each in alone
    ]


def test_those_who_ask_at_once_are_computed_together(
    client: TestClient, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []
    translator = runs["translator"].system
    whole = type(translator).look

    def counting(self: Any, asked: Any, options: Any) -> Any:
        sizes.append(len(asked))
        return whole(self, asked, options)

    monkeypatch.setattr(type(translator), "look", counting)
    with ThreadPoolExecutor(16) as clients:
        list(clients.map(lambda at: look(client, "translator", text=f"ein {at}"), range(48)))
    assert sum(sizes) == 48
    assert max(sizes) > 1
    assert max(sizes) <= 16


def test_runs_are_listed_with_what_can_be_chosen(client: TestClient) -> None:
    listed = client.get("/api/runs").json()
    by_name = {run["name"]: run for run in listed["runs"]}
    assert list(by_name) == ["translator", "heads", "classifier", "reader", "matcher", "writer"]
    kinds = ["translate", "translate", "classify", "classify", "match", "generate"]
    assert [run["kind"] for run in by_name.values()] == kinds
    assert by_name["translator"]["facts"]["score"] == "additive"
    assert by_name["translator"]["choices"]["heads"] is None
    assert by_name["heads"]["choices"]["heads"] == [2, 2]
    assert by_name["matcher"]["reads"] == "pair"
    assert by_name["writer"]["choices"]["length"]["most"] == 400
    assert listed["limits"]["characters"] == 10_000


def test_the_schema_says_what_there_is(client: TestClient) -> None:
    schema = client.get("/openapi.json").json()
    assert set(schema["paths"]) == {
        *("/health", "/api/runs", "/api/look", "/api/predict", "/api/picture"),
    }
    refused = schema["paths"]["/api/look"]["post"]["responses"]["422"]
    assert refused["content"]["application/json"]["schema"]["$ref"].endswith("/Refusal")


def test_the_schema_lists_nothing_that_would_be_ignored(client: TestClient) -> None:
    schemas = client.get("/openapi.json").json()["components"]["schemas"]

    def listed(name: str) -> set[str]:
        return set(schemas[name]["properties"])

    def options(name: str) -> set[str]:
        return listed(schemas[name]["properties"]["options"]["$ref"].rpartition("/")[2])

    writing = {"beam", "length", "temperature", "seed"}
    assert options("Predict") == writing
    assert options("Look") == options("Picture") == writing | {"layer", "head", "view"}
    assert listed("Look") == {"run", "text", "left", "right", "options", "number"}
    assert listed("Picture") == {"run", "text", "left", "right", "options", "format"}


def test_the_server_says_that_it_is_well(client: TestClient) -> None:
    assert client.get("/health").json() == {"status": "ok", "waiting": 0}


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/page.py", "/../pyproject.toml", "/page/"])
def test_there_is_nothing_else(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404
