"""Labelled data sets known by name: from a local folder, the Hugging Face hub, or a package."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from regard.data.files import DataError, StrPath
from regard.data.imdb import load_imdb, load_movie_reviews
from regard.data.labelled_splits import LabelledSplits
from regard.data.named import find_named
from regard.data.newsgroups import load_newsgroups20
from regard.data.reuters import load_reuters
from regard.data.rt_polarity import load_mr
from regard.data.trec import load_trec, load_trec_fine

__all__ = ["KNOWN_LABELLED", "NamedLabelledSet", "load_named_labelled"]


class NamedLabelledSet(NamedTuple):
    """What is known of a data set, and how it is loaded: from (folder or None, fold)."""

    description: str
    origin: str
    licence: str
    load: Callable[[Path | None, int], LabelledSplits]


def load_named_labelled(
    name: str, folder: StrPath | None = None, *, fold: int = 0
) -> LabelledSplits:
    """Load a data set of `KNOWN_LABELLED`.

    None has a validation set of its own: a part of train is held out (see `hold_out_labelled`).

    Args:
        fold: which tenth is the test set, of a set that has none of its own (`mr`).

    Raises:
        DataError: if the name or a file is unknown, or the hub cannot be reached.
    """
    known = find_named(name, KNOWN_LABELLED)
    if folder is not None and not Path(folder).is_dir():
        raise DataError(f"{folder}: no such folder")
    return known.load(None if folder is None else Path(folder), fold)


def _movie_reviews(folder: Path | None, _fold: int) -> LabelledSplits:
    if folder is not None:
        raise DataError(f"movie-reviews come with their package and take no folder, got {folder}")
    return load_movie_reviews()


KNOWN_LABELLED = {
    "movie-reviews": NamedLabelledSet(
        description="25,000 film reviews, negative or positive, a tenth for test; needs no files",
        origin="IMDb's train (Maas et al. 2011), through the movie-reviews package",
        licence="the package MIT; the reviews for research",
        load=_movie_reviews,
    ),
    "imdb": NamedLabelledSet(
        description="film reviews, negative or positive: 25,000 for training, 25,000 for test",
        origin="Maas et al. 2011; the folder aclImdb, or stanfordnlp/imdb on the Hugging Face hub",
        licence="none stated; for research",
        load=lambda folder, fold: load_imdb(folder),
    ),
    "mr": NamedLabelledSet(
        description="10,662 sentences of film reviews, negative or positive; a tenth for test",
        origin="Pang & Lee 2005; a folder with rt-polarity.pos and rt-polarity.neg",
        licence="none stated; for research",
        load=load_mr,
    ),
    "trec": NamedLabelledSet(
        description="questions by 6 kinds of answer: 5,452 for training, 500 for test",
        origin="Li & Roth 2002; a folder with TREC.train and TREC.test, or SetFit/TREC-QC on the"
        " Hugging Face hub",
        licence="none stated; for research",
        load=lambda folder, fold: load_trec(folder),
    ),
    "trec-fine": NamedLabelledSet(
        description="the questions of trec by 50 kinds of answer",
        origin="as trec",
        licence="none stated; for research",
        load=lambda folder, fold: load_trec_fine(folder),
    ),
    "newsgroups20": NamedLabelledSet(
        description="messages of 20 groups, headers, signatures and quotes stripped: 11,314 for"
        " training, 7,532 later ones for test",
        origin="20news-bydate of qwone.com/~jason/20Newsgroups; a folder, or SetFit/20_newsgroups"
        " on the Hugging Face hub",
        licence="none stated; public messages, for research",
        load=lambda folder, fold: load_newsgroups20(folder),
    ),
    "reuters": NamedLabelledSet(
        description="newswire stories with any of 90 topics: 7,723 for training, 3,005 for test",
        origin="Reuters-21578 distribution 1.0, ModApte; a folder with reuters.jsonl",
        licence="for research, naming the distribution",
        load=lambda folder, fold: load_reuters(folder),
    ),
}
"""The data sets that `load_named_labelled` loads."""
