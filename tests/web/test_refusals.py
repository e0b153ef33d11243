"""Whatever a client sends is answered: in one shape, with what to do, and never with a 5xx."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

JSON = {"content-type": "application/json"}
NESTED = b'{"run": ' + b"[" * 100_000


def check_refused(answer: Any, status: int, code: str) -> str:
    """Return what a refusal says, which must have the one shape."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    [(name, error)] = answer.json().items()
    assert name == "error"
    assert set(error) == {"code", "message"}
    assert error["code"] == code
    assert "Traceback" not in answer.text
    assert len(error["message"]) <= 300
    return str(error["message"])


@pytest.mark.parametrize(
    "body",
    [b"{", b"", b"\xff\xfe{}", b"nonsense", NESTED, b'{"run": "translator", "text": "x"} more'],
    ids=["half", "empty", "other bytes", "no JSON", "nested", "more behind"],
)
def test_what_is_no_json_is_refused(client: TestClient, body: bytes) -> None:
    answer = client.post("/api/look", content=body, headers=JSON)
    assert answer.status_code in (400, 422)
    assert set(answer.json()) == {"error"}


LOOK = {"run": "translator", "text": "ein haus"}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"text": 5}, "text: input should be a valid string"),
        ({"text": ["x"]}, "text: input should be a valid string"),
        ({"run": None}, "run: input should be a valid string"),
        ({"options": "beam"}, "options: input should be"),
        ({"options": {"beam": "5"}}, "options.beam: input should be a valid integer"),
        ({"options": {"beam": True}}, "options.beam: input should be a valid integer"),
        ({"options": {"beam": 0}}, "options.beam: input should be greater than or equal to 1"),
        ({"options": {"beam": -3}}, "options.beam: input should be greater"),
        ({"options": {"beam": 1.5}}, "options.beam: input should be a valid integer"),
        ({"options": {"beam": 10**400}}, "options.beam: "),
        ({"options": {"seed": 2**64}}, "options.seed: "),
        ({"options": {"temperature": 0}}, "options.temperature: input should be greater than 0"),
        ({"options": {"temperature": float("nan")}}, "options.temperature: input should be a fin"),
        ({"options": {"temperature": float("inf")}}, "options.temperature: input should be a fin"),
        ({"options": {"view": "everything"}}, "options.view: input should be 'attention', 'h"),
        ({"options": {"path": "/etc/passwd"}}, "options.path: extra inputs are not permitted"),
        ({"number": 0}, "number: input should be greater"),
        ({"more": 1}, "more: extra inputs are not permitted"),
    ],
)
def test_what_is_of_another_kind_is_refused(
    client: TestClient, change: dict[str, Any], says: str
) -> None:
    body = json.dumps(LOOK | change)
    answer = client.post("/api/look", content=body, headers=JSON)
    assert check_refused(answer, 422, "invalid").startswith(says)


@pytest.mark.parametrize("key", ["text", "run"])
def test_half_a_surrogate_pair_is_no_text(client: TestClient, key: str) -> None:
    body = json.dumps(LOOK | {key: "\ud800"})
    assert "ud800" in body
    says = check_refused(client.post("/api/look", content=body, headers=JSON), 422, "invalid")
    assert says == f"{key}: holds half a surrogate pair, which is not a character"


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"run": "translator"}, "translator takes one text: text"),
        ({"run": "translator", "left": "x", "right": "y"}, "translator takes one text: text"),
        ({"run": "translator", "text": "x", "right": "y"}, "translator takes one text: text"),
        ({"run": "matcher", "text": "x"}, "matcher matches two texts: left and right"),
        ({"run": "matcher", "left": "x"}, "matcher matches two texts: left and right"),
    ],
)
def test_texts_that_a_run_does_not_take_are_refused(
    client: TestClient, asked: dict[str, Any], says: str
) -> None:
    assert check_refused(client.post("/api/look", json=asked), 422, "invalid") == says


@pytest.mark.parametrize(
    ("run", "options", "says"),
    [
        ("translator", {"layer": 0}, "translator has no layer to choose; leave it out"),
        ("translator", {"view": "heads"}, "translator has no layers of heads to show; leave out"),
        ("translator", {"beam": 11}, "beam must be at most 10 here; got 11"),
        ("translator", {"length": 5}, "translator has no length to choose"),
        ("heads", {"layer": 2}, "there are 2 layers, from 0; there is no layer 2"),
        ("heads", {"layer": -3}, "there are 2 layers, from 0; there is no layer -3"),
        ("heads", {"head": 2}, "there are 2 heads, from 0; there is no head 2"),
        ("classifier", {"beam": 1}, "classifier has no beam to choose; leave it out"),
        ("classifier", {"view": "search"}, "classifier has no search to show; leave out the view"),
        ("classifier", {"view": "heads"}, "classifier has no layers of heads to show"),
        ("writer", {"length": 401}, "length must be at most 400 here; got 401"),
    ],
)
def test_what_cannot_be_chosen_is_refused(
    client: TestClient, run: str, options: dict[str, Any], says: str
) -> None:
    answer = client.post("/api/look", json={"run": run, "text": "ein haus", "options": options})
    assert check_refused(answer, 422, "no_such_choice").startswith(says)


@pytest.mark.parametrize("name", ["seed", "temperature"])
@pytest.mark.parametrize(
    ("path", "texts"), [("look", {"text": "the"}), ("predict", {"texts": ["a"]})]
)
def test_a_beam_draws_nothing(
    client: TestClient, path: str, texts: dict[str, Any], name: str
) -> None:
    asked = {"run": "writer", **texts, "options": {"beam": 2, name: 1.0 if name[0] == "t" else 1}}
    says = check_refused(client.post(f"/api/{path}", json=asked), 422, "no_such_choice")
    assert says.startswith(f"{name} is of what is drawn, and a beam draws nothing")


@pytest.mark.parametrize("options", [{"layer": 0}, {"head": 1}, {"view": "heads"}])
def test_a_prediction_looks_nowhere(client: TestClient, options: dict[str, Any]) -> None:
    asked = {"run": "heads", "texts": ["ein haus"], "options": options}
    [name] = options
    says = check_refused(client.post("/api/predict", json=asked), 422, "invalid")
    assert says == f"options.{name}: extra inputs are not permitted"


@pytest.mark.parametrize("name", ["layer", "head"])
def test_the_view_of_all_heads_is_of_none_alone(client: TestClient, name: str) -> None:
    asked = LOOK | {"run": "heads", "options": {"view": "heads", name: 0}}
    says = check_refused(client.post("/api/look", json=asked), 422, "no_such_choice")
    assert says == f"the view heads shows all of them; leave out the {name}"


def test_a_file_has_no_number_on_a_page(client: TestClient) -> None:
    asked = LOOK | {"format": "html", "number": 2}
    says = check_refused(client.post("/api/picture", json=asked), 422, "invalid")
    assert says == "number: extra inputs are not permitted"


@pytest.mark.parametrize("name", ["nobody", "", "../translator", "/etc", "translator/../heads"])
def test_a_run_of_another_name_is_unknown(client: TestClient, name: str) -> None:
    says = check_refused(client.post("/api/look", json=LOOK | {"run": name}), 404, "unknown_run")
    assert says.startswith(f"there is no run {name!r}; there is translator, heads, ")


def test_what_a_model_does_not_know_is_said(client: TestClient) -> None:
    answer = client.post("/api/look", json={"run": "writer", "text": "the dög"})
    assert check_refused(answer, 422, "unreadable").startswith("the model does not know 'ö'")


def test_a_long_text_is_refused_before_it_is_read(client: TestClient) -> None:
    answer = client.post("/api/look", json=LOOK | {"text": "x" * 10_001})
    says = check_refused(answer, 422, "too_long")
    assert says == "the text has 10,001 characters; this server reads up to 10,000: shorten it"


def test_a_text_of_many_tokens_is_refused_alone(client: TestClient) -> None:
    def ask(length: int) -> Any:
        asked = {"run": "writer", "text": "a" * length, "options": {"length": 1}}
        return client.post("/api/look", json=asked)

    with ThreadPoolExecutor(8) as clients:
        short, long = [1] * 4, [400] * 4
        answers = list(
            clients.map(ask, [each for two in zip(short, long, strict=True) for each in two])
        )
    assert [answer.status_code for answer in answers] == [200, 422] * 4
    assert check_refused(answers[1], 422, "unreadable").startswith("the text has 401 tokens")


def test_a_megabyte_is_refused(client: TestClient) -> None:
    answer = client.post("/api/look", json=LOOK | {"text": "x" * 1_048_576})
    assert check_refused(answer, 413, "too_large") == "a request may have up to 1,048,576 bytes"


def test_a_megabyte_without_a_length_is_refused_when_it_is_too_much(client: TestClient) -> None:
    sent = []

    def pieces() -> Iterator[bytes]:
        for number in range(64):
            sent.append(number)
            yield b"x" * 65_536

    answer = client.post("/api/look", content=pieces(), headers=JSON)
    check_refused(answer, 413, "too_large")


@pytest.mark.parametrize("said", ["text/plain", "application/x-www-form-urlencoded", None])
def test_what_does_not_say_that_it_is_json_is_refused(client: TestClient, said: str | None) -> None:
    headers = {} if said is None else {"content-type": said}
    answer = client.post("/api/look", content=json.dumps(LOOK), headers=headers)
    assert (
        check_refused(answer, 415, "wrong_type") == "send JSON, as content-type: application/json"
    )


def test_json_may_say_how_it_is_written(client: TestClient) -> None:
    headers = {"content-type": "Application/JSON; charset=utf-8"}
    answer = client.post("/api/look", content=json.dumps(LOOK), headers=headers)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/api/look"), ("DELETE", "/api/runs"), ("PUT", "/"), ("POST", "/health")],
)
def test_other_ways_to_ask_are_refused(client: TestClient, method: str, path: str) -> None:
    check_refused(client.request(method, path), 405, "wrong_method")


def test_other_paths_are_unknown(client: TestClient) -> None:
    check_refused(client.get("/api/nothing"), 404, "unknown_path")


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"texts": []}, "translator takes texts, one or more"),
        ({}, "translator takes texts, one or more"),
        ({"pairs": [{"left": "x", "right": "y"}]}, "translator takes texts, one or more"),
        ({"texts": ["x"] * 65}, "a request may have up to 64 texts; it has 65"),
        ({"texts": ["x", None]}, "texts.1: input should be a valid string"),
    ],
)
def test_batches_that_a_run_does_not_take_are_refused(
    client: TestClient, asked: dict[str, Any], says: str
) -> None:
    answer = client.post("/api/predict", json={"run": "translator", **asked})
    assert answer.status_code == 422
    assert answer.json()["error"]["message"] == says


ODD = [
    "\x00",
    "\x1b[31mred\x07",
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "\u202eright to left\u202c",
    "👩\u200d👩\u200d👧 e\u0301 天安门",
    " \n\t ",
    "\ufffe\uffff",
    "%s {0} ${x} `x`",
]


@pytest.mark.parametrize("text", ODD)
@pytest.mark.parametrize("run", ["translator", "heads", "classifier", "reader", "writer"])
def test_odd_texts_are_answered_and_do_not_act(client: TestClient, run: str, text: str) -> None:
    answer = client.post("/api/look", json={"run": run, "text": text, "options": {}})
    assert answer.status_code in (200, 422)
    if answer.status_code == 200:
        fragment = answer.json()["fragment"]
        assert "<script>" not in fragment
        assert "<img" not in fragment
        assert "\x00" not in fragment


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3)
    ),
    max_leaves=8,
)
KEYS = st.sampled_from(
    ["run", "text", "left", "right", "options", "number", "texts", "pairs", "format"]
)
RUNS = st.sampled_from(["translator", "heads", "classifier", "reader", "matcher", "writer"])
OPTIONS = st.dictionaries(
    st.sampled_from(["beam", "layer", "head", "view", "length", "temperature", "seed"]),
    st.integers(-2, 12) | st.floats(-1, 3) | st.sampled_from(["heads", "attention"]),
)
ASKED = st.fixed_dictionaries(
    {"run": RUNS},
    optional={"text": st.text(max_size=30), "left": st.text(max_size=30), "options": OPTIONS},
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from(["/api/look", "/api/predict", "/api/picture"]),
    body=st.dictionaries(KEYS, VALUES, max_size=5) | ASKED,
)
def test_whatever_is_sent_is_answered(client: TestClient, path: str, body: dict[str, Any]) -> None:
    answer = client.post(path, content=json.dumps(body), headers=JSON)
    assert answer.status_code in (200, 404, 422), answer.text
    if answer.status_code != 200:
        assert set(answer.json()) == {"error"}


def test_what_is_broken_is_not_shown(runs: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from regard.web import make_application

    def broken(*_: object) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr(type(runs["matcher"].system), "look", broken)
    application = make_application({"matcher": runs["matcher"]})
    with TestClient(
        application, base_url="http://127.0.0.1", raise_server_exceptions=False
    ) as client:
        answer = client.post("/api/look", json={"run": "matcher", "left": "x", "right": "y"})
    says = check_refused(answer, 500, "broken")
    assert "secret" not in says
    assert "content-security-policy" in answer.headers
