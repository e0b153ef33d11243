import gc
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from regard.data import (
    BatchLoader,
    BatchSampler,
    Corpus,
    DataError,
    EncodedLabelled,
    LabelledText,
    Labels,
    SentenceEncoder,
    TextEncoder,
    Tokenizer,
    by_sentences,
    by_tokens,
    collate_labelled,
    corpus,
    encode_corpus,
)
from regard.interfaces import EOS, PAD, Labelled

WORDS = Tokenizer.words(["a b c d e f g h . !"], min_frequency=1)
ROWS = [
    Labelled("a b c", ("pos",)),
    Labelled("", ("neg",)),
    Labelled("d! e f!", ("neg",)),
    Labelled("a " * 30, ("pos",)),
    Labelled("unknown", ("pos",)),
]
LABELS = Labels(("neg", "pos"))
TOPICS = Labels(("corn", "oil", "wheat"), several=True)


def made(rows: list[Labelled]) -> LabelledText:
    return LabelledText(lambda: rows, "made", keep_empty=True)


@pytest.fixture(params=[2, 1_000], ids=["in chunks", "at once"])
def encoded(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Corpus:
    monkeypatch.setattr(corpus, "_TEXTS_AT_ONCE", request.param)
    return encode_corpus(made(ROWS), TextEncoder(WORDS), LABELS)


def test_texts_can_be_had_in_any_order(encoded: Corpus) -> None:
    assert len(encoded) == len(ROWS)
    for index in (4, 0, 3, 1, 2, 0):
        ids, target = encoded[index]
        assert list(ids) == WORDS.encode(ROWS[index].text)
        assert target == LABELS.target(ROWS[index].labels)


def test_lengths_and_classes_are_known(encoded: Corpus) -> None:
    assert encoded.lengths.tolist() == [len(WORDS.encode(row.text)) for row in ROWS]
    assert encoded.class_counts().tolist() == [2, 3]


@pytest.mark.parametrize("index", [-1, 5])
def test_an_index_that_does_not_exist_is_refused(encoded: Corpus, index: int) -> None:
    with pytest.raises(IndexError, match=f"index must be from 0 to 4, got {index}"):
        encoded[index]


def test_texts_may_have_several_labels() -> None:
    rows = [Labelled("a", ("wheat", "corn")), Labelled("b", ("oil",))]
    several = encode_corpus(made(rows), TextEncoder(WORDS), TOPICS)
    assert [target for _, target in map(several.__getitem__, range(2))] == [
        [1.0, 0.0, 1.0],
        [0.0, 1.0, 0.0],
    ]
    assert several.class_counts().tolist() == [1, 1, 1]


def test_sentences_end_in_eos() -> None:
    divided = encode_corpus(made(ROWS), SentenceEncoder(WORDS), LABELS)
    assert [sum(divided[index].ids == EOS) for index in range(5)] == [1, 0, 2, 1, 1]


def test_the_file_lasts_as_long_as_the_corpus(tmp_path: Path) -> None:
    encoded = encode_corpus(made(ROWS), TextEncoder(WORDS), LABELS, folder=tmp_path)
    ids, _ = encoded[0]
    assert len(list(tmp_path.iterdir())) == 1
    del encoded
    gc.collect()
    assert list(tmp_path.iterdir()) == []
    assert list(ids) == WORDS.encode("a b c")  # what was had stays


def test_another_process_maps_the_file_itself(tmp_path: Path) -> None:
    encoded = encode_corpus(made(ROWS), TextEncoder(WORDS), LABELS, folder=tmp_path)
    copy = pickle.loads(pickle.dumps(encoded))
    assert len(pickle.dumps(encoded)) < 1_000
    assert [list(copy[at].ids) for at in range(5)] == [list(encoded[at].ids) for at in range(5)]
    del copy
    gc.collect()
    assert len(list(tmp_path.iterdir())) == 1


def test_nothing_is_left_of_a_corpus_that_fails(tmp_path: Path) -> None:
    rows = [*ROWS, Labelled("c", ("fair",))]
    with pytest.raises(DataError, match="made: label 'fair' does not stand in the training text"):
        encode_corpus(made(rows), TextEncoder(WORDS), LABELS, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_refused() -> None:
    with pytest.raises(DataError, match="made: empty"):
        encode_corpus(made([]), TextEncoder(WORDS), LABELS)


def test_a_document_of_five_megabytes_is_encoded() -> None:
    rows = [Labelled("a b! " * 1_000_000, ("pos",)), Labelled("c", ("neg",))]
    whole = encode_corpus(made(rows), TextEncoder(WORDS), LABELS)
    assert whole.lengths.tolist() == [3_000_000, 1]
    cut = encode_corpus(made(rows), TextEncoder(WORDS, 4, "both"), LABELS)
    assert cut[0].ids.tolist() == WORDS.encode("a b b !")


def test_a_batch_is_padded_at_the_end(encoded: Corpus) -> None:
    (ids, lengths), target = collate_labelled([encoded[index] for index in (0, 1, 4)])
    assert ids.tolist() == [WORDS.encode("a b c"), [PAD] * 3, [*WORDS.encode("unknown"), PAD, PAD]]
    assert lengths.tolist() == [3, 0, 1]
    assert target.tolist() == [1, 0, 1]
    assert ids.dtype == lengths.dtype == target.dtype == torch.int64


def test_a_batch_of_several_labels_is_float32() -> None:
    examples = [EncodedLabelled([5], TOPICS.target(found)) for found in (("wheat", "corn"), ())]
    target = collate_labelled(examples).target
    assert target.dtype == torch.float32
    assert target.tolist() == [[1.0, 0.0, 1.0], [0.0, 0.0, 0.0]]


def test_a_batch_may_have_no_word_at_all(encoded: Corpus) -> None:
    (ids, lengths), target = collate_labelled([encoded[1], encoded[1]])
    assert ids.shape == (2, 0)
    assert ids.dtype == torch.int64
    assert lengths.tolist() == target.tolist() == [0, 0]


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("by_length", [False, True])
def test_an_epoch_has_every_text_once(encoded: Corpus, workers: int, by_length: bool) -> None:
    plan = by_tokens(encoded.lengths, max_tokens=40) if by_length else by_sentences(2)
    sampler = BatchSampler(len(encoded), plan, seed=1)
    batches = list(BatchLoader(encoded, sampler, collate_labelled, workers=workers))
    seen = [length for batch in batches for length in batch.text.lengths.tolist()]
    assert sorted(seen) == sorted(encoded.lengths.tolist())


def test_reading_does_not_need_the_whole_file(encoded: Corpus) -> None:
    ids = encoded[3].ids
    assert isinstance(ids, np.ndarray)
    assert not ids.flags.owndata
    assert not ids.flags.writeable
