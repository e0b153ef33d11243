"""Names: words that are written with a capital wherever they stand."""

import re
from collections import Counter
from collections.abc import Iterable

__all__ = ["find_names"]

_TOKEN = re.compile(r"\w+|[^\w\s]")

_OPENS = frozenset('.!?"“”„(:-–—*')
"""After such a sign a capital says nothing: a sentence may begin."""


def find_names(texts: Iterable[str]) -> set[str]:
    """Return, in lower case, the words that mostly begin with a capital within sentences.

    Single letters and words all in capitals are not counted: I, TV, and what is shouted. Where
    every noun has a capital, as in German, these are nouns.

    >>> sorted(find_names(["We met Ann. She knows Bob.", "Then Bob shouted NO at us."]))
    ['ann', 'bob']
    """
    capital: Counter[str] = Counter()
    within: Counter[str] = Counter()
    for text in texts:
        before = "."
        for token in _TOKEN.findall(text):
            if before not in _OPENS and len(token) > 1:
                word = token.lower()
                within[word] += 1
                capital[word] += token[0].isupper() and not token.isupper()
            before = token
    return {word for word, number in capital.items() if 2 * number > within[word]}
