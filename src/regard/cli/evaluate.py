"""`regard evaluate`."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from rich.console import Console

from regard.cli.figures import confusion_table, figures_table
from regard.cli.heads import add_aligned_by, align_by
from regard.cli.parser import Parser, UsageError
from regard.data.links import read_links
from regard.data.plain_text import read_plain
from regard.interfaces import Pair
from regard.recipes.classify import parts as classify_parts
from regard.recipes.classify.settings import ClassifySettings
from regard.recipes.classify.system import ClassificationSystem
from regard.recipes.generate import parts as generate_parts
from regard.recipes.generate.settings import GenerateSettings
from regard.recipes.generate.system import GenerationSystem
from regard.recipes.match import parts as match_parts
from regard.recipes.match.settings import MatchSettings
from regard.recipes.match.system import MatchingSystem
from regard.recipes.run import load_as, read_settings
from regard.recipes.translate import parts as translate_parts
from regard.recipes.translate.alignments import alignment_figures
from regard.recipes.translate.settings import TranslateSettings
from regard.recipes.translate.system import TranslationSystem
from regard.training.run_directory import RunDirectory

__all__ = ["run"]

DESCRIPTION = """Score a trained run on its own data, or on other data.

  regard evaluate runs/subwords
  regard evaluate runs/subwords --split validation --beam 1
  regard evaluate runs/subwords --pairs other/test      (test.de and test.en in other/)
  regard evaluate runs/subwords --pairs other/test --links other/test.links
  regard evaluate runs/ngram --texts other.csv
  regard evaluate runs/abcnn3 --pairs answers.tsv --group question
  regard evaluate runs/characters --texts other.txt

Of a translator: perplexity, teacher-forced, and BLEU twice: sacreBLEU with its signature, and over
lowercased words and punctuation marks, for comparison with published figures on Multi30k; how
widely it looks at the source; and with --links the alignment error rate against known word links.
Of a matcher: the same as of a classifier, and MAP and MRR where pairs are ranked, or correlations
where they are graded. Of a classifier: accuracy, macro F1, the expected calibration error, and
which classes it confuses. Of a language model: perplexity, by its own tokens, and bits per
character, which can be compared between vocabularies."""

OF_TRANSLATORS = (
    "pairs",
    "links",
    "beam",
    "length_penalty",
    "coverage_penalty",
    "layer",
    "head",
)


def run(words: list[str]) -> int:
    """Score a split and print the figures."""
    given = _parser().parse_args(words)
    _check(given)
    settings = read_settings(RunDirectory(given.run))
    if isinstance(settings, ClassifySettings):
        title, scores = _of_classifier(given, settings)
    elif isinstance(settings, GenerateSettings):
        title, scores = _of_generator(given, settings)
    elif isinstance(settings, MatchSettings):
        title, scores = _of_matcher(given, settings)
    else:
        title, scores = _of_translator(given, settings)
    if given.json:
        print(json.dumps({title: scores}))
        return 0
    console = Console(highlight=False)
    console.print(figures_table({title: scores}))
    if "confusion" in scores:
        console.print(confusion_table(scores["classes"], scores["confusion"]))
    return 0


def _parser() -> Parser:
    parser = Parser(prog="regard evaluate", description=DESCRIPTION)
    parser.add_argument("run", type=Path, help="a run directory of regard train")
    parser.add_argument(
        "--split",
        choices=["test", "validation"],
        default="test",
        help="which of the run's own data",
    )
    parser.add_argument(
        "--pairs",
        type=Path | None,
        help="of a translator or matcher: other pairs, as --data.train takes them",
    )
    parser.add_argument(
        "--group",
        type=str | None,
        help="of a matcher: the column by which --pairs are ranked; else the run's",
    )
    parser.add_argument(
        "--links",
        type=Path | None,
        help="of a translator: which words belong together, a line for each pair: 0-0 1-2 (sure), "
        "2?1 (possible)",
    )
    parser.add_argument(
        "--texts",
        type=Path | None,
        help="of a classifier or language model: other texts, as --data.train takes them",
    )
    parser.add_argument(
        "--folder", type=Path | None, help="where the run's data lies now, if it has moved"
    )
    parser.add_argument(
        "--beam", type=int | None, help="of a translator: hypotheses at once; else the run's"
    )
    parser.add_argument(
        "--length_penalty",
        type=float | None,
        help="of a translator: above 0 favours longer; else the run's",
    )
    parser.add_argument(
        "--coverage_penalty",
        type=float | None,
        help="of a translator: above 0 favours looking at all of the source; else the run's",
    )
    add_aligned_by(parser)
    parser.add_device()
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def _check(given: Any) -> None:
    for other in ("texts", "pairs"):
        if given.folder is not None and given[other] is not None:
            raise UsageError(
                f"--folder says where the run's own data lies; leave it out with --{other}"
            )


def _refuse(given: Any, kind: str, *flags: str) -> None:
    for flag in flags:
        if given[flag] is not None:
            raise UsageError(f"{given.run} holds a {kind}, which --{flag} is not for")


def _of_classifier(given: Any, settings: ClassifySettings) -> tuple[str, dict[str, Any]]:
    _refuse(given, "classifier", *OF_TRANSLATORS, "group")
    system = load_as(ClassificationSystem, given.run, device=given.device)
    if given.texts is not None:
        title, texts = str(given.texts), classify_parts.load_texts(given.texts, settings.data)
    else:
        splits = classify_parts.load_splits(_moved(settings.data, given))
        title, chosen = given.split, getattr(splits, given.split)
        if chosen is None:
            raise UsageError(f"{given.run} was trained without a test set; score other --texts")
        texts = chosen
    # Imported here: it brings in Lightning, which mistakes need not wait for.
    from regard.data.corpus import encode_corpus
    from regard.recipes.classify.train import evaluate_classifier

    return title, evaluate_classifier(system, encode_corpus(texts, system.encoder, system.labels))


def _of_generator(given: Any, settings: GenerateSettings) -> tuple[str, dict[str, Any]]:
    _refuse(given, "language model", *OF_TRANSLATORS, "group", "folder")
    system = load_as(GenerationSystem, given.run, device=given.device)
    if given.texts is not None:
        title, text = str(given.texts), read_plain(given.texts)
    else:
        splits = generate_parts.load_splits(settings.data)
        title, chosen = given.split, getattr(splits, given.split)
        if chosen is None:
            raise UsageError(f"{given.run} was trained without a test text; score other --texts")
        text = chosen
    # Imported here: it brings in Lightning, which mistakes need not wait for.
    from regard.recipes.generate.train import evaluate_text

    return title, evaluate_text(system, text, settings)


def _of_matcher(given: Any, settings: MatchSettings) -> tuple[str, dict[str, Any]]:
    _refuse(given, "matcher", "texts", *(flag for flag in OF_TRANSLATORS if flag != "pairs"))
    system = load_as(MatchingSystem, given.run, device=given.device)
    if given.pairs is not None:
        group = settings.data.group if given.group is None else given.group
        columns = dataclasses.replace(settings.data, group=group)
        title, rows = str(given.pairs), match_parts.load_rows(given.pairs, columns)
    elif given.group is not None:
        raise UsageError("--group is a column of --pairs; give these too")
    else:
        splits = match_parts.load_splits(_moved(settings.data, given))
        title, chosen = given.split, getattr(splits, given.split)
        if chosen is None:
            raise UsageError(f"{given.run} was trained without a test set; score other --pairs")
        rows = chosen
    # Imported here: it brings in torchmetrics, which mistakes need not wait for.
    from regard.recipes.match.figures import evaluate_rows

    return title, evaluate_rows(system, rows)


def _of_translator(given: Any, settings: TranslateSettings) -> tuple[str, dict[str, Any]]:
    _refuse(given, "translator", "texts", "group")
    decoding = {
        "beam_size": given.beam,
        "length_penalty": given.length_penalty,
        "coverage_penalty": given.coverage_penalty,
    }
    asked = {name: value for name, value in decoding.items() if value is not None}
    settings = dataclasses.replace(
        settings,
        decoding=dataclasses.replace(settings.decoding, **asked),
        data=_moved(settings.data, given),
    )
    system = load_as(TranslationSystem, given.run, device=given.device)
    align_by(system, given)
    title, pairs = _pairs(given, settings)
    links = None if given.links is None else read_links(given.links, pairs)
    # Imported here: it brings in Lightning, which mistakes need not wait for.
    from regard.recipes.translate.train import evaluate_translator

    figures = evaluate_translator(system, pairs, settings)
    if links is not None:
        figures |= alignment_figures(system, pairs, links)
    return title, figures


def _moved(data: Any, given: Any) -> Any:
    if given.folder is None:
        return data
    if data.train is not None:
        raise UsageError(
            f"{given.run} learnt from {data.train}, and --folder is for data sets with a name; "
            "score --texts or --pairs"
        )
    return dataclasses.replace(data, folder=given.folder)


def _pairs(given: Any, settings: TranslateSettings) -> tuple[str, list[Pair]]:
    if given.pairs is not None:
        return str(given.pairs), translate_parts.load_pairs(given.pairs, settings.data)
    splits = translate_parts.load_splits(settings.data)
    pairs = (splits.test if given.split == "test" else splits.validation).pairs
    if not pairs:
        raise UsageError(f"{given.run} was trained without a test set; score other --pairs")
    return given.split, pairs
