import json
import math
import os
import random
import subprocess
import sys
from functools import cache
from itertools import combinations
from pathlib import Path
from time import perf_counter

import pytest

from regard.data import DataError, PairFeatures, split_words
from regard.interfaces import Matched

NUM_FEATURES = 30
AS_THEY_ARE = PairFeatures({}, 1.0, (0.0,) * NUM_FEATURES, (1.0,) * NUM_FEATURES)
"""Nothing learnt: every word weighs 1, nothing is standardised."""


def found(left: str, right: str, features: PairFeatures = AS_THEY_ARE) -> dict[str, float]:
    numbers = features.of(split_words(left), split_words(right))
    return dict(zip(features.names, numbers, strict=True))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Who won, Ann?", ["who", "won", "ann"]),
        ("It isn't “so”; DON’T!", ["it", "is", "n't", "so", "do", "n't"]),
        ("she did n't .", ["she", "did", "n't"]),
        ("$1,000.50 in 1998, 3rd", ["1,000.50", "in", "1998", "3rd"]),
        ("你好，world。", ["你", "好", "world"]),
        ("ひらがな", ["ひ", "ら", "が", "な"]),
        ("ok 🍎🍏❤️", ["ok", "🍎", "🍏", "❤"]),
        ("cafe\u0301 CAFÉ", ["café", "café"]),
        ("snake_case", ["snake_case"]),
        ("", []),
        (" \t\n ... —", []),
    ],
)
def test_words_are_found(text: str, words: list[str]) -> None:
    assert split_words(text) == words


def test_words_of_both_are_counted_once() -> None:
    pair = found("a b b c", "b c c d e")
    assert pair["common"] == 2
    assert pair["jaccard"] == pytest.approx(2 / 5)
    assert pair["common_of_left"] == pytest.approx(2 / 3)
    assert pair["common_of_right"] == pytest.approx(2 / 4)


def test_rare_words_weigh_more() -> None:
    weighed = PairFeatures({"a": 0.5, "b": 2.0}, 3.0, (0.0,) * NUM_FEATURES, (1.0,) * NUM_FEATURES)
    pair = found("a b c", "b c d e", weighed)
    assert pair["common_idf"] == 5.0
    assert pair["common_idf_of_left"] == pytest.approx(5 / 5.5)
    assert pair["common_idf_of_right"] == pytest.approx(5 / 11)


def test_ngrams_of_both_are_shares_of_either() -> None:
    pair = found("a b c d a b", "x a b c d")
    assert pair["bigrams_of_left"] == pytest.approx(3 / 4)  # ab bc cd, not da
    assert pair["bigrams_of_right"] == pytest.approx(3 / 4)  # not xa
    assert pair["trigrams_of_left"] == pytest.approx(2 / 4)  # abc bcd, not cda dab
    assert pair["trigrams_of_right"] == pytest.approx(2 / 3)  # not xab
    assert pair["fourgrams_of_left"] == pytest.approx(1 / 3)
    assert pair["fourgrams_of_right"] == pytest.approx(1 / 2)


def test_ngrams_need_so_many_words() -> None:
    pair = found("a b c", "a b c")
    assert pair["trigrams_of_left"] == pair["trigrams_of_right"] == 1
    assert pair["fourgrams_of_left"] == pair["fourgrams_of_right"] == 0


def test_characters_of_both_are_shares_of_either() -> None:
    pair = found("aab c", "ab")  # "aab c " and "ab "
    assert pair["characters_of_left"] == pytest.approx(3 / 6)
    assert pair["characters_of_right"] == 1
    assert pair["character_bigrams_of_left"] == pytest.approx(2 / 5)  # ab, b and a blank
    assert pair["character_bigrams_of_right"] == 1
    assert pair["character_trigrams_of_left"] == pytest.approx(1 / 4)
    assert pair["character_trigrams_of_right"] == 1


def test_words_in_one_order_are_shares_of_either() -> None:
    pair = found("a b c d", "d a x c y")
    assert pair["in_order_of_left"] == pytest.approx(2 / 4)  # a … c
    assert pair["in_order_of_right"] == pytest.approx(2 / 5)


def longest_common(left: str, right: str) -> int:
    """Return the length of the longest common subsequence, by trying all of them."""
    parts = {"".join(some) for n in range(len(left) + 1) for some in combinations(left, n)}
    others = {"".join(some) for n in range(len(right) + 1) for some in combinations(right, n)}
    return max(map(len, parts & others))


def test_the_longest_common_subsequence_is_right() -> None:
    rng = random.Random(0)
    for _ in range(100):
        left, right = ("".join(rng.choices("abc", k=rng.randint(1, 8))) for _ in range(2))
        pair = found(" ".join(left), " ".join(right))
        assert pair["in_order_of_left"] == longest_common(left, right) / len(left)
        assert pair["in_order_of_right"] == longest_common(left, right) / len(right)


def test_the_longest_common_subsequence_of_long_texts_is_right() -> None:
    rng = random.Random(0)
    left, right = (tuple(rng.choices("abcdefgh", k=150)) for _ in range(2))

    @cache
    def longest(num_left: int, num_right: int) -> int:
        if not num_left or not num_right:
            return 0
        if left[num_left - 1] == right[num_right - 1]:
            return longest(num_left - 1, num_right - 1) + 1
        return max(longest(num_left - 1, num_right), longest(num_left, num_right - 1))

    pair = found(" ".join(left), " ".join(right))
    assert pair["in_order_of_left"] == longest(150, 150) / 150


def test_lengths_are_compared() -> None:
    long, short = "a b c d e", "x y"
    one, other = found(long, short), found(short, long)
    names = ("left_len", "right_len", "left_longer_by", "right_longer_by", "length_ratio")
    assert [one[name] for name in names] == [5, 2, 3, 0, 0.4]
    assert [other[name] for name in names] == [2, 5, 0, 3, 0.4]


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("none", "either", (1, 0, 0)),
        ("in 1998", "1998 it was", (1, 1, 0)),
        ("1998 and 3.5", "3.5, 1998", (1, 1, 0)),
        ("1998", "1998 or 1999", (0, 0, 1)),
        ("1998 or 1999", "1998", (0, 0, 1)),
        ("none", "1998", (0, 0, 1)),
        ("1998", "1999", (0, 0, 0)),
        ("1998 and 7", "1999 and 7", (0, 0, 0)),
        ("3.5", "35", (0, 0, 0)),
    ],
)
def test_numbers_are_compared(left: str, right: str, expected: tuple[int, int, int]) -> None:
    pair = found(left, right)
    names = ("numbers_agree", "numbers_are_same", "numbers_are_subset")
    assert tuple(pair[name] for name in names) == expected


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("he sings", "she sings", 0),
        ("he sings", "nobody sings", 1),
        ("he doesn't sing", "he sings", 1),
        ("he can’t sing", "without a song", 0),
        ("a knot", "he sings", 0),
    ],
)
def test_a_negation_in_one_of_both_is_seen(left: str, right: str, expected: int) -> None:
    assert found(left, right)["one_is_negated"] == expected


@pytest.mark.parametrize(
    ("left", "right"), [("", "a 1 not"), ("a 1 not", ""), ("", ""), ("!", "?")]
)
def test_an_empty_side_shares_nothing(left: str, right: str) -> None:
    pair = found(left, right)
    assert all(map(math.isfinite, pair.values()))
    sharing = [name for name in pair if name.startswith(("common", "jaccard")) or "_of_" in name]
    assert len(sharing) == 21
    assert [pair[name] for name in sharing] == [0] * 21
    assert pair["length_ratio"] == 0


def test_chinese_and_emoji_share_their_signs() -> None:
    pair = found("我喜欢苹果🍎", "他喜欢🍎")
    assert pair["common"] == 3
    assert pair["in_order_of_right"] == pytest.approx(3 / 4)


def test_words_beyond_a_thousand_do_not_count() -> None:
    many = [f"w{number}" for number in range(1_000)]
    wide = PairFeatures({}, 1.0, (0.0,) * NUM_FEATURES, (1e6,) * NUM_FEATURES)
    assert wide.of([*many, "last"], ["last"]) == wide.of(many, ["last"])
    assert wide.of(["last"], [*many, "last"]) == wide.of(["last"], many)
    assert wide.of(many, ["w999"]) != wide.of(many, ["last"])


def test_characters_beyond_ten_thousand_do_not_count() -> None:
    huge = "x" * 10_000
    assert AS_THEY_ARE.of([f"{huge}y"], ["y"]) == AS_THEY_ARE.of([f"{huge}z"], ["y"])


def test_a_huge_text_takes_no_time() -> None:
    huge = split_words("a b c d e f g " * 200_000)
    start = perf_counter()
    numbers = AS_THEY_ARE.of(huge, huge)
    assert perf_counter() - start < 5
    assert max(numbers) == 10  # its length, which is beyond all


PAIRS = [
    Matched("a b", "b c", "0"),
    Matched("a b", "c", "0"),
    Matched("d", "", "1"),
]


def test_rarity_is_learnt_of_each_text_once() -> None:
    features = PairFeatures.learn(PAIRS)  # of the texts "a b", "b c", "c", "d" and ""
    expected = {"a": 6 / 2, "b": 6 / 3, "c": 6 / 3, "d": 6 / 2}
    assert features.idf == pytest.approx({w: math.log(x) + 1 for w, x in expected.items()})
    assert features.unseen == pytest.approx(math.log(6) + 1)


def test_what_was_learnt_from_is_standardised() -> None:
    rng = random.Random(0)
    words = ["a", "2", "not"]
    texts = [" ".join(rng.choices(words, k=rng.randint(3, 12))) for _ in range(400)]
    rows = [Matched(*texts[each : each + 2], "0") for each in range(0, 400, 2)]
    features = PairFeatures.learn(rows)
    numbers = [features.of(split_words(row.left), split_words(row.right)) for row in rows]
    for column in zip(*numbers, strict=True):
        assert sum(column) / 200 == pytest.approx(0, abs=1e-9)
        assert sum(number**2 for number in column) / 200 == pytest.approx(1)


def test_mean_and_deviation_are_those_of_the_features() -> None:
    features = PairFeatures.learn(PAIRS)
    learnt = dict(
        zip(features.names, zip(features.mean, features.deviation, strict=True), strict=True)
    )
    assert learnt["left_len"] == pytest.approx((5 / 3, math.sqrt(2 / 9)))
    assert learnt["right_len"] == pytest.approx((1, math.sqrt(2 / 3)))
    assert learnt["common"] == pytest.approx((1 / 3, math.sqrt(2 / 9)))


def test_what_never_varies_is_left_as_it_is() -> None:
    features = PairFeatures.learn(PAIRS)
    at = features.names.index("one_is_negated")
    assert (features.mean[at], features.deviation[at]) == (0, 1)
    assert found("not a", "b", features)["one_is_negated"] == 1


def test_no_feature_is_beyond_ten_deviations() -> None:
    features = PairFeatures.learn(PAIRS)
    numbers = features.of(["a"] * 900, ["b"] * 900)
    assert max(numbers) == 10
    assert min(features.of([], [])) >= -10
    far = PairFeatures({}, 1.0, (50.0,) * NUM_FEATURES, (1.0,) * NUM_FEATURES)
    assert set(far.of([], [])) == {-10}


def test_nothing_cannot_be_learnt_from() -> None:
    with pytest.raises(DataError, match=r"^no pairs to learn features from$"):
        PairFeatures.learn([])


def test_empty_texts_can_be_learnt_from() -> None:
    features = PairFeatures.learn([Matched("", "", "0")])
    assert features.idf == {}
    assert all(map(math.isfinite, features.of(["a"], ["a"])))


def test_every_feature_has_a_name() -> None:
    names = PairFeatures.learn(PAIRS).names
    assert len(names) == len(set(names)) == NUM_FEATURES


ONE_PROCESS = """
from regard.data import PairFeatures, split_words
from regard.interfaces import Matched
words = [f"word{number}" for number in range(60)]
rows = [Matched(" ".join(words[i:i + 25]), " ".join(words[i + 3::2]), "0") for i in range(30)]
features = PairFeatures.learn(rows)
print([features.of(split_words(row.left), split_words(row.right)) for row in rows])
print(features)
"""


def test_every_process_finds_the_same() -> None:
    printed = {
        subprocess.run(
            [sys.executable, "-c", ONE_PROCESS],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(printed) == 1
    assert "word59" in printed.pop()


def test_features_are_saved_and_loaded(tmp_path: Path) -> None:
    features = PairFeatures.learn([*PAIRS, Matched("größer 猫🍎", '"b\\', "0")])
    features.save(tmp_path / "features.json")
    loaded = PairFeatures.load(tmp_path / "features.json")
    assert loaded == features
    assert loaded.of(["猫", "b"], ["b"]) == features.of(["猫", "b"], ["b"])
    assert [file.name for file in tmp_path.iterdir()] == ["features.json"]


def saved(folder: Path) -> tuple[Path, dict[str, object]]:
    path = folder / "features.json"
    PairFeatures.learn(PAIRS).save(path)
    return path, json.loads(path.read_text())


@pytest.mark.parametrize(
    "changes",
    [
        {"mean": [0.0]},
        {"mean": ["a"] * NUM_FEATURES},
        {"deviation": [0.0] * NUM_FEATURES},
        {"deviation": [-1.0] * NUM_FEATURES},
        {"unseen": math.nan},
        {"unseen": None},
        {"idf": [1]},
        {"idf": {"a": math.inf}},
        {"names": 3},
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, changes: dict[str, object]) -> None:
    path, content = saved(tmp_path)
    path.write_text(json.dumps(content | changes))
    with pytest.raises(DataError, match=r"features\.json: damaged or not a file of features"):
        PairFeatures.load(path)


@pytest.mark.parametrize("content", ["", "[]", "3", "{", "{}"])
def test_another_file_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "features.json"
    path.write_text(content)
    with pytest.raises(DataError, match=r"features\.json: damaged or not a file of features"):
        PairFeatures.load(path)


def test_other_features_are_refused(tmp_path: Path) -> None:
    path, content = saved(tmp_path)
    path.write_text(json.dumps(content | {"names": [f"f{each}" for each in range(NUM_FEATURES)]}))
    with pytest.raises(DataError, match=r"features\.json: its features are not those of this ver"):
        PairFeatures.load(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.json: no such file$"):
        PairFeatures.load(tmp_path / "gone.json")
