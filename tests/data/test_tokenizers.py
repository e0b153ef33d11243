import json
import pickle
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from regard.data import DataError, Tokenizer
from regard.data.tokenizers import SPECIALS
from regard.interfaces import BOS, EOS, PAD, UNK

TEXTS = [
    "Ein Mann mit einem Hut, der etwas anstarrt.",
    "Ein Hund rennt über das grüne Gras – schnell!",
    "Zwei Männer und ein Hund stehen (im Schnee).",
    "A man with a hat is staring at something.",
    "A dog is running over green grass.",
] * 3

WORDS = Tokenizer.words(TEXTS)
BPE = Tokenizer.bpe(TEXTS, vocab_size=400)
CHARACTERS = Tokenizer.characters(TEXTS)
KINDS = {"words": WORDS, "bpe": BPE, "characters": CHARACTERS}

every_kind = pytest.mark.parametrize("tokenizer", KINDS.values(), ids=KINDS)


def one_line(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).replace("▁", "_").split())


@every_kind
def test_special_tokens_have_the_agreed_ids(tokenizer: Tokenizer) -> None:
    assert tokenizer.id_tokens([PAD, UNK, BOS, EOS]) == ["<pad>", "<unk>", "<bos>", "<eos>"]


@every_kind
@pytest.mark.parametrize("special", SPECIALS)
def test_a_text_cannot_spell_a_special_token(tokenizer: Tokenizer, special: str) -> None:
    ids = tokenizer.encode(f"ein {special} Hund{special}")
    assert not {PAD, BOS, EOS} & set(ids)
    assert not {PAD, BOS, EOS} & set(Tokenizer.bpe([special] * 50, vocab_size=300).encode(special))


@every_kind
def test_an_empty_text_has_no_tokens(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode("") == []
    assert tokenizer.tokens("") == []
    assert tokenizer.decode([]) == ""
    assert tokenizer.encode_batch([]) == []


@every_kind
def test_a_batch_is_encoded_as_its_texts_are(tokenizer: Tokenizer) -> None:
    texts = [*TEXTS, "", "ganz neue Wörter", "猫"]
    assert tokenizer.encode_batch(texts) == [tokenizer.encode(text) for text in texts]


@every_kind
@given(texts=st.lists(st.text() | st.text(st.characters(max_codepoint=127))))
def test_any_batch_is_encoded_as_its_texts_are(tokenizer: Tokenizer, texts: list[str]) -> None:
    assert tokenizer.encode_batch(texts) == [tokenizer.encode(text) for text in texts]


@every_kind
@given(text=st.text())
def test_there_is_one_token_per_id(tokenizer: Tokenizer, text: str) -> None:
    ids, tokens = tokenizer.encode(text), tokenizer.tokens(text)
    assert len(tokens) == len(ids)
    known = [token for token, id_ in zip(tokens, ids, strict=True) if id_ != UNK]
    assert known == tokenizer.id_tokens(id_ for id_ in ids if id_ != UNK)


@every_kind
@given(text=st.text())
def test_normalizing_twice_changes_nothing(tokenizer: Tokenizer, text: str) -> None:
    assert tokenizer.normalize(tokenizer.normalize(text)) == tokenizer.normalize(text)


@every_kind
def test_composed_and_decomposed_letters_are_one(tokenizer: Tokenizer) -> None:
    text = "Männer über"
    assert tokenizer.encode(unicodedata.normalize("NFD", text)) == tokenizer.encode(text)


@every_kind
def test_specials_but_unk_are_left_out_of_a_text(tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode("ein Hund")
    assert tokenizer.decode([BOS, *ids, EOS, PAD, PAD]) == tokenizer.decode(ids)
    assert "<unk>" in tokenizer.decode([BOS, UNK, EOS])


@every_kind
@pytest.mark.parametrize("id_", [-1, 1_000_000])
def test_ids_outside_the_vocabulary_are_refused(tokenizer: Tokenizer, id_: int) -> None:
    with pytest.raises(ValueError, match=rf"ids must be from 0 to \d+, got {id_}"):
        tokenizer.decode([id_])


@every_kind
def test_a_saved_tokenizer_is_the_same_again(tokenizer: Tokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path / "tokenizer.json")
    loaded = Tokenizer.load(tmp_path / "tokenizer.json")
    text = "Ein <eos> Mann\nmit 猫 und  Häusern"
    assert loaded.vocab_size == tokenizer.vocab_size
    assert loaded.encode(text) == tokenizer.encode(text)
    assert loaded.tokens(text) == tokenizer.tokens(text)
    assert loaded.decode(loaded.encode(text)) == tokenizer.decode(tokenizer.encode(text))
    assert [path.name for path in tmp_path.iterdir()] == ["tokenizer.json"]


@every_kind
def test_texts_decide_a_tokenizer(tokenizer: Tokenizer, tmp_path: Path) -> None:
    again = {
        WORDS: lambda: Tokenizer.words(TEXTS),
        BPE: lambda: Tokenizer.bpe(TEXTS, vocab_size=400),
        CHARACTERS: lambda: Tokenizer.characters(TEXTS),
    }[tokenizer]()
    tokenizer.save(tmp_path / "once.json")
    again.save(tmp_path / "again.json")
    once, twice = ((tmp_path / name).read_text() for name in ("once.json", "again.json"))
    assert json.loads(once) == json.loads(twice)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"version": "1.0"}', "\x00\x01"])
def test_a_damaged_file_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(content)
    message = r"tokenizer\.json: damaged or not a tokenizer \(.*\)$"
    with pytest.raises(DataError, match=message) as raised:
        Tokenizer.load(path)
    assert "\n" not in str(raised.value)


def test_half_a_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    BPE.save(path)
    path.write_text(path.read_text()[:1_000])
    with pytest.raises(DataError, match=r"tokenizer\.json: damaged or not a tokenizer"):
        Tokenizer.load(path)


def test_a_foreign_vocabulary_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    WORDS.save(path)
    path.write_text(path.read_text().replace("<bos>", "[CLS]"))
    with pytest.raises(DataError, match="the vocabulary must begin with <pad>, <unk>, <bos>"):
        Tokenizer.load(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"tokenizer\.json: no such file$"):
        Tokenizer.load(tmp_path / "tokenizer.json")


def test_words_are_lowercased_and_split_at_punctuation() -> None:
    tokens = ["ein", "mann", "(", "groß", ")", ",", "dessen", "9", "-", "jähriger", "hund", "."]
    assert WORDS.tokens("Ein  Mann (GROß), dessen 9-jähriger\tHund.") == tokens
    assert Tokenizer.words(TEXTS, lowercase=False).tokens("Ein Mann") == ["Ein", "Mann"]


def test_words_are_known_from_their_frequency_on() -> None:
    texts = ["a a a b b c", "A"]
    assert Tokenizer.words(texts).vocab_size == len(SPECIALS) + 2
    assert Tokenizer.words(texts, min_frequency=1).vocab_size == len(SPECIALS) + 3
    rare = Tokenizer.words(texts, min_frequency=3)
    assert rare.encode("a b c") == [len(SPECIALS), UNK, UNK]


def test_an_unknown_word_keeps_its_surface() -> None:
    text = "Ein Schornsteinfeger steht DORT."
    ids, tokens = WORDS.encode(text), WORDS.tokens(text)
    assert tokens == ["ein", "schornsteinfeger", "steht", "dort", "."]
    assert [id_ == UNK for id_ in ids] == [False, True, True, True, False]
    assert WORDS.decode(ids) == "ein <unk> <unk> <unk> ."
    assert WORDS.decode_tokens(tokens) == "ein schornsteinfeger steht dort ."


def test_more_than_thirty_thousand_words_are_kept() -> None:
    tokenizer = Tokenizer.words([f"w{number}" for number in range(40_000)], min_frequency=1)
    assert tokenizer.vocab_size == len(SPECIALS) + 40_000


@given(text=st.text(alphabet=sorted(set("".join(TEXTS)))))
def test_known_characters_come_back(text: str) -> None:
    assert CHARACTERS.decode(CHARACTERS.encode(text)) == text
    assert CHARACTERS.tokens(text) == list(text)


def test_characters_keep_blanks_and_unknown_ones() -> None:
    text = " a\n 猫"
    assert CHARACTERS.tokens(text) == list(text)
    assert [id_ == UNK for id_ in CHARACTERS.encode(text)] == [False, False, True, False, True]
    assert Tokenizer.characters(["AB"], lowercase=True).tokens("AB") == ["a", "b"]


@given(text=st.text() | st.text(alphabet=" ▁<0xE4>猫ש👨‍👩‍👧é\u0301हि\x00\n"))
@example("我爱北京天安门。 你好，世界！")
@example("family 👨‍👩‍👧‍👦, flag 🇩🇪, tone 👍🏽")
@example("שלום עולם \u200f مرحبا بالعالم")
@example("हिन्दी ภาษาไทย ꦲꦏ̀ꦱꦫ")
@example("<0x41> <eos> ▁▁ <unk>")
@example("tabs\tand\u00a0blanks\u2003\n\r around ")
def test_sub_words_give_back_any_text(text: str) -> None:
    ids = BPE.encode(text)
    assert UNK not in ids
    assert BPE.decode(ids) == BPE.normalize(text)
    assert BPE.decode_tokens(BPE.tokens(text)) == BPE.normalize(text)


@pytest.mark.parametrize("text", ["  ein\u00a0 Mann \n", "½ … ﬁ", "snake▁case", "A\u030a"])
def test_sub_words_normalize_as_documented(text: str) -> None:
    assert BPE.normalize(text) == one_line(text)


def test_sub_words_cross_neither_blanks_nor_punctuation() -> None:
    texts = ["ein Hut, ein Hut, (Hut), (Hut)"] * 20
    tokens = Tokenizer.bpe(texts, vocab_size=400).tokens("ein Hut, (Hut)")
    assert tokens == ["▁ein", "▁Hut", ",", "▁(", "Hut", ")"]


def test_sub_words_fill_the_vocabulary_at_most() -> None:
    texts = [f"{number:x}wort{number * 7919:x}" for number in range(500)]
    assert Tokenizer.bpe(texts, vocab_size=500).vocab_size == 500
    assert Tokenizer.bpe(["ab"], vocab_size=500).vocab_size < 500


def test_many_different_characters_leave_room_for_sub_words() -> None:
    texts = [chr(0x4E00 + number) + " Wort Wort" for number in range(2_000)]
    tokenizer = Tokenizer.bpe(texts, vocab_size=400)
    assert tokenizer.vocab_size <= 400
    assert tokenizer.tokens("Wort") == ["▁Wort"]
    assert tokenizer.decode(tokenizer.encode(texts[1_999])) == texts[1_999]


def test_sub_words_can_be_lowercased() -> None:
    tokenizer = Tokenizer.bpe(TEXTS, vocab_size=400, lowercase=True)
    assert tokenizer.decode(tokenizer.encode("Ein ÜBER-Hund")) == "ein über-hund"


def test_a_vocabulary_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="vocab_size must be at least 262, got 261"):
        Tokenizer.bpe(TEXTS, vocab_size=261)


def test_the_smallest_vocabulary_still_spells_everything() -> None:
    smallest = Tokenizer.bpe(["aaa aaa"], vocab_size=262)
    assert smallest.vocab_size <= 262
    assert smallest.decode(smallest.encode("aaa b aaa")) == "aaa b aaa"


@pytest.mark.parametrize("learn", [Tokenizer.words, Tokenizer.bpe, Tokenizer.characters])
def test_the_same_texts_always_give_the_same_vocabulary(
    tmp_path: Path, learn: Callable[..., Tokenizer]
) -> None:
    # So many equally rare characters that sub-words must choose among them.
    texts = [chr(0x4E00 + number) + " Wort Wort" for number in range(5_000)]
    for name in ("one", "other"):
        learn(texts).save(tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_the_most_frequent_words_are_learnt_first_and_ties_by_their_characters() -> None:
    texts = ["c c c b b a a d"] * 2
    learnt = [Tokenizer.words(iter(texts), vocab_size=size) for size in (5, 6, 7, 100)]
    words = [tokenizer.id_tokens(range(4, tokenizer.vocab_size)) for tokenizer in learnt]
    assert words == [["c"], ["c", "a"], ["c", "a", "b"], ["c", "a", "b", "d"]]
    assert [tokenizer.vocab_size for tokenizer in learnt] == [5, 6, 7, 8]


def test_rare_words_are_left_out_whatever_the_room() -> None:
    assert Tokenizer.words(["a a b"], vocab_size=100).vocab_size == 5


def test_a_vocabulary_without_room_for_a_word_is_refused() -> None:
    with pytest.raises(ValueError, match=r"vocab_size must be at least 5, got 4$"):
        Tokenizer.words(["a"], vocab_size=4)


@pytest.mark.parametrize("learn", [Tokenizer.words, Tokenizer.bpe, Tokenizer.characters])
def test_texts_may_come_one_by_one(learn: Callable[[Iterable[str]], Tokenizer]) -> None:
    assert learn(iter(TEXTS)).vocab() == learn(TEXTS).vocab()


@every_kind
def test_the_vocabulary_has_the_id_of_every_token(tokenizer: Tokenizer) -> None:
    tokens = tokenizer.id_tokens(range(tokenizer.vocab_size))
    assert tokenizer.vocab() == {token: id_ for id_, token in enumerate(tokens)}


@every_kind
def test_a_copy_encodes_alike(tokenizer: Tokenizer) -> None:
    copy = pickle.loads(pickle.dumps(tokenizer))
    text = "ein <eos> Hund"
    assert copy.encode(text) == tokenizer.encode(text) == copy.encode_batch([text])[0]


def test_names_may_be_left_out_of_words() -> None:
    texts = [
        "We met Ann in May. Ann may sing.",
        "Then Bob and I saw TV. Bob sings!",
        "An aunt sang",
    ]
    known = Tokenizer.words(texts, min_frequency=1).vocab()
    without = Tokenizer.words(iter(texts), min_frequency=1, names=False).vocab()
    assert set(known) - set(without) == {"ann", "bob"}
    assert sorted(without.values()) == list(range(len(without)))
    assert {"may", "i", "tv", "sings", "then"} <= set(without)
    few = Tokenizer.words(texts, min_frequency=1, vocab_size=9, names=False).vocab()
    assert len(few) == 9
    assert not {"ann", "bob"} & set(few)
    cased = Tokenizer.words(texts, min_frequency=1, lowercase=False, names=False).vocab()
    assert not {"Ann", "ann", "Bob"} & set(cased)
