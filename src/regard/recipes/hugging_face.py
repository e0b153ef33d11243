"""Models of Hugging Face, opened to see where their heads look."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from regard.decoding.lengths import longest_hypothesis
from regard.functional import masks
from regard.functional.masks import Window
from regard.inspection.head_weights import HeadWeights
from regard.inspection.record import Record, record
from regard.recipes.heads import EMPTY

__all__ = ["LONGEST", "HuggingFaceSystem", "ModelError", "open_hugging_face"]

LONGEST = 4096
"""How many tokens are read by a model that knows no limit."""


class ModelError(ValueError):
    """A model of Hugging Face cannot be opened; the message says why."""


class HuggingFaceSystem:
    """A model of Hugging Face with its tokenizer.

    Args:
        longest: how many tokens a text may have.
    """

    def __init__(self, model: nn.Module, tokenizer: Any, *, longest: int) -> None:
        self.model: Any = model
        self.tokenizer = tokenizer
        self.longest = longest

    @torch.no_grad()
    def heads(self, text: str, pair: str | None = None) -> list[HeadWeights]:
        """Return where every head of every layer looks while the model reads a text.

        A model with an encoder and a decoder also writes, greedily, and what it has written is read
        by its decoder.

        Args:
            pair: a second text that is read with the first, as the tokenizer joins them.

        Raises:
            ValueError: the text is empty or too long, or the weights of the model cannot be known.
        """
        given = self._given(text, pair)
        with _quiet():
            return self._of_writing(given) if _writes(self.model) else self._of_reading(given)

    def _given(self, text: str, pair: str | None) -> dict[str, Tensor]:
        """Return what the model is given: ids, and what else the tokenizer makes for it."""
        read = self.tokenizer(text, pair, return_tensors="pt", verbose=False)
        ids = read["input_ids"][0].tolist()
        if not set(ids) - set(self.tokenizer.all_special_ids):
            raise ValueError(EMPTY)
        if len(ids) > self.longest:
            raise ValueError(
                f"the text has {len(ids)} tokens, and the model reads up to {self.longest}: "
                "shorten it"
            )
        return {
            name: tensor.to(self.model.device)
            for name, tensor in read.items()
            if _takes(self.model, name)
        }

    def _of_reading(self, given: dict[str, Tensor]) -> list[HeadWeights]:
        with record(self.model) as seen:
            self.model(**given)
        tokens = self._tokens(given["input_ids"])
        layers = {name: self.model.get_submodule(name) for name in seen.layers if len(seen[name])}
        mask = _causal(len(tokens)) if all(map(_is_causal, layers.values())) else None
        return [HeadWeights("self-attention", _weights(seen, list(layers)), tokens, tokens, mask)]

    def _of_writing(self, given: dict[str, Tensor]) -> list[HeadWeights]:
        source = self._tokens(given["input_ids"])
        limit = max(1, min(longest_hypothesis(len(source)), self.longest - 1))
        written = self.model.generate(**given, max_new_tokens=limit, num_beams=1, do_sample=False)
        with record(self.model) as seen:
            self.model(**given, decoder_input_ids=written[:, :-1])
        target, following = self._tokens(written[:, :-1]), self._tokens(written[:, 1:])
        encoder, decoder, of_source = (
            _weights(seen, names) for names in _parts(self.model, seen.layers)
        )
        before = _causal(len(target))
        return [
            HeadWeights("encoder self-attention", encoder, source, source),
            HeadWeights("decoder self-attention", decoder, target, target, before),
            HeadWeights("cross-attention, target to source", of_source, following, source),
        ]

    def _tokens(self, ids: Tensor) -> list[str]:
        """Return the text of each token, sub-words with the marks of their tokenizer."""
        numbers: list[int] = ids[0].tolist()
        known = self.tokenizer.convert_ids_to_tokens(numbers)
        # Models may have room for more tokens than there are.
        tokens = [
            f"<{number}>" if token is None else token
            for number, token in zip(numbers, known, strict=True)
        ]
        backend = getattr(self.tokenizer, "backend_tokenizer", None)
        if "ByteLevel" not in str(getattr(backend, "decoder", "")):
            return tokens
        # Their names stand for bytes, which nobody can read.
        return [
            self.tokenizer.decode([number]) or token
            for number, token in zip(numbers, tokens, strict=True)
        ]


def open_hugging_face(path_or_name: str | Path) -> HuggingFaceSystem:
    """Open a model with its tokenizer, from a folder or by its name on the Hugging Face hub.

    Nothing that comes with the model is run: weights are read from safetensors, and models that
    need code of their own are refused.

    Raises:
        ModelError: transformers is not installed; there is no such model, it is damaged or has no
            tokenizer, or it does not read text.
    """
    transformers = _transformers()
    name = str(path_or_name)
    folder = Path(path_or_name).expanduser()
    if folder.is_file():
        raise ModelError(f"{name} is a file; name the folder of the model")
    given: dict[str, Any] = {"trust_remote_code": False, "local_files_only": folder.is_dir()}
    where = str(folder) if folder.is_dir() else name
    with _quiet(shows_bars=not folder.is_dir()):
        config = _loaded(name, lambda: transformers.AutoConfig.from_pretrained(where, **given))
        tokenizer = _tokenizer(
            name, lambda: transformers.AutoTokenizer.from_pretrained(where, **given)
        )
        auto = transformers.AutoModel
        if config.is_encoder_decoder:
            auto = transformers.AutoModelForSeq2SeqLM
        given |= {"use_safetensors": True, "dtype": torch.float32, "output_loading_info": True}
        model, loading = _loaded(name, lambda: auto.from_pretrained(where, **given))
    _check(name, model, loading)
    return HuggingFaceSystem(model.eval(), tokenizer, longest=_longest(model, tokenizer))


def _transformers() -> Any:
    try:
        return import_module("transformers")
    except ModuleNotFoundError:
        raise ModelError(
            "models of Hugging Face are opened by transformers: pip install transformers"
        ) from None


def _loaded(name: str, load: Callable[[], Any]) -> Any:
    """Load a part of a model, and say in one line what is wrong with it."""
    from safetensors import SafetensorError

    try:
        return load()
    except (
        AttributeError,
        ImportError,
        KeyError,
        OSError,
        RuntimeError,
        SafetensorError,
        TypeError,
        ValueError,
    ) as error:
        reason = str(error).strip().partition("\n")[0]
        where = "" if Path(name).expanduser().is_dir() else "there is no such folder, and "
        raise ModelError(f"{name} cannot be opened: {where}{reason}") from None


def _tokenizer(name: str, load: Callable[[], Any]) -> Any:
    try:
        tokenizer = _loaded(name, load)
    except ModelError as error:
        raise ModelError(f"{name} has no tokenizer that can be read: {error}") from None
    # Where there are no files of one, some are made up of nothing but special tokens.
    if len(tokenizer) <= len(tokenizer.all_special_ids):
        raise ModelError(f"{name} has no tokenizer: save it beside the model")
    return tokenizer


def _check(name: str, model: Any, loading: Mapping[str, Any]) -> None:
    """Refuse a model that reads no text, or whose weights are not all there.

    What stands on top of the layers, as poolers do, does not matter.
    """
    if not _takes(model, "input_ids"):
        raise ModelError(f"{name} holds a {type(model).__name__}, which reads no text")
    missing = sorted(key for key in loading["missing_keys"] if "pooler" not in key)
    if missing:
        raise ModelError(
            f"{name} lacks {len(missing)} of the weights of a {type(model).__name__}, {missing[0]} "
            "among them"
        )


def _takes(model: Any, name: str) -> bool:
    # Decoders that know no types of tokens would take them for words.
    if name == "token_type_ids" and not hasattr(model.config, "type_vocab_size"):
        return False
    return name in signature(model.forward).parameters


def _longest(model: Any, tokenizer: Any) -> int:
    """Return how many tokens the model can read."""
    limits = [tokenizer.model_max_length, getattr(model.config, "max_position_embeddings", None)]
    for name, layer in model.named_modules():
        # Positions that are counted from behind the number that padding has.
        if name.endswith("position_embeddings") and getattr(layer, "padding_idx", None) is not None:
            limits.append(layer.num_embeddings - layer.padding_idx - 1)
    known = [limit for limit in limits if limit is not None and 0 < limit < UNLIMITED]
    return min(known, default=LONGEST)


UNLIMITED = 10**9
"""Lengths above are no limits: it is how tokenizers say that they know none."""


def _writes(model: Any) -> bool:
    return bool(model.config.is_encoder_decoder)


def _is_causal(layer: Any) -> bool:
    return bool(getattr(layer, "is_causal", True))


def _causal(length: int) -> Tensor | None:
    return masks.dense(Window(None, 0), length, length)


def _parts(model: Any, layers: list[str]) -> tuple[list[str], list[str], list[str]]:
    """Return the layers of the encoder, of the decoder, and those that read the source."""
    of_encoder = set(model.get_encoder().modules())
    encoder = [name for name in layers if model.get_submodule(name) in of_encoder]
    others = [name for name in layers if name not in encoder]
    decoder = [name for name in others if _is_causal(model.get_submodule(name))]
    return encoder, decoder, [name for name in others if name not in decoder]


def _weights(seen: Record, names: list[str]) -> list[Tensor]:
    """Return the weights of each layer, `heads query key`, of one that is shared in each place."""
    calls = [(seen[name], call) for name in names for call in range(len(seen[name]))]
    return [layer.weights(call)[0].float().cpu() for layer, call in calls]


@contextmanager
def _quiet(*, shows_bars: bool = False) -> Iterator[None]:
    """Let transformers say nothing that is no error; it would stand among what is shown here.

    Args:
        shows_bars: how far a download has come may be shown.
    """
    logging = import_module("transformers.utils.logging")
    verbosity, had_bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    if had_bars and not shows_bars:
        logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if had_bars:
            logging.enable_progress_bar()
