"""The text and the vocabularies of a translator, made from settings or read from a run."""

from pathlib import Path

from regard.data.files import DataError, plain_or_gz
from regard.data.named import load_named
from regard.data.parallel import read_aligned, read_pairs
from regard.data.splits import Files, Splits, splits_from_files
from regard.data.tokenizers import Tokenizer
from regard.interfaces import Pair
from regard.recipes.translate.settings import (
    DataSettings,
    VocabularySettings,
)
from regard.training.run_directory import RunDirectory, RunError

__all__ = [
    "TABLE_SUFFIXES",
    "load_pairs",
    "load_splits",
    "make_tokenizers",
    "read_tokenizers",
]

TABLE_SUFFIXES = {".tsv", ".txt", ".csv", ".jsonl", ".parquet"}
"""Endings of files that hold both sides, in two columns; other names begin those of two files."""


def load_splits(settings: DataSettings) -> Splits:
    """Load the text that the settings name.

    Raises:
        DataError: it cannot be used.
    """
    if settings.train is None:
        if settings.validation is not None or settings.test is not None:
            raise DataError("data.validation and data.test go with data.train; it is not given")
        return load_named(
            settings.name,
            settings.folder,
            source=settings.source or "de",
            target=settings.target or "en",
        )
    if settings.folder is not None:
        raise DataError("data.folder is where a named set lies; with data.train, leave it out")
    source, target = _columns(settings)
    return splits_from_files(
        _files(settings.train, source, target),
        None if settings.validation is None else _files(settings.validation, source, target),
        None if settings.test is None else _files(settings.test, source, target),
        source=source,
        target=target,
    )


def load_pairs(path: Path, settings: DataSettings) -> list[Pair]:
    """Load other pairs, in the columns or file endings of the settings.

    Raises:
        DataError: the file cannot be used.
    """
    source, target = _columns(settings)
    files = _files(path, source, target)
    if isinstance(files, tuple):
        return read_aligned(*files).pairs
    return read_pairs(files, source=source, target=target).pairs


def _columns(settings: DataSettings) -> tuple[str, str]:
    named = settings.train is None and settings.name != "dates"
    return (
        settings.source or ("de" if named else "source"),
        settings.target or ("en" if named else "target"),
    )


def _files(path: Path, source: str, target: str) -> Files:
    if not path.name:
        raise DataError("the name of a file is empty")
    if TABLE_SUFFIXES & {suffix.lower() for suffix in path.suffixes}:
        return path
    first, second = (
        plain_or_gz(path.with_name(f"{path.name}.{ending}")) for ending in (source, target)
    )
    if not first.exists() and not second.exists():
        raise DataError(
            f"there is neither {first} nor {second}; name the endings of the two files with "
            "data.source and data.target, or give one file with two columns: "
            f"{', '.join(sorted(TABLE_SUFFIXES))}"
        )
    return first, second


def make_tokenizers(settings: VocabularySettings, pairs: list[Pair]) -> tuple[Tokenizer, Tokenizer]:
    """Learn the vocabularies of source and target from the training pairs."""

    def learn(texts: list[str]) -> Tokenizer:
        if settings.kind == "words":
            return Tokenizer.words(
                texts, min_frequency=settings.min_frequency, lowercase=settings.lowercase
            )
        if settings.kind == "characters":
            return Tokenizer.characters(texts, lowercase=settings.lowercase)
        return Tokenizer.bpe(texts, vocab_size=settings.size, lowercase=settings.lowercase)

    source, target = [pair.source for pair in pairs], [pair.target for pair in pairs]
    if settings.shared:
        both = learn(source + target)
        return both, both
    return learn(source), learn(target)


def read_tokenizers(run: RunDirectory) -> tuple[Tokenizer, Tokenizer]:
    """Read the tokenizers of source and target.

    Raises:
        RunError: one is missing or damaged.
    """
    try:
        source, target = (
            Tokenizer.load(run.path / f"tokenizer.{side}.json") for side in ("source", "target")
        )
    except DataError as error:
        raise RunError(f"{run.path} is not a whole run directory: {error}") from None
    return source, target
