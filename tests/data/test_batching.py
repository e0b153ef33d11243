import random
from collections import Counter
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from regard.data import (
    BatchLoader,
    BatchSampler,
    EncodedPair,
    Tokenizer,
    by_sentences,
    by_tokens,
    collate,
    encode_sources,
    longer_sides,
    source_batches,
)
from regard.data.batching import Plan
from regard.interfaces import BOS, EOS, PAD, TranslationBatch


def encoded(lengths: list[tuple[int, int]]) -> list[EncodedPair]:
    """Make pairs of given numbers of tokens; the first tells which pair it is."""
    return [
        EncodedPair([10 + number, *[4] * (source - 1), EOS], [BOS, *[5] * target, EOS])
        for number, (source, target) in enumerate(lengths)
    ]


def draw_lengths(num_pairs: int) -> list[tuple[int, int]]:
    rng = random.Random(3)
    return [(rng.randint(1, 20), rng.randint(1, 20)) for _ in range(num_pairs)]


PAIRS = encoded(draw_lengths(203))
PLANS = {
    "by sentences": by_sentences(16),
    "by tokens": by_tokens(longer_sides(PAIRS), max_tokens=120),
    "by tokens and sentences": by_tokens(longer_sides(PAIRS), max_tokens=200, max_sentences=12),
}
every_plan = pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)


def epoch_of(sampler: BatchSampler, epoch: int) -> list[list[int]]:
    sampler.set_epoch(epoch)
    return sampler.batches()


def loader(
    plan: Plan, seed: int = 1, workers: int = 0
) -> BatchLoader[EncodedPair, TranslationBatch]:
    sampler = BatchSampler(len(PAIRS), plan, seed=seed)
    return BatchLoader(PAIRS, sampler, collate, workers=workers)


def numbers(batch: TranslationBatch) -> list[int]:
    return [row[0] - 10 for row in batch.source.ids.tolist()]


@every_plan
@pytest.mark.parametrize("seed", [None, 1])
@pytest.mark.parametrize("num_ranks", [1, 2, 3, 8])
def test_every_pair_stands_once_in_an_epoch(plan: Plan, seed: int | None, num_ranks: int) -> None:
    for epoch in range(3):
        shares = [
            epoch_of(
                BatchSampler(len(PAIRS), plan, seed=seed, rank=rank, num_ranks=num_ranks), epoch
            )
            for rank in range(num_ranks)
        ]
        seen = Counter(index for share in shares for batch in share for index in batch)
        assert seen == Counter(range(len(PAIRS)))


@every_plan
@pytest.mark.parametrize("num_ranks", [1, 2, 3, 8, 101])
def test_every_rank_has_as_many_batches_in_every_epoch(plan: Plan, num_ranks: int) -> None:
    counts = set()
    for rank in range(num_ranks):
        sampler = BatchSampler(len(PAIRS), plan, seed=1, rank=rank, num_ranks=num_ranks)
        counts |= {len(sampler), *(len(epoch_of(sampler, epoch)) for epoch in range(3))}
        assert all(sampler.batches())
    assert len(counts) == 1


@given(
    lengths=st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30)), min_size=1, max_size=60),
    max_tokens=st.integers(32, 200),
    max_sentences=st.none() | st.integers(1, 10),
)
def test_no_side_of_a_batch_is_larger_than_asked(
    lengths: list[tuple[int, int]], max_tokens: int, max_sentences: int | None
) -> None:
    pairs = encoded(lengths)
    plan = by_tokens(longer_sides(pairs), max_tokens=max_tokens, max_sentences=max_sentences)
    batches = list(BatchLoader(pairs, BatchSampler(len(pairs), plan, seed=1), collate))
    assert sorted(number for batch in batches for number in numbers(batch)) == [*range(len(pairs))]
    for batch in batches:
        assert batch.source.ids.numel() <= max_tokens
        assert batch.target.ids.numel() <= max_tokens
        assert max_sentences is None or len(batch.source.lengths) <= max_sentences


def test_batches_by_tokens_are_as_full_as_possible() -> None:
    pairs = encoded([(9, 8)] * 25)
    sizes = [len(batch) for batch in by_tokens(longer_sides(pairs), max_tokens=100)(range(25))]
    assert sizes == [10, 10, 5]


def test_batches_by_tokens_hold_similar_lengths() -> None:
    longest = [max(map(len, pair)) for pair in PAIRS]
    bounds = [
        (min(longest[index] for index in batch), max(longest[index] for index in batch))
        for batch in PLANS["by tokens"](range(len(PAIRS)))
    ]
    assert all(end <= start for (_, end), (start, _) in pairwise(bounds))


def test_short_and_long_batches_are_mixed() -> None:
    batches = BatchSampler(len(PAIRS), PLANS["by tokens"], seed=1).batches()
    longest = [max(max(map(len, PAIRS[index])) for index in batch) for batch in batches]
    num_shorter = sum(one > other for one, other in pairwise(longest))
    assert num_shorter > len(longest) / 4


def draw_long_lengths() -> list[int]:
    rng = random.Random(5)
    return [int(rng.lognormvariate(5.3, 0.7)) for _ in range(10_000)]


def test_neighbours_in_length_are_drawn_anew_each_epoch() -> None:
    lengths = draw_long_lengths()
    assert len(set(lengths)) > 500
    sampler = BatchSampler(len(lengths), by_tokens(lengths, max_tokens=5_000), seed=1)
    first, second = epoch_of(sampler, 0), epoch_of(sampler, 1)
    batch_of = {index: number for number, batch in enumerate(second) for index in batch}
    together = sum(max(Counter(batch_of[index] for index in batch).values()) for batch in first)
    assert together < 0.5 * len(lengths)


def test_batches_of_long_texts_fit_and_are_hardly_padded() -> None:
    lengths = draw_long_lengths()
    longest = max(lengths)
    batches = by_tokens(lengths, max_tokens=longest, max_sentences=32)(range(len(lengths)))
    padded = [len(batch) * max(lengths[index] for index in batch) for batch in batches]
    assert max(padded) <= longest
    assert max(map(len, batches)) <= 32
    assert sum(padded) < 1.06 * sum(lengths)


def test_texts_without_a_word_are_batched_too() -> None:
    assert by_tokens([0, 3, 0], max_tokens=3)(range(3)) == [[0, 2], [1]]


def test_workers_make_the_same_batches() -> None:
    alone, helped = loader(PLANS["by tokens"]), loader(PLANS["by tokens"], workers=2)
    state = torch.get_rng_state()
    for epoch in (0, 1):
        alone.sampler.set_epoch(epoch)
        helped.sampler.set_epoch(epoch)
        for one, other in zip(alone, helped, strict=True):
            assert one.source.ids.tolist() == other.source.ids.tolist()
            assert one.target.lengths.tolist() == other.target.lengths.tolist()
            assert alone.state_dict() == helped.state_dict()
    assert torch.get_rng_state().tolist() == state.tolist()


def test_batches_by_sentences_have_one_size() -> None:
    sizes = [len(batch) for batch in BatchSampler(203, by_sentences(16), seed=1).batches()]
    assert sorted(sizes) == [203 % 16] + [16] * (203 // 16)


@every_plan
def test_batches_are_decided_by_seed_and_epoch(plan: Plan) -> None:
    one, same, other = (BatchSampler(len(PAIRS), plan, seed=seed) for seed in (1, 1, 2))
    for epoch in (0, 1, 5):
        assert epoch_of(one, epoch) == epoch_of(same, epoch)
        assert epoch_of(one, epoch) != epoch_of(other, epoch)
    assert epoch_of(one, 0) != epoch_of(one, 1)
    assert epoch_of(one, 1) != epoch_of(other, 0)


@every_plan
def test_neighbours_change_from_epoch_to_epoch(plan: Plan) -> None:
    sampler = BatchSampler(len(PAIRS), plan, seed=1)
    first, second = ({frozenset(batch) for batch in epoch_of(sampler, n)} for n in (0, 1))
    assert len(first & second) < len(first) / 2


def test_without_seed_nothing_is_shuffled() -> None:
    sampler = BatchSampler(7, by_sentences(3), seed=None)
    assert epoch_of(sampler, 0) == epoch_of(sampler, 1) == [[0, 1, 2], [3, 4, 5], [6]]


def test_ranks_get_batches_of_similar_length_at_a_time() -> None:
    samplers = [
        BatchSampler(len(PAIRS), PLANS["by tokens"], seed=1, rank=rank, num_ranks=2)
        for rank in range(2)
    ]
    longest = [
        [max(max(map(len, PAIRS[index])) for index in batch) for batch in sampler.batches()]
        for sampler in samplers
    ]
    assert max(abs(one - other) for one, other in zip(*longest, strict=True)) <= 3


@every_plan
def test_a_loader_gives_the_batches_of_its_sampler(plan: Plan) -> None:
    batches = loader(plan)
    assert [numbers(batch) for batch in batches] == batches.sampler.batches()
    assert len(batches) == len(batches.sampler.batches())


def test_a_loader_begins_anew_every_time() -> None:
    batches = loader(PLANS["by tokens"])
    first = [numbers(batch) for batch in batches]
    next(iter(batches))
    assert [numbers(batch) for batch in batches] == first


@every_plan
@pytest.mark.parametrize("epoch", [0, 2])
@pytest.mark.parametrize("num_given", [0, 1, 7, 12])
def test_a_restored_loader_goes_on_with_the_next_batch(
    plan: Plan, epoch: int, num_given: int
) -> None:
    interrupted, restored = loader(plan), loader(plan)
    interrupted.sampler.set_epoch(epoch)
    iterator = iter(interrupted)
    seen = [numbers(next(iterator)) for _ in range(num_given)]
    restored.load_state_dict(interrupted.state_dict())
    assert restored.state_dict() == interrupted.state_dict()
    rest = [numbers(batch) for batch in restored]
    assert seen + rest == epoch_of(loader(plan).sampler, epoch)
    # The epoch after it is whole again.
    restored.sampler.set_epoch(epoch + 1)
    assert [numbers(batch) for batch in restored] == epoch_of(loader(plan).sampler, epoch + 1)


def test_a_state_of_another_epoch_skips_nothing() -> None:
    batches, restored = loader(PLANS["by tokens"]), loader(PLANS["by tokens"])
    assert len(list(batches)) == batches.state_dict()["num_given"]
    restored.load_state_dict(batches.state_dict())
    for each in (batches, restored):
        each.sampler.set_epoch(1)
        assert each.state_dict() == {"epoch": 1, "num_given": 0, "num_batches": len(each)}
    assert len(list(restored)) == len(restored)


def test_a_state_of_other_batches_is_refused() -> None:
    batches = loader(by_sentences(16))
    next(iter(batches))
    message = "expected an epoch of 13 batches, got 26; go on with the same data, batch size and"
    with pytest.raises(ValueError, match=message):
        loader(by_sentences(8)).load_state_dict(batches.state_dict())
    assert len(list(batches)) == 13
    with pytest.raises(ValueError, match=message):
        loader(by_sentences(8)).load_state_dict(batches.state_dict())


def test_a_sentence_that_cannot_fit_is_refused() -> None:
    message = "max_tokens=31 is less than the longest sentence or text, 32 tokens with BOS and EOS"
    with pytest.raises(ValueError, match=message):
        by_tokens(longer_sides(encoded([(3, 30), (3, 3)])), max_tokens=31)


def test_batches_of_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="num_sentences must be at least 1, got 0"):
        by_sentences(0)


@pytest.mark.parametrize("rank", [-1, 2])
def test_a_rank_that_does_not_exist_is_refused(rank: int) -> None:
    with pytest.raises(ValueError, match=rf"rank must be from 0 to num_ranks - 1 = 1, got {rank}"):
        BatchSampler(9, by_sentences(3), seed=1, rank=rank, num_ranks=2)


@pytest.mark.parametrize(("num_pairs", "num_sentences", "num_ranks"), [(3, 3, 4), (5, 1, 2)])
def test_too_few_pairs_for_the_ranks_are_refused(
    num_pairs: int, num_sentences: int, num_ranks: int
) -> None:
    message = rf"{num_pairs} batches of one cannot be shared evenly among {num_ranks} \(processes "
    with pytest.raises(ValueError, match=message):
        BatchSampler(num_pairs, by_sentences(num_sentences), seed=1, num_ranks=num_ranks)


TEXTS = ["b " * 5, "", "a", "c " * 40, "d " * 5, "e e", "unbekannt"]
WORDS = Tokenizer.words(["a b c d e"], min_frequency=1)
SOURCES = encode_sources(TEXTS, WORDS)


@pytest.mark.parametrize("max_tokens", [1, 12, 1_000])
@pytest.mark.parametrize("max_sentences", [None, 2])
def test_sources_to_decode_say_where_they_belong(
    max_tokens: int, max_sentences: int | None
) -> None:
    restored: dict[int, list[int]] = {}
    for source, positions in source_batches(
        SOURCES, max_tokens=max_tokens, max_sentences=max_sentences
    ):
        assert len(positions) == 1 or source.ids.numel() <= max_tokens
        assert max_sentences is None or len(positions) <= max_sentences
        for row, length, position in zip(*map(list, source), positions, strict=True):
            assert set(row[length:].tolist()) <= {PAD}
            restored[position] = row[:length].tolist()
    assert [restored[position] for position in range(len(SOURCES))] == SOURCES


def test_sources_to_decode_come_shortest_first() -> None:
    lengths = [
        length
        for batch in source_batches(SOURCES, max_tokens=12)
        for length in batch.source.lengths.tolist()
    ]
    assert lengths == sorted(lengths)


def test_no_sources_are_no_batches() -> None:
    assert list(source_batches([], max_tokens=12)) == []
