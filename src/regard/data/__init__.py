"""Text to batches: files and named data sets, tokenizers, encoding, batching."""

from regard.data.batching import (
    BatchLoader,
    BatchSampler,
    SourceBatch,
    by_sentences,
    by_tokens,
    source_batches,
)
from regard.data.blocks import Blocks, encode_blocks
from regard.data.corpus import Corpus, encode_corpus
from regard.data.dates import generate_dates, write_date
from regard.data.encoders import Encoder, SentenceEncoder, TextEncoder
from regard.data.encoding import (
    EncodedLabelled,
    EncodedPair,
    EncodedText,
    collate,
    collate_labelled,
    encode_pairs,
    encode_sources,
    longer_sides,
    pad,
)
from regard.data.files import DataError, read_lines
from regard.data.labelled import LabelledText, read_folder, read_labelled
from regard.data.labelled_splits import (
    LabelledSplits,
    hold_out_labelled,
    labelled_splits_from_files,
)
from regard.data.labels import Labels
from regard.data.line_ends import LineTokenizer
from regard.data.links import Links, read_links
from regard.data.named import KNOWN, NamedSet, load_named
from regard.data.named_labelled import KNOWN_LABELLED, NamedLabelledSet, load_named_labelled
from regard.data.named_plain import KNOWN_PLAIN, NamedPlainSet, load_named_plain
from regard.data.parallel import ParallelText, read_aligned, read_pairs
from regard.data.plain_splits import PlainSplits, hold_out_ends, plain_splits_from_files
from regard.data.plain_text import PlainText, Text, read_plain, text_files
from regard.data.sentences import split_sentences
from regard.data.splits import Splits, hold_out, splits_from_files
from regard.data.tokenizers import Tokenizer
from regard.data.vectors import Vectors, read_vectors

__all__ = [
    "KNOWN",
    "KNOWN_LABELLED",
    "KNOWN_PLAIN",
    "BatchLoader",
    "BatchSampler",
    "Blocks",
    "Corpus",
    "DataError",
    "EncodedLabelled",
    "EncodedPair",
    "EncodedText",
    "Encoder",
    "LabelledSplits",
    "LabelledText",
    "Labels",
    "LineTokenizer",
    "Links",
    "NamedLabelledSet",
    "NamedPlainSet",
    "NamedSet",
    "ParallelText",
    "PlainSplits",
    "PlainText",
    "SentenceEncoder",
    "SourceBatch",
    "Splits",
    "Text",
    "TextEncoder",
    "Tokenizer",
    "Vectors",
    "by_sentences",
    "by_tokens",
    "collate",
    "collate_labelled",
    "encode_blocks",
    "encode_corpus",
    "encode_pairs",
    "encode_sources",
    "generate_dates",
    "hold_out",
    "hold_out_ends",
    "hold_out_labelled",
    "labelled_splits_from_files",
    "load_named",
    "load_named_labelled",
    "load_named_plain",
    "longer_sides",
    "pad",
    "plain_splits_from_files",
    "read_aligned",
    "read_folder",
    "read_labelled",
    "read_lines",
    "read_links",
    "read_pairs",
    "read_plain",
    "read_vectors",
    "source_batches",
    "split_sentences",
    "splits_from_files",
    "text_files",
    "write_date",
]
