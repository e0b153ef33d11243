"""Text to sentences."""

import re
from functools import cache

import nupunkt

__all__ = ["split_sentences"]

_BLANK_LINE = re.compile(r"\n\s*\n")


def split_sentences(text: str) -> list[str]:
    """Return the sentences of a text, without their outer blanks; none is empty.

    A blank line ends a sentence. Within paragraphs the Punkt algorithm (Kiss & Strunk 2006) tells
    the end of a sentence from abbreviations, initials and numbers, by what the `nupunkt` library
    has learnt of English; quotes and brackets stay with the sentence that they close. Joined by
    blanks, the sentences are the text but for its blanks.

    >>> split_sentences('Dr. J. Li paid $3.50 in the U.S. today. "Why?" she asked... Who knows!')
    ['Dr. J. Li paid $3.50 in the U.S. today.', '"Why?" she asked...', 'Who knows!']
    """
    return [
        stripped
        for paragraph in _BLANK_LINE.split(text)
        for sentence in _model().tokenize(paragraph)
        if (stripped := sentence.strip())
    ]


@cache
def _model() -> nupunkt.PunktSentenceTokenizer:
    return nupunkt.load_default_model()
