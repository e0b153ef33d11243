"""Text to batches: files and named data sets, tokenizers, encoding, batching."""

from regard.data.batching import (
    BatchLoader,
    BatchSampler,
    SourceBatch,
    by_sentences,
    by_tokens,
    source_batches,
)
from regard.data.dates import generate_dates, write_date
from regard.data.encoding import EncodedPair, EncodedText, collate, encode_pairs, encode_sources
from regard.data.files import DataError, read_lines
from regard.data.named import KNOWN, NamedSet, load_named
from regard.data.parallel import ParallelText, read_aligned, read_pairs
from regard.data.splits import Splits, hold_out, splits_from_files
from regard.data.tokenizers import Tokenizer

__all__ = [
    "KNOWN",
    "BatchLoader",
    "BatchSampler",
    "DataError",
    "EncodedPair",
    "EncodedText",
    "NamedSet",
    "ParallelText",
    "SourceBatch",
    "Splits",
    "Tokenizer",
    "by_sentences",
    "by_tokens",
    "collate",
    "encode_pairs",
    "encode_sources",
    "generate_dates",
    "hold_out",
    "load_named",
    "read_aligned",
    "read_lines",
    "read_pairs",
    "source_batches",
    "splits_from_files",
    "write_date",
]
