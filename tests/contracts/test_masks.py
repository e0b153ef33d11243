"""Every mask is what its definition says for one query and one key, and aligned to the end."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from regard import masks
from tests.cases import MASKS, MaskCase, over

lens = st.integers(0, 7)
counts = st.integers(0, 4)


@over(MASKS)
@given(query_len=lens, key_len=lens)
def test_mask_is_its_definition(case: MaskCase, query_len: int, key_len: int) -> None:
    first = key_len - query_len
    expected = [
        [case.allows(first + query, key) for key in range(key_len)] for query in range(query_len)
    ]
    mask = case.make(query_len, key_len)
    assert mask.dtype == torch.bool
    assert mask.expand(query_len, key_len).tolist() == expected


@over(MASKS)
@given(query_len=st.integers(1, 7), key_len=st.integers(1, 7))
def test_one_step_is_the_last_row_of_the_full_pass(
    case: MaskCase, query_len: int, key_len: int
) -> None:
    full = case.make(query_len, key_len).expand(query_len, key_len)
    assert case.make(1, key_len).tolist() == full[-1:].tolist()


@given(data=st.data(), key_len=lens)
def test_padding_allows_the_first_keys_of_each_sequence(data: st.DataObject, key_len: int) -> None:
    lengths = data.draw(st.lists(st.integers(0, key_len), max_size=4))
    mask = masks.padding(torch.tensor(lengths, dtype=torch.long), key_len)
    assert mask.shape == (len(lengths), 1, key_len)
    assert mask.squeeze(1).tolist() == [
        [key < length for key in range(key_len)] for length in lengths
    ]


@given(query_len=lens, key_len=lens, before=counts, after=counts)
def test_window_is_its_definition(query_len: int, key_len: int, before: int, after: int) -> None:
    mask = masks.window(query_len, key_len, before=before, after=after)
    first = key_len - query_len
    assert mask.tolist() == [
        [-before <= key - (first + query) <= after for key in range(key_len)]
        for query in range(query_len)
    ]
    assert all(row.sum().item() <= before + after + 1 for row in mask)


@given(data=st.data(), query_len=lens, key_len=lens)
def test_prefix_is_its_definition(data: st.DataObject, query_len: int, key_len: int) -> None:
    lengths = data.draw(st.lists(st.integers(0, key_len), max_size=3))
    mask = masks.prefix(torch.tensor(lengths, dtype=torch.long), query_len, key_len)
    first = key_len - query_len
    assert mask.tolist() == [
        [
            [key < length or key <= first + query for key in range(key_len)]
            for query in range(query_len)
        ]
        for length in lengths
    ]


@given(
    query_document=st.lists(st.integers(0, 3), max_size=6),
    key_document=st.lists(st.integers(0, 3), max_size=6),
)
def test_document_is_its_definition(query_document: list[int], key_document: list[int]) -> None:
    mask = masks.document(
        torch.tensor(query_document, dtype=torch.long), torch.tensor(key_document, dtype=torch.long)
    )
    assert mask.tolist() == [[ours == theirs for theirs in key_document] for ours in query_document]


@given(data=st.data(), query_len=st.integers(1, 5), key_len=st.integers(1, 5))
def test_combined_masks_allow_what_all_allow(
    data: st.DataObject, query_len: int, key_len: int
) -> None:
    chosen = data.draw(st.lists(st.sampled_from(MASKS), max_size=3))
    made = [case.make(query_len, key_len) for case in chosen]
    combined = masks.combine(*made, None)
    if not made:
        assert combined is None
        return
    assert combined is not None
    first = key_len - query_len
    assert combined.expand(query_len, key_len).tolist() == [
        [all(case.allows(first + query, key) for case in chosen) for key in range(key_len)]
        for query in range(query_len)
    ]
    backwards = masks.combine(None, *reversed(made))
    assert backwards is not None
    assert backwards.tolist() == combined.tolist()


def test_combining_nothing_allows_everything() -> None:
    assert masks.combine() is None
    assert masks.combine(None, None) is None


@pytest.mark.parametrize("batch", [(), (2,), (2, 3), (0,)], ids=str)
def test_padding_keeps_leading_axes(batch: tuple[int, ...]) -> None:
    assert masks.padding(torch.ones(batch, dtype=torch.long), 4).shape == (*batch, 1, 4)
    assert masks.prefix(torch.ones(batch, dtype=torch.long), 3, 4).shape == (*batch, 3, 4)


def test_masks_are_made_where_they_are_wanted() -> None:
    device = torch.device("meta")
    assert masks.causal(2, 3, device=device).device == device
    assert masks.window(2, 3, before=1, after=0, device=device).device == device
    documents = torch.zeros(3, dtype=torch.long, device=device)
    assert masks.document(documents, documents).device == device
