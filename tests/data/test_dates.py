import unicodedata
from datetime import date, timedelta

import pytest

from regard.data import KNOWN, generate_dates, load_named, write_date
from regard.data.dates import FIRST_DAY, FORMATS, LAST_DAY, LOCALES, Format

FRIDAY = date(1987, 3, 13)


@pytest.mark.parametrize(
    ("locale", "style", "text"),
    [
        ("de", "full", "Freitag, 13. März 1987"),
        ("de", "short", "13.03.87"),
        ("en-US", "long", "March 13, 1987"),
        ("en-US", "short", "3/13/87"),
        ("en-GB", "medium", "13 Mar 1987"),
        ("es", "long", "13 de marzo de 1987"),
        ("fr", "full", "vendredi 13 mars 1987"),
        ("hu", "long", "1987. március 13."),
        ("ja", "full", "1987年3月13日金曜日"),
        ("ko", "long", "1987년 3월 13일"),
        ("zh", "short", "1987/3/13"),
        ("fa", "short", "۱۹۸۷/۳/۱۳"),
        ("ar-EG", "long", "١٣ مارس ١٩٨٧"),
        ("bn", "short", "১৩/৩/৮৭"),
        ("mr", "short", "१३/३/८७"),
        ("ne", "long", "१९८७ मार्च १३"),
        ("my", "short", "၁၃/၃/၈၇"),
        ("th", "short", "13/3/87"),
    ],
)
def test_dates_are_written_as_the_locale_does(locale: str, style: Format, text: str) -> None:
    assert write_date(FRIDAY, locale, style) == f"{locale}: {text}"


def test_regions_have_names_of_their_own() -> None:
    day = date(2001, 1, 5)
    assert write_date(day, "de", "long") == "de: 5. Januar 2001"
    assert write_date(day, "de-AT", "long") == "de-AT: 5. Jänner 2001"


@pytest.mark.parametrize("locale", LOCALES)
def test_no_text_means_two_days(locale: str) -> None:
    # Numbers that can be taken for day, month and year, and every name of a month.
    days = [
        date(year, month, day)
        for year in (2001, 2002, 2003, 2011, 2012)
        for month in range(1, 13)
        for day in (1, 2, 3, 11, 12)
    ]
    meant: dict[str, date] = {}
    for day in days:
        for style in FORMATS:
            text = unicodedata.normalize("NFC", write_date(day, locale, style))
            assert meant.setdefault(text, day) == day


@pytest.mark.parametrize("locale", LOCALES)
def test_every_locale_writes_gregorian_days_in_digits_of_one_kind(locale: str) -> None:
    for style in FORMATS:
        text = write_date(date(1987, 12, 31), locale, style)
        digits = [character for character in text if character.isdigit()]
        zeros = {ord(character) - unicodedata.digit(character) for character in digits}
        number = "".join(str(unicodedata.digit(character)) for character in digits)
        assert len(zeros) == 1
        assert "87" in number
        assert "31" in number


def test_two_digit_years_are_unambiguous() -> None:
    assert LAST_DAY.replace(year=LAST_DAY.year - 99, month=1, day=1) == FIRST_DAY


def test_days_outside_the_century_are_refused() -> None:
    with pytest.raises(ValueError, match="day must be from 1950-01-01 to 2049-12-31, got 2050-"):
        write_date(LAST_DAY + timedelta(days=1), "de", "full")


def test_unknown_locales_are_refused() -> None:
    with pytest.raises(ValueError, match=r"must be one of regard\.data\.dates\.LOCALES, got 'xx'"):
        write_date(FRIDAY, "xx", "full")


def test_there_are_a_hundred_locales() -> None:
    assert len(set(LOCALES)) == len(LOCALES) == 100


def test_splits_share_no_locale_and_day() -> None:
    splits = generate_dates(6_000, 300, 500)
    assert [len(split.pairs) for split in splits] == [6_000, 300, 500]
    keys = [(pair.source.split(":")[0], pair.target) for split in splits for pair in split.pairs]
    assert len(set(keys)) == len(keys)
    assert {locale for locale, _ in keys} == set(LOCALES)


def test_a_source_says_the_day_of_its_target() -> None:
    for source, target in generate_dates(500, 0, 0).train.pairs:
        locale = source.split(":")[0]
        day = date.fromisoformat(target)
        assert source in {write_date(day, locale, style) for style in FORMATS}


def test_dates_are_decided_by_the_seed() -> None:
    assert generate_dates(50, 5, 5, seed=3) == generate_dates(50, 5, 5, seed=3)
    assert generate_dates(50, 5, 5, seed=3) != generate_dates(50, 5, 5, seed=4)


def test_too_many_dates_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 3,652,500 dates can be drawn, got 4,000,000"):
        generate_dates(4_000_000, 0, 0)


def test_dates_are_a_known_set() -> None:
    assert "dates" in KNOWN
    assert len(load_named("dates").train.pairs) == 60_000
