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
from regard.data.grades import Grades
from regard.data.labelled import LabelledText, read_folder, read_labelled
from regard.data.labelled_splits import (
    LabelledSplits,
    hold_out_labelled,
    labelled_splits_from_files,
)
from regard.data.labels import Labels
from regard.data.line_ends import LineTokenizer
from regard.data.links import Links, read_links
from regard.data.matched import MatchedText, read_matched
from regard.data.matched_encoding import (
    EncodedMatched,
    collate_matched,
    encode_matched,
    pair_lengths,
)
from regard.data.matched_splits import (
    MatchedSplits,
    hold_out_matched,
    matched_splits_from_files,
)
from regard.data.named import KNOWN, NamedSet, load_named
from regard.data.named_labelled import KNOWN_LABELLED, NamedLabelledSet, load_named_labelled
from regard.data.named_matched import KNOWN_MATCHED, NamedMatchedSet, load_named_matched
from regard.data.named_plain import KNOWN_PLAIN, NamedPlainSet, load_named_plain
from regard.data.pair_features import PairFeatures, split_words
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
    "KNOWN_MATCHED",
    "KNOWN_PLAIN",
    "BatchLoader",
    "BatchSampler",
    "Blocks",
    "Corpus",
    "DataError",
    "EncodedLabelled",
    "EncodedMatched",
    "EncodedPair",
    "EncodedText",
    "Encoder",
    "Grades",
    "LabelledSplits",
    "LabelledText",
    "Labels",
    "LineTokenizer",
    "Links",
    "MatchedSplits",
    "MatchedText",
    "NamedLabelledSet",
    "NamedMatchedSet",
    "NamedPlainSet",
    "NamedSet",
    "PairFeatures",
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
    "collate_matched",
    "encode_blocks",
    "encode_corpus",
    "encode_matched",
    "encode_pairs",
    "encode_sources",
    "generate_dates",
    "hold_out",
    "hold_out_ends",
    "hold_out_labelled",
    "hold_out_matched",
    "labelled_splits_from_files",
    "load_named",
    "load_named_labelled",
    "load_named_matched",
    "load_named_plain",
    "longer_sides",
    "matched_splits_from_files",
    "pad",
    "pair_lengths",
    "plain_splits_from_files",
    "read_aligned",
    "read_folder",
    "read_labelled",
    "read_lines",
    "read_links",
    "read_matched",
    "read_pairs",
    "read_plain",
    "read_vectors",
    "source_batches",
    "split_sentences",
    "split_words",
    "splits_from_files",
    "text_files",
    "write_date",
]
