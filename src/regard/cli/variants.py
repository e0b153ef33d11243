"""Variants as they are typed: ours by name, and one's own from a file."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import yaml  # type: ignore[import-untyped]

from regard.cli.parser import Parser, UsageError
from regard.cli.recipe_settings import add_groups, settings_of
from regard.recipes.kept import differences

__all__ = ["REMEDY", "chosen_variants"]

Settings = TypeVar("Settings")

REMEDY = "write a variant of your own in a YAML file"
"""What to do about a setting that does not go with variants of ours."""

SEARCH = "decoding."
"""What the names of settings begin with by which translations are searched for."""

SAME_FOR_ALL = (
    *("data.", "vocabulary.", SEARCH),
    *("training.epochs", "training.max_tokens", "training.max_sentences", "training.accumulate"),
    *("training.seed", "training.precision", "training.accelerator", "training.devices"),
)
"""What settings begin with without which figures could not be compared."""


def chosen_variants(
    asked: Sequence[str], ours: Mapping[str, Callable[[Settings], Settings]], shared: Settings
) -> dict[str, Settings]:
    """Return the settings of variants by name, in the order in which they are asked for.

    Args:
        asked: names of ours, and YAML files, which hold any number.

    Raises:
        UsageError: there is no such variant, two have one name, or one's settings cannot be used.
    """
    found: list[tuple[str, Settings]] = []
    for word in asked:
        if Path(word).suffix.lower() in (".yaml", ".yml"):
            found += _from_file(Path(word), shared)
        elif word in ours:
            found.append((word, _ours(word, ours[word], shared)))
        else:
            nearest = get_close_matches(word, ours, n=1, cutoff=0)[0]
            raise UsageError(
                f"no variant {word}; did you mean {nearest}? There are {', '.join(ours)}, and "
                "those of your own in a .yaml file"
            )
    # By case alone some file systems do not tell the folders of two apart.
    [(folded, number)] = Counter(name.casefold() for name, _ in found).most_common(1)
    if number > 1:
        names = dict.fromkeys(name for name, _ in found if name.casefold() == folded)
        raise UsageError(
            f"{number} variants are called {' or '.join(names)}; each needs a name of its own, "
            "upper case aside"
        )
    return dict(found)


def _ours(name: str, variant: Callable[[Settings], Settings], shared: Settings) -> Settings:
    try:
        return variant(shared)
    except ValueError as error:
        raise UsageError(f"variant {name}: {error}; {REMEDY}") from None


def _from_file(path: Path, shared: Settings) -> list[tuple[str, Settings]]:
    """Read variants: under each name, the settings that are its own."""
    try:
        content = yaml.load(path.read_text("utf-8"), _OncePerName)  # noqa: S506, it is a safe one
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"{path} holds no variants in YAML: {error}") from None
    if not isinstance(content, dict) or not content:
        raise UsageError(
            f"{path} holds no variants; write a name and, indented below it, the settings that "
            "are its own, such as model: {score: bilinear}"
        )
    return [(name, _own(path, name, changes, shared)) for name, changes in content.items()]


def _own(path: Path, name: object, changes: object, shared: Settings) -> Settings:
    """Return the shared settings with the changes of a variant."""
    if not isinstance(name, str) or not re.fullmatch(r"\w[\w-]*", name):
        raise UsageError(
            f"{path}: a variant cannot be called {name!r}: its folder is called so too; use "
            "letters, digits, - and _"
        )
    if changes is not None and not isinstance(changes, dict):
        raise UsageError(f"{path}, variant {name}: settings go in groups; got {changes}")
    parser = Parser(prog="")
    add_groups(parser, shared)
    try:
        settings = settings_of(parser, parser.parse_object(changes or {}), shared)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{path}, variant {name}: {error}") from None
    for key in differences(shared, settings):
        if key.startswith(SAME_FOR_ALL):
            why = ", lest BLEU be that of different searches" if key.startswith(SEARCH) else ""
            raise UsageError(
                f"{path}, variant {name}: {key} must be the same for all variants{why}; set it by "
                f"the flag --{key}"
            )
    return settings


class _OncePerName(yaml.SafeLoader):  # type: ignore[misc]
    """A loader of YAML that refuses two of one name, where others take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
        [(name, number)] = names.most_common(1) or [("", 0)]
        if number > 1:
            raise yaml.YAMLError(f"{name} stands there {number} times")
        held: dict[Any, Any] = super().construct_mapping(node, deep)
        return held
