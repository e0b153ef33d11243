"""A trained run as a folder of files that other programs use, without this package."""

import json
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import regard
from regard.data.encoders import Encoder, SentenceEncoder, TextEncoder
from regard.data.grades import Grades
from regard.data.labels import Labels
from regard.data.tokenizers import SPECIALS, Tokenizer
from regard.exporting import (
    FORMATS,
    ExportError,
    Format,
    Program,
    Vocabularies,
    classifier_program,
    describe,
    matcher_program,
    translator_programs,
    write_ctranslate2,
    write_program,
)
from regard.exporting.ctranslate2 import difference
from regard.files import making
from regard.recipes.classify.system import ClassificationSystem
from regard.recipes.match.system import MatchingSystem
from regard.recipes.run import System, load
from regard.recipes.translate.system import TranslationSystem

__all__ = ["DESCRIPTION", "FORMAT", "TARGETS", "Exported", "export_run", "export_system"]

FORMAT = 1
"""The format of the description that this version writes."""

DESCRIPTION = "export.json"
"""The file that describes the others."""


class Exported(NamedTuple):
    """What was written, and by how much its results differ from the model's at most."""

    files: list[str]
    difference: float


def export_run(run: str | Path, to: str, folder: str | Path) -> Exported:
    """Write what a run has learnt to a new folder, as `export_system` does.

    Raises:
        RunError: the run cannot be opened.
    """
    return export_system(load(run), to, folder)


def export_system(system: System, to: str, folder: str | Path) -> Exported:
    """Write a system to a new folder: programs, tokenizers, and a description of them.

    Args:
        to: one of `TARGETS`.

    Raises:
        ExportError: a part of the model cannot be exported.
        FileExistsError: something stands at `folder`.
        ModuleNotFoundError: a package is missing that the format takes.
        ValueError: there is no such target.
    """
    if to not in TARGETS:
        raise ValueError(f"there is no export to {to!r}; there is one to {', '.join(TARGETS)}")
    with making(folder) as draft:
        difference = TARGETS[to](system, draft)
        return Exported(sorted(path.name for path in draft.iterdir()), difference)


def _write_programs(to: str, chosen: Format, system: System, folder: Path) -> float:
    for package in chosen.packages:
        import_module(package)
    programs, about = _taken_apart(system, folder)
    described = {program.name: describe(program, chosen) for program in programs}
    _describe(folder, {"to": to, **about, "programs": described})
    return max(write_program(program, folder, chosen) for program in programs)


def _write_ctranslate2(system: System, folder: Path) -> float:
    import_module("ctranslate2")
    if not isinstance(system, TranslationSystem):
        raise ExportError(f"CTranslate2 translates; this is a {type(system.model).__name__}")
    vocabularies = Vocabularies(_by_id(system.source_tokenizer), _by_id(system.target_tokenizer))
    write_ctranslate2(system.model, vocabularies, folder, max_len=system.max_len)
    _describe(folder, {"to": "ctranslate2", **_about_translator(system, folder)})
    return difference(system.model, vocabularies, folder)


TARGETS: dict[str, Callable[[System, Path], float]] = {
    **{name: partial(_write_programs, name, chosen) for name, chosen in FORMATS.items()},
    "ctranslate2": _write_ctranslate2,
}
"""What can be exported to: it fills a folder, and says by how much results differ at most."""


def _describe(folder: Path, about: dict[str, Any]) -> None:
    """Write what there is to know of the files in a folder."""
    description = {
        "format": FORMAT,
        "regard": regard.__version__,
        "special_ids": {name: id_ for id_, name in enumerate(SPECIALS)},
        **about,
    }
    text = json.dumps(description, indent=2, ensure_ascii=False) + "\n"
    (folder / DESCRIPTION).write_text(text, "utf-8")


def _by_id(tokenizer: Tokenizer) -> list[str]:
    """Return the tokens in the order of their ids."""
    vocab = tokenizer.vocab()
    return sorted(vocab, key=vocab.__getitem__)


def _taken_apart(system: System, folder: Path) -> tuple[Sequence[Program], dict[str, Any]]:
    """Write the tokenizers; return the programs, and what else there is to know.

    Raises:
        ExportError: the system is of a kind that has no programs.
    """
    if isinstance(system, ClassificationSystem):
        return _of_classifier(system, folder)
    if isinstance(system, TranslationSystem):
        return _of_translator(system, folder)
    if isinstance(system, MatchingSystem):
        return _of_matcher(system, folder)
    raise ExportError(
        f"a {type(system.model).__name__} cannot be exported; "
        "classifiers, matchers and translators can"
    )


def _of_classifier(
    system: ClassificationSystem, folder: Path
) -> tuple[Sequence[Program], dict[str, Any]]:
    encoder = _known(system.encoder)
    about = {
        "system": "classify",
        "logits": _logits(system.labels),
        **_about_reading(encoder, folder),
    }
    return [classifier_program(system.model, vocab=encoder.tokenizer.vocab_size)], about


def _of_matcher(system: MatchingSystem, folder: Path) -> tuple[Sequence[Program], dict[str, Any]]:
    encoder, features = _known(system.encoder), system.features
    about = {
        "system": "match",
        "logits": _logits(system.truth),
        **_about_reading(encoder, folder),
    }
    if features is not None:
        features.save(folder / "features.json")
        about["features"] = "features.json"
    program = matcher_program(
        system.model,
        vocab=encoder.tokenizer.vocab_size,
        num_features=0 if features is None else len(features.names),
    )
    return [program], about


def _of_translator(
    system: TranslationSystem, folder: Path
) -> tuple[Sequence[Program], dict[str, Any]]:
    programs = translator_programs(system.model, source_vocab=system.source_tokenizer.vocab_size)
    return programs, _about_translator(system, folder)


def _about_translator(system: TranslationSystem, folder: Path) -> dict[str, Any]:
    """Save the tokenizers, and say what there is to know besides programs."""
    source, target = system.source_tokenizer, system.target_tokenizer
    return {
        "system": "translate",
        "source_tokenizer": _saved(source, folder, "tokenizer.source.json"),
        "target_tokenizer": _saved(target, folder, "tokenizer.target.json"),
        "max_len": system.max_len,
    }


def _known(encoder: Encoder) -> TextEncoder | SentenceEncoder:
    """Return an encoder whose reading can be told.

    Raises:
        ExportError: it cannot.
    """
    if not isinstance(encoder, TextEncoder | SentenceEncoder):
        raise ExportError(f"what a {type(encoder).__name__} does cannot be exported")
    return encoder


def _about_reading(encoder: TextEncoder | SentenceEncoder, folder: Path) -> dict[str, Any]:
    """Save the tokenizer, and say how a text is read by it."""
    limits = {name: limit for name, limit in vars(encoder).items() if name != "tokenizer"}
    return {
        "tokenizer": _saved(encoder.tokenizer, folder, "tokenizer.json"),
        "reading": {"sentences": isinstance(encoder, SentenceEncoder), **limits},
    }


def _logits(labels: Labels | Grades) -> dict[str, Any]:
    """Say of what there are logits, and what makes probabilities, or shares, of them."""
    if isinstance(labels, Grades):
        return {"grades": [labels.low, labels.high], "activation": "sigmoid"}
    independent = labels.several or labels.num_outputs == 1
    return {
        "labels": labels.names,
        "of": labels.names[-labels.num_outputs :],
        "activation": "sigmoid" if independent else "softmax",
        "several": labels.several,
    }


def _saved(tokenizer: Tokenizer, folder: Path, name: str) -> str:
    tokenizer.save(folder / name)
    return name
