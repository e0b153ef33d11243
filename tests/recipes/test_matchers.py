"""Every recipe for matching learns, and what it leaves behind is read back as it was."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from safetensors.torch import load_file

import regard
from regard.data.files import DataError
from regard.data.matched import MatchedText, read_matched
from regard.interfaces import Matched
from regard.recipes.match.figures import evaluate_rows
from regard.recipes.match.parts import learn_parts
from regard.recipes.match.settings import MATCHERS, RECIPES, MatchSettings
from regard.recipes.match.system import MatchingSystem
from regard.recipes.match.train import train_matcher
from regard.recipes.run import load_as, read_settings
from regard.training.run_directory import FORMAT, RunDirectory
from tests.toy_pairs import graded, make_questions, tiny, write_pairs

PAIRS = [
    ("question 7 : the cat ?", "the cat , garden ."),
    ("question 7 : the cat ?", "the dog , garden ."),
    ("", "the dog , garden ."),
    ("where is it ?", ""),
    ("", ""),
    ("the cat", "the cat"),
    ("zyx 中文 🙂", "zyx 中文 🙂"),
    ("cat " * 2_000, "dog " * 2_000),
]


class Trained(NamedTuple):
    settings: MatchSettings
    run: RunDirectory
    metrics: dict[str, Any]
    reported: list[str]


def train(folder: Path, recipe: str, rows: list[Any], **changes: dict[str, Any]) -> Trained:
    """Train a recipe on most of the rows, choose by the rest, and judge by all."""
    held_out = len(rows) * 4 // 5
    files = {
        "train": write_pairs(folder / "train.csv", rows[:held_out]),
        "validation": write_pairs(folder / "validation.csv", rows[held_out:]),
        "test": write_pairs(folder / "test.csv", rows),
    }
    given = {**changes, "data": files | changes.get("data", {})}
    settings, reported = tiny(recipe, **given), list[str]()
    run = RunDirectory(folder / "run")
    return Trained(settings, run, train_matcher(settings, run, report=reported.append), reported)


@pytest.fixture(scope="module", params=RECIPES)
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Train each recipe to rank candidates, one of them with features, one with another score."""
    changes: dict[str, dict[str, dict[str, Any]]] = {
        "bcnn": {"data": {"features": True}},
        "abcnn2": {"model": {"score": "bilinear", "compares": "vectors", "hidden_dim": 0}},
        "transformer": {"training": {"learning_rate": 0.01, "epochs": 16}},
    }
    chosen = changes.get(request.param, {})
    data = {"group": "question"} | chosen.get("data", {})
    # What sees both texts at once has to learn for each two words whether they are the same.
    rows = make_questions(100, num_things=4 if request.param == "transformer" else 8)
    folder = tmp_path_factory.mktemp(request.param)
    return train(folder, request.param, rows, **{**chosen, "data": data})


def test_every_recipe_learns_to_rank(trained: Trained) -> None:
    # By chance: about 57 in a hundred.
    for split in ("validation", "test"):
        assert trained.metrics[split]["map"] >= 75, split
        assert trained.metrics[split]["questions"] == {"validation": 20, "test": 100}[split]
    first, *epochs = trained.reported
    assert first.startswith(
        "320 pairs to learn from, 80 to choose by, 400 to judge by; 2 classes, "
    )
    assert "'yes' is right; vocabulary of " in first
    num_epochs = trained.settings.training.epochs
    assert [line.split()[1] for line in epochs] == [
        f"{epoch}/{num_epochs}" for epoch in range(1, num_epochs + 1)
    ]
    best = epochs[trained.metrics["best_epoch"] - 1]
    assert f"MAP {trained.metrics['validation']['map']:.2f}" in best
    assert f"validation loss {trained.metrics['validation']['loss']:.3f}" in best


def test_the_run_directory_holds_everything(trained: Trained) -> None:
    parts = {"checkpoints", "config.json", "labels.json", "log", "metrics.json"}
    parts |= {"model.safetensors", "tokenizer.json"}
    own = {"features.json"} if trained.settings.data.features else set()
    assert {path.name for path in trained.run.path.iterdir()} == parts | own
    config = json.loads((trained.run.path / "config.json").read_text("utf-8"))
    assert (config["format"], config["system"]) == (FORMAT, "match")
    assert MATCHERS[config["matcher"]] is type(trained.settings.model)
    assert read_settings(trained.run) == trained.settings
    kept = load_file(trained.run.path / "model.safetensors")
    best = torch.load(trained.run.checkpoints / "best.ckpt", weights_only=True)["state_dict"]
    assert all(torch.equal(tensor, best[f"model.{name}"]) for name, tensor in kept.items())


def test_what_is_loaded_scores_what_was_measured(trained: Trained) -> None:
    system = load_as(MatchingSystem, trained.run.path)
    rows = read_matched(trained.settings.data.validation, group="question")
    assert evaluate_rows(system, rows) == trained.metrics["validation"]


def test_matches_do_not_depend_on_their_company(trained: Trained) -> None:
    system = load_as(MatchingSystem, trained.run.path)
    together = system.match(PAIRS)
    assert len(together) == len(PAIRS)
    for pair, found in zip(PAIRS, together, strict=True):
        [alone] = system.match([pair])
        assert found.probabilities == pytest.approx(alone.probabilities, abs=1e-5)
        assert sum(found.probabilities.values()) == pytest.approx(1, abs=1e-5)
        assert found.label == max(found.probabilities, key=lambda label: found.probabilities[label])
        assert found.score == pytest.approx(found.probabilities["yes"])


def test_it_is_told_where_texts_match(trained: Trained) -> None:
    system = load_as(MatchingSystem, trained.run.path)
    for left, right in PAIRS:
        look = system.look(left, right)
        assert look.match.probabilities == pytest.approx(
            system.match([(left, right)])[0].probabilities, abs=1e-6
        )
        assert look.matrix.shape == (len(look.left_tokens), len(look.right_tokens))
        assert look.matrix.isfinite().all()
        assert len(look.left_tokens) == min(len(left.split()), trained.settings.data.max_len)
        assert not look.matrix.requires_grad


def test_grades_are_learnt(tmp_path: Path) -> None:
    rows = graded(make_questions(100))
    trained = train(tmp_path, "abcnn3", rows, data={"grades": (1.0, 5.0)})
    assert trained.metrics["validation"]["pearson"] >= 60
    assert "pearson" in trained.reported[-1]
    system = load_as(MatchingSystem, trained.run.path)
    fitting, other = system.match(PAIRS[:2])
    assert 1 <= other.score < fitting.score <= 5
    assert fitting.label == f"{fitting.score:.2f}"
    assert fitting.probabilities == {}


def test_classes_are_learnt_where_nothing_is_ranked(tmp_path: Path) -> None:
    rows = [row._replace(group="") for row in make_questions(100)]
    several = [row._replace(label="perhaps") if "bird" in row.right else row for row in rows]
    trained = train(tmp_path, "attentive", several)
    assert "map" not in trained.metrics["validation"]
    assert trained.metrics["validation"]["classes"] == ["no", "perhaps", "yes"]
    assert trained.metrics["validation"]["accuracy"] >= 70
    [match] = load_as(MatchingSystem, trained.run.path).match(PAIRS[:1])
    assert match.score == max(match.probabilities.values())


def test_vectors_that_are_kept_stay_as_they_are(tmp_path: Path) -> None:
    vectors = tmp_path / "vectors.txt"
    numbers = " ".join(["0.5"] * 16)
    vectors.write_text(f"cat {numbers}\nunseen {numbers}\n", "utf-8")
    chosen = {"vectors": vectors, "tuned": False}
    trained = train(tmp_path, "bcnn", make_questions(30), vocabulary=chosen)
    assert "(2 with pretrained vectors)" in trained.reported[0]
    system = regard.load(trained.run.path)
    assert isinstance(system, MatchingSystem)
    embedding = system.model.get_submodule("embedding")
    ids = system.encoder.encode(["cat", "unseen"])
    assert torch.equal(embedding(torch.tensor(ids).flatten()), torch.full((2, 16), 0.5))


def test_balanced_classes_count_the_same(tmp_path: Path) -> None:
    """Where nothing tells which pairs match, what is learnt is how often they do."""
    rows = [Matched("is it ?", "it is .", "no" if at % 10 else "yes") for at in range(200)]
    shares = []
    for balanced in (False, True):
        folder = tmp_path / str(balanced)
        folder.mkdir()
        run = train(folder, "bcnn", rows, training={"balanced": balanced}).run
        [match] = load_as(MatchingSystem, run.path).match([("is it ?", "it is .")])
        shares.append(match.score)
    assert shares == [pytest.approx(0.1, abs=0.1), pytest.approx(0.5, abs=0.1)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"select": "pearson"}, "training.select pearson is not of these pairs; choose map, mrr, "),
        ({"select": "map"}, "training.select map is not of these pairs; choose accuracy, f1, "),
    ],
)
def test_a_figure_that_does_not_exist_cannot_choose(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    data = {"group": "question"} if changes["select"] == "pearson" else {}
    with pytest.raises(DataError, match=message):
        train(tmp_path, "bcnn", make_questions(20), data=data, training=changes)
    assert not (tmp_path / "run").exists()


def test_ranked_pairs_are_learnt_in_groups_unless_each_for_itself(tmp_path: Path) -> None:
    weights = {}
    for loss in ("auto", "listwise", "pointwise"):
        folder = tmp_path / loss
        folder.mkdir()
        changes = {"loss": loss, "epochs": 1}
        data = {"group": "question"}
        run = train(folder, "bcnn", make_questions(30), data=data, training=changes).run
        weights[loss] = load_file(run.path / "model.safetensors")["output.weight"]
    assert torch.equal(weights["auto"], weights["listwise"])
    assert not torch.equal(weights["auto"], weights["pointwise"])


def test_pairs_that_are_not_ranked_cannot_be_learnt_in_groups(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^training.loss listwise is of two classes, ranked by"):
        train(tmp_path, "bcnn", make_questions(20), training={"loss": "listwise"})
    assert not (tmp_path / "run").exists()


def test_grades_cannot_be_balanced(tmp_path: Path) -> None:
    rows, data = graded(make_questions(20)), {"grades": (1.0, 5.0)}
    with pytest.raises(
        DataError, match=r"training\.balanced is of classes; these pairs have grades"
    ):
        train(tmp_path, "bcnn", rows, data=data, training={"balanced": True})
    assert not (tmp_path / "run").exists()


def test_what_is_ranked_is_of_two_classes(tmp_path: Path) -> None:
    rows = make_questions(20)
    rows[0] = rows[0]._replace(label="perhaps")
    with pytest.raises(DataError, match="what is ranked by its group is of two classes; there are"):
        train(tmp_path, "bcnn", rows, data={"group": "question"})
    assert not (tmp_path / "run").exists()


def test_the_positive_class_can_be_said(tmp_path: Path) -> None:
    rows = [
        row._replace(label={"yes": "match", "no": "other"}[row.label]) for row in make_questions(40)
    ]
    data = {"group": "question", "positive": "match"}
    trained = train(tmp_path, "compare_aggregate", rows, data=data)
    assert "2 classes, 'match' is right;" in trained.reported[0]
    system = load_as(MatchingSystem, trained.run.path)
    [match] = system.match([("question 1 : the cat ?", "the cat , garden .")])
    assert match.score == match.probabilities["match"]
    assert list(match.probabilities) == ["other", "match"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"positive": "maybe"}, "data.positive is one of two classes; 'maybe' is not: no, yes"),
        ({"grades": (1.0, 5.0), "group": "question"}, "data.group are of classes; these pairs ha"),
    ],
)
def test_what_does_not_go_with_the_labels_is_refused(
    data: dict[str, Any], message: str, tmp_path: Path
) -> None:
    rows = graded(make_questions(20)) if "grades" in data else make_questions(20)
    rows = [row._replace(group="a") for row in rows]
    with pytest.raises(DataError, match=message):
        train(tmp_path, "bcnn", rows, data=data)
    assert not (tmp_path / "run").exists()


def test_a_validation_set_without_a_right_answer_cannot_choose_by_rankings(tmp_path: Path) -> None:
    rows = make_questions(20)
    rows[64:] = [row._replace(label="no") for row in rows[64:]]
    with pytest.raises(DataError, match="no pair of the validation set is right, so nothing can"):
        train(tmp_path, "bcnn", rows, data={"group": "question"})
    assert not (tmp_path / "run").exists()
    by_loss = {"select": "loss", "epochs": 1}
    trained = train(tmp_path, "bcnn", rows, data={"group": "question"}, training=by_loss)
    assert "map" not in trained.metrics["validation"]
    assert trained.metrics["test"]["map"] > 0


def test_words_of_the_training_text_come_before_words_with_a_vector(tmp_path: Path) -> None:
    vectors = tmp_path / "vectors.txt"
    vectors.write_text("".join(f"aa{at} 1 2\n" for at in range(50)) + "cat 1 2\n", "utf-8")
    rows = make_questions(20)
    texts = {text for row in rows for text in (row.left, row.right)}
    num_words = len({word for text in texts for word in text.split()})
    size = num_words + 4 + 3  # and the special ones, and three of those with a vector alone
    settings = tiny("bcnn", vocabulary={"vectors": vectors, "size": size})
    known = learn_parts(settings, MatchedText("toy", rows)).tokenizer.vocab()
    assert {word for text in texts for word in text.split()} <= set(known)
    assert len([word for word in known if word.startswith("aa")]) == 3


def test_nearly_certain_pairs_are_still_told_apart(trained: Trained) -> None:
    system = load_as(MatchingSystem, trained.run.path)
    output = system.model.get_submodule("output")
    with torch.no_grad():
        output.bias += 20  # type: ignore[operator]
    pairs = [(f"question {at} : the cat ?", "the dog , garden .") for at in range(5)]
    scores = {match.score for match in system.match(pairs)}
    assert max(scores) < 1
    assert len(scores) > 1


def test_texts_that_are_cut_are_counted(tmp_path: Path) -> None:
    rows = make_questions(20)
    trained = train(tmp_path, "bcnn", rows, data={"max_len": 6}, training={"epochs": 1})
    assert "160 of 320 texts with all of data.max_len, 6 tokens;" in trained.reported[0]
