"""Models of Hugging Face from a folder: where their heads look, and what is wrong with a folder."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from torch import nn
from transformers import PreTrainedTokenizerFast
from transformers.utils import logging

from regard.inspection.head_weights import HeadWeights
from regard.recipes.hugging_face import LONGEST, ModelError, open_hugging_face
from tests.inspection import foreign_models

WORDS = ["<pad>", "<s>", "</s>", "<unk>", "the", "cat", "sat", "on", "a", "mat", ".", "it", "ran"]
VOCAB = [*WORDS, *(f"<{number}>" for number in range(len(WORDS), foreign_models.VOCAB))]
"""What the models know; the tokenizer does not know all of it."""

TEXT = "the cat sat on a mat ."
READ = ["<s>", *TEXT.split(), "</s>"]


def tokenizer(**options: Any) -> PreTrainedTokenizerFast:
    """Make one that knows a few words, and puts what begins and ends around a text."""
    words = Tokenizer(
        models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="<unk>")
    )
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> $B:1 </s>:1",
        special_tokens=[("<s>", 1), ("</s>", 2)],
    )
    names = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    return PreTrainedTokenizerFast(tokenizer_object=words, **names, **options)


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    def save(model: Any, words: PreTrainedTokenizerFast | None = None) -> Path:
        folder = tmp_path / "model"
        model.save_pretrained(folder)
        (words or tokenizer()).save_pretrained(folder)
        return folder

    return save


def said_by(model: Any, **given: Any) -> Any:
    """Return what the model gives out when it attends eagerly."""
    model.set_attn_implementation("eager")
    with torch.no_grad():
        return model(**given, output_attentions=True)


def check_same(found: HeadWeights, wanted: tuple[torch.Tensor, ...]) -> None:
    assert len(found.layers) == len(wanted)
    for weights, expected in zip(found.layers, wanted, strict=True):
        torch.testing.assert_close(weights, expected[0], rtol=0, atol=1e-5)


def test_heads_of_an_encoder(save: Callable[..., Path]) -> None:
    system = open_hugging_face(save(foreign_models.bert()))
    assert system.model.config._attn_implementation == "sdpa"
    (found,) = system.heads(TEXT)
    assert (found.name, found.query, found.key, found.mask) == ("self-attention", READ, READ, None)
    ids = torch.tensor([[1, 4, 5, 6, 7, 8, 9, 10, 2]])
    check_same(found, said_by(system.model, input_ids=ids).attentions)


def test_a_pair_is_read_as_one(save: Callable[..., Path]) -> None:
    words = tokenizer(model_input_names=["input_ids", "token_type_ids", "attention_mask"])
    system = open_hugging_face(str(save(foreign_models.bert(), words)))
    (found,) = system.heads("the cat", "it ran")
    assert found.query == ["<s>", "the", "cat", "</s>", "it", "ran", "</s>"]
    given = {
        "input_ids": torch.tensor([[1, 4, 5, 2, 11, 12, 2]]),
        "token_type_ids": torch.tensor([[0, 0, 0, 0, 1, 1, 1]]),
    }
    check_same(found, said_by(system.model, **given).attentions)


@pytest.mark.parametrize("make", [foreign_models.llama, foreign_models.gpt2])
def test_heads_of_a_decoder(make: Callable[[], Any], save: Callable[..., Path]) -> None:
    words = tokenizer(model_input_names=["input_ids", "token_type_ids", "attention_mask"])
    system = open_hugging_face(save(make(), words))
    (found,) = system.heads(TEXT)
    assert (found.name, found.query) == ("self-attention", READ)
    assert found.mask is not None
    assert torch.equal(found.mask, torch.ones(9, 9, dtype=torch.bool).tril())
    ids = torch.tensor([[1, 4, 5, 6, 7, 8, 9, 10, 2]])
    check_same(found, said_by(system.model, input_ids=ids).attentions)


@pytest.mark.parametrize("make", [foreign_models.t5, foreign_models.bart])
def test_heads_of_an_encoder_and_a_decoder(
    make: Callable[[], Any], save: Callable[..., Path]
) -> None:
    system = open_hugging_face(save(make()))
    encoder, decoder, source = system.heads(TEXT)
    names = (
        "encoder self-attention",
        "decoder self-attention",
        "cross-attention, target to source",
    )
    assert (encoder.name, decoder.name, source.name) == names
    assert encoder.query == encoder.key == source.key == READ
    # What is written at a position is what is read at the next.
    assert source.query[:-1] == decoder.query[1:] == decoder.key[1:]
    assert decoder.mask is not None
    assert torch.equal(decoder.mask, torch.ones(decoder.mask.shape, dtype=torch.bool).tril())
    ids = torch.tensor([[1, 4, 5, 6, 7, 8, 9, 10, 2]])
    written = torch.tensor([[VOCAB.index(word) for word in decoder.query]])
    out = said_by(system.model, input_ids=ids, decoder_input_ids=written)
    check_same(encoder, out.encoder_attentions)
    check_same(decoder, out.decoder_attentions)
    check_same(source, out.cross_attentions)
    best = out.logits[0].argmax(-1).tolist()
    # The last token may be one that ends what has become too long.
    assert source.query[:-1] == [VOCAB[number] for number in best[:-1]]


def test_layers_that_are_shared_stand_in_every_place(save: Callable[..., Path]) -> None:
    config = transformers.AlbertConfig(**foreign_models.SIZES, embedding_size=16)
    system = open_hugging_face(save(foreign_models.sharp(transformers.AlbertModel(config))))
    (found,) = system.heads(TEXT)
    assert len(found.layers) == config.num_hidden_layers == 2
    assert not torch.equal(*found.layers)


def test_sub_words_of_bytes_are_readable(save: Callable[..., Path]) -> None:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {word: number for number, word in enumerate(["<s>", "</s>", *alphabet])}
    backend = Tokenizer(models.BPE(vocab=vocab, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    words = PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", eos_token="</s>")
    config = transformers.LlamaConfig(**{**foreign_models.SHARED, "vocab_size": len(vocab)})
    model = foreign_models.sharp(transformers.LlamaModel(config))
    (found,) = open_hugging_face(save(model, words)).heads("a b<s>c")
    assert found.query == ["a", " ", "b", "<s>", "c"]


@pytest.mark.parametrize("text", ["", " \n"])
def test_a_text_without_tokens_is_refused(text: str, save: Callable[..., Path]) -> None:
    system = open_hugging_face(save(foreign_models.bert()))
    with pytest.raises(ValueError, match="an empty text has no token"):
        system.heads(text)


@pytest.mark.parametrize(
    ("make", "options", "longest"),
    [
        (foreign_models.bert, {}, 64),
        (foreign_models.bert, {"model_max_length": 8}, 8),
        (foreign_models.t5, {}, LONGEST),
        (foreign_models.gpt2, {}, 64),
    ],
)
def test_no_more_is_read_than_the_model_can(
    make: Callable[[], Any], options: dict[str, int], longest: int, save: Callable[..., Path]
) -> None:
    system = open_hugging_face(save(make(), tokenizer(**options)))
    assert system.longest == longest
    said = f"the text has {longest + 1} tokens, and the model reads up to {longest}: shorten it"
    with pytest.raises(ValueError, match=said):
        system.heads("cat " * (longest - 1))
    if longest < LONGEST:
        assert len(system.heads("cat " * (longest - 2))[0].query) == longest


def test_positions_that_padding_takes_are_not_counted(save: Callable[..., Path]) -> None:
    config = transformers.RobertaConfig(**foreign_models.SIZES, pad_token_id=1)
    system = open_hugging_face(save(foreign_models.sharp(transformers.RobertaModel(config))))
    assert system.longest == 62
    assert len(system.heads("cat " * 60)[0].query) == 62


def check_refused(path: Path | str, said: str) -> None:
    with pytest.raises(ModelError, match=said) as caught:
        open_hugging_face(path)
    assert "\n" not in str(caught.value)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    check_refused(tmp_path, r"cannot be opened: Unrecognized model in .*config\.json")
    (tmp_path / "config.json").write_text("{")
    check_refused(
        tmp_path, "cannot be opened: It looks like the config file .* is not a valid JSON"
    )
    (tmp_path / "config.json").write_text('{"model_type": "of my own"}')
    check_refused(
        tmp_path, "cannot be opened: The checkpoint .* does not recognize this architecture"
    )
    check_refused(tmp_path / "config.json", "is a file; name the folder of the model")
    check_refused(tmp_path / "nothing", "cannot be opened: there is no such folder, and ")


def test_code_that_comes_with_a_model_is_not_run(save: Callable[..., Path]) -> None:
    folder = save(foreign_models.bert())
    ran = folder / "ran"
    (folder / "of_its_own.py").write_text(f"open({str(ran)!r}, 'w')\nclass Config: pass\n")
    config = {"model_type": "of its own", "auto_map": {"AutoConfig": "of_its_own.Config"}}
    (folder / "config.json").write_text(json.dumps(config))
    check_refused(folder, "cannot be opened: .* contains custom code")
    assert not ran.exists()


def test_no_pickle_is_read(save: Callable[..., Path]) -> None:
    model = foreign_models.bert()
    folder = save(model)
    (folder / "model.safetensors").unlink()
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    check_refused(folder, r"cannot be opened: Error no file named model\.safetensors")


def test_damaged_weights_are_refused(save: Callable[..., Path]) -> None:
    folder = save(foreign_models.bert())
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    check_refused(folder, "cannot be opened: Error while deserializing header")


def test_missing_weights_are_refused(save: Callable[..., Path]) -> None:
    folder = save(foreign_models.bert())
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 3}))
    check_refused(folder, r"lacks 16 of the weights of a BertModel, encoder\.layer\.2\.attention")


def test_what_stands_on_top_of_a_model_need_not_be_there(save: Callable[..., Path]) -> None:
    config = transformers.BertConfig(**foreign_models.SIZES)
    model = foreign_models.sharp(transformers.BertForMaskedLM(config))  # which has no pooler
    assert len(open_hugging_face(save(model)).heads(TEXT)[0].layers) == 2


@pytest.mark.parametrize("make", [foreign_models.bert, foreign_models.llama])
def test_a_missing_tokenizer_is_refused(make: Callable[[], Any], save: Callable[..., Path]) -> None:
    folder = save(make())
    for file in folder.glob("*token*"):
        file.unlink()
    check_refused(folder, "has no tokenizer")


def test_a_model_of_pictures_is_refused(save: Callable[..., Path]) -> None:
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = transformers.ViTConfig(**sizes, intermediate_size=8, image_size=8, patch_size=4)
    folder = save(transformers.ViTModel(config))
    check_refused(folder, "holds a ViTModel, which reads no text")


def test_a_model_without_attention_that_is_known_is_refused(save: Callable[..., Path]) -> None:
    config = transformers.MambaConfig(vocab_size=50, hidden_size=16, num_hidden_layers=1)
    system = open_hugging_face(save(transformers.MambaModel(config)))
    with pytest.raises(ValueError, match="MambaModel has no attention layer"):
        system.heads(TEXT)


def test_transformers_must_be_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    check_refused(tmp_path, "opened by transformers: pip install transformers")


def test_transformers_talks_afterwards_as_before(
    save: Callable[..., Path], capfd: pytest.CaptureFixture[str]
) -> None:
    folder = save(foreign_models.t5())
    logging.enable_progress_bar()
    capfd.readouterr()
    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    open_hugging_face(folder).heads(TEXT)
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before
    assert capfd.readouterr() == ("", "")


def test_a_folder_may_be_gone_once_it_is_read(save: Callable[..., Path]) -> None:
    folder = save(foreign_models.llama())
    system = open_hugging_face(folder)
    shutil.rmtree(folder)
    assert isinstance(system.model, nn.Module)
    assert len(system.heads(TEXT)[0].layers) == 2
