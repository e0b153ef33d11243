"""Dates as a hundred locales write them, to be read as ISO 8601: data that needs no download.

A source is the locale's tag, a colon, and a day of the Gregorian calendar in one of the four
formats that Unicode's CLDR gives the locale, in the locale's digits; its target is `YYYY-MM-DD`:

    de-AT: Samstag, 3. Jänner 1987      1987-01-03
    en-US: 1/3/87                       1987-01-03

The tag always stands, because text alone is ambiguous: `1/3/87` is another day in Spain, and
`listopad` is October in Croatian but November in Polish. With it nothing is: within a locale no two
days between `FIRST_DAY` and `LAST_DAY` are written alike, two-digit years included, since the days
span one hundred years (50-99 are 1950-1999, 00-49 are 2000-2049).
"""

import random
from datetime import date, timedelta
from functools import cache
from typing import Literal, get_args

from babel import Locale

from regard.data.parallel import ParallelText
from regard.data.splits import Splits
from regard.interfaces import Pair

__all__ = ["FIRST_DAY", "FORMATS", "LAST_DAY", "LOCALES", "Format", "generate_dates", "write_date"]

FIRST_DAY, LAST_DAY = date(1950, 1, 1), date(2049, 12, 31)
_NUM_DAYS = (LAST_DAY - FIRST_DAY).days + 1

Format = Literal["full", "long", "medium", "short"]
FORMATS: tuple[Format, ...] = get_args(Format)

_TAGS = """
    af am ar ar-EG as az be bg bn bs ca ckb cs cy da de de-AT el en-CA en-GB en-US en-ZA es es-MX et
    eu fa fi fil fr fr-CA fy ga gd gl gu he hi hr hu hy id ig is it ja jv ka kk km kn ko ky lb lo lt
    lv mk ml mn mr ms mt my nb ne nl nn or pa pl ps pt pt-PT ro ru sd si sk sl so sq sr sr-Latn sv
    sw ta te th tk tr uk ur uz vi yo yue zh zh-Hant zu
"""
LOCALES = tuple(_TAGS.split())

_ZEROS = {"arab": "٠", "arabext": "۰", "beng": "০", "deva": "०", "latn": "0", "mymr": "၀"}
"""The zero of each numbering system that `LOCALES` use; the other digits follow it in Unicode."""


def write_date(day: date, locale: str, style: Format) -> str:
    """Write a day as `locale` does, behind the locale's tag.

    Raises:
        ValueError: if the day is not between `FIRST_DAY` and `LAST_DAY`, or the locale is not one
            of `LOCALES`.
    """
    if locale not in LOCALES:
        raise ValueError(f"locale must be one of regard.data.dates.LOCALES, got {locale!r}")
    if not FIRST_DAY <= day <= LAST_DAY:
        raise ValueError(f"day must be from {FIRST_DAY} to {LAST_DAY}, got {day}")
    names, digits = _conventions(locale)
    # Babel fills the pattern with ASCII digits, whatever the locale's own are.
    text = names.date_formats[style].apply(day, names).translate(digits)
    return f"{locale}: {text}"


def generate_dates(
    num_train: int = 60_000, num_validation: int = 1_000, num_test: int = 2_000, *, seed: int = 0
) -> Splits:
    """Draw different (locale, day) pairs by `seed`, each written in one random format.

    No pair stands twice, so none of validation or test is in train, in whatever format.

    Raises:
        ValueError: if more pairs are asked for than there are.
    """
    num_pairs, num_all = num_train + num_validation + num_test, len(LOCALES) * _NUM_DAYS
    if num_pairs > num_all:
        raise ValueError(f"at most {num_all:,} dates can be drawn, got {num_pairs:,}")
    rng = random.Random(seed)
    drawn = rng.sample(range(num_all), num_pairs)
    pairs = [_pair(number, rng.choice(FORMATS)) for number in drawn]
    first_test = num_train + num_validation
    return Splits(
        train=ParallelText(pairs[:num_train]),
        validation=ParallelText(pairs[num_train:first_test]),
        test=ParallelText(pairs[first_test:]),
    )


def _pair(number: int, style: Format) -> Pair:
    locale, offset = divmod(number, _NUM_DAYS)
    day = FIRST_DAY + timedelta(days=offset)
    return Pair(write_date(day, LOCALES[locale], style), day.isoformat())


@cache
def _conventions(tag: str) -> tuple[Locale, dict[int, str]]:
    locale = Locale.parse(tag, sep="-")
    zero = ord(_ZEROS[locale.default_numbering_system])
    return locale, {ord(str(digit)): chr(zero + digit) for digit in range(10)}
