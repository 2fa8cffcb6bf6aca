"""Logits of a residual vector: norm, head, multiplier and softcap, each once, against sums in float64."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from logitscope.errors import InputError, ModelError
from logitscope.model.capture import capture
from logitscope.model.decode import Decoder
from tests.families import FAMILIES, TOKENIZER_SIZE, Family, logits_of, shared_model
from tests.understood import captured, close, ids_of, understand, understood

CENTRED = ["gpt2", "opt", "bloom", "phi", "stablelm", "cohere", "cohere2", "mpt", "olmo", "nemotron", "gpt_neox"]
NOT_CENTRED = ["llama", "gemma", "gemma2", "gemma3", "qwen3", "granite", "nanochat", "mixtral", "olmo2", "gpt_oss"]


def some_vectors(family: str, rows: int = 5) -> Tensor:
    """Vectors of a middle stage, and some whose size the epsilon of a norm is felt at."""
    vectors = captured(family).vectors["1.mlp"][:rows]
    return torch.cat([vectors, vectors * 1e-3])


def normalised(vectors: Tensor, centred: bool, epsilon: float) -> Tensor:
    """By the formulas, in float64 (Ba et al., 2016; Zhang and Sennrich, 2019)."""
    x = vectors.double()
    if centred:
        x = x - x.mean(-1, keepdim=True)
    return x / (x.pow(2).mean(-1, keepdim=True) + epsilon).sqrt()


def epsilon_of(family: Family) -> float:
    config = shared_model(family.name).config
    names = ("layer_norm_epsilon", "layer_norm_eps", "rms_norm_eps", "norm_epsilon", "norm_eps")
    found = [float(getattr(config, n)) for n in names if getattr(config, n, None) is not None]
    return found[0] if found else 1e-5


def through_head(family: Family, x: Tensor) -> Tensor:
    """Head, multiplier and softcap as the registry has them, in float64."""
    head = shared_model(family.name).get_submodule(family.head)
    z = x.double() @ head.weight.double().T
    if family.head_bias:
        z = z + head.bias.double()
    z = z * family.multiplier
    return z if family.softcap is None else family.softcap * torch.tanh(z / family.softcap)


@pytest.mark.parametrize(("name", "centred"), [(n, True) for n in CENTRED] + [(n, False) for n in NOT_CENTRED])
@torch.no_grad()
def test_plain_norm_has_neither_scale_nor_shift(name: str, centred: bool) -> None:
    family = FAMILIES[name]
    decoder = Decoder(understood(name).anatomy, TOKENIZER_SIZE, "plain")
    vectors = some_vectors(name)
    wanted = normalised(vectors, centred, epsilon_of(family))
    assert close(decoder.normalise(vectors), wanted)
    assert close(decoder.logits(vectors), through_head(family, wanted))
    final = Decoder(understood(name).anatomy, TOKENIZER_SIZE).normalise(vectors)
    assert close(final, wanted) == family.scale_free_norm


@pytest.mark.parametrize("family", [f for f in FAMILIES.values() if f.final_norm], ids=str)
@torch.no_grad()
def test_plain_norm_is_the_familys_own_with_its_parameters_neutral(family: Family) -> None:
    """By other means: for the first few classes the neutral scale is 0, since they multiply by 1 + weight."""
    less_one = family.name in {"gemma", "gemma2", "gemma3", "nemotron"}
    norm: Any = copy.deepcopy(shared_model(family.name).get_submodule(str(family.final_norm)))
    for name, parameter in norm.named_parameters():
        parameter.fill_(0.0 if name == "bias" or less_one else 1.0)
    vectors = some_vectors(family.name)
    decoder = Decoder(understood(family.name).anatomy, TOKENIZER_SIZE, "plain")
    assert close(decoder.normalise(vectors), norm(vectors))


@pytest.mark.parametrize("family", FAMILIES.values(), ids=str)
@torch.no_grad()
def test_without_norm_the_vector_meets_the_output_matrix_as_it_is(family: Family) -> None:
    decoder = Decoder(understood(family.name).anatomy, TOKENIZER_SIZE, "none")
    vectors = captured(family.name).vectors["1.mlp"]
    x = vectors.double()
    if family.project_out is not None:
        x = x @ shared_model(family.name).get_submodule(family.project_out).weight.double().T
    assert close(decoder.logits(vectors), through_head(family, x))


@pytest.mark.parametrize("family", FAMILIES.values(), ids=str)
@torch.no_grad()
def test_final_norm_recomputes_its_statistics_at_every_stage(family: Family) -> None:
    model = shared_model(family.name)
    decoder = Decoder(understood(family.name).anatomy, TOKENIZER_SIZE)
    for stage, vectors in captured(family.name).vectors.items():
        x = vectors if family.final_norm is None else model.get_submodule(family.final_norm)(vectors)
        x = x if family.project_out is None else model.get_submodule(family.project_out)(x)
        assert close(decoder.normalise(vectors), x), stage
        assert close(decoder.logits(vectors), through_head(family, x)), stage


def test_a_model_without_final_norm_refuses_the_plain_one() -> None:
    anatomy = understood("opt-350m").anatomy
    with pytest.raises(InputError) as caught:
        Decoder(anatomy, TOKENIZER_SIZE, "plain")
    assert str(caught.value) == 'OPTForCausalLM has no final norm, so norm="plain" does not exist. Use "final".'


def test_a_norm_of_another_name_is_refused() -> None:
    with pytest.raises(InputError, match='norm="layer" was given; it is "final", "plain" or "none"'):
        Decoder(understood("gpt2").anatomy, TOKENIZER_SIZE, "layer")  # type: ignore[arg-type]


@pytest.mark.parametrize("norm", ["final", "plain", "none"])
def test_rows_do_not_influence_each_other(norm: Any) -> None:
    decoder = Decoder(understood("gemma2").anatomy, TOKENIZER_SIZE, norm)
    vectors = captured("gemma2").vectors["0.attn"]
    whole = decoder.logits(vectors)
    assert whole.shape == (len(vectors), TOKENIZER_SIZE)
    assert close(decoder.logits(vectors.view(4, -1, vectors.shape[-1])).flatten(0, 1), whole)
    assert close(decoder.logits(vectors[3]), whole[3])


def test_padding_rows_of_the_head_are_decoded_too() -> None:
    """They count in the normaliser, as in the model's own loss."""
    decoder = Decoder(understood("qwen2").anatomy, TOKENIZER_SIZE)
    assert decoder.logits(captured("qwen2").vectors["2.mlp"]).shape[-1] == 304


@pytest.mark.parametrize("factor", [0.0, 1.0])
def test_plain_norm_knows_its_kind_whatever_the_vectors(factor: float) -> None:
    """Centred vectors, on which both kinds agree, or all zeros come first."""
    first = captured("llama").vectors["1.mlp"][:6] * factor
    first = first - first.mean(-1, keepdim=True)
    vectors = torch.cat([first, captured("llama").vectors["2.mlp"]])
    decoder = Decoder(understood("llama").anatomy, TOKENIZER_SIZE, "plain")
    assert close(decoder.normalise(vectors), normalised(vectors, False, epsilon_of(FAMILIES["llama"])))


def test_a_module_that_is_no_known_norm_is_refused() -> None:
    class SoftNorm(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.tanh(x)

    anatomy = replace(understood("llama").anatomy, tail=(SoftNorm(),))
    with pytest.raises(ModelError, match="SoftNorm is neither a layer norm nor an RMS norm"):
        Decoder(anatomy, TOKENIZER_SIZE, "plain").normalise(some_vectors("llama"))


def test_decoding_makes_no_graph_of_gradients() -> None:
    model = FAMILIES["gpt2"].build().requires_grad_(True)
    decoder = Decoder(understand(model).anatomy, TOKENIZER_SIZE)
    vectors = captured("gpt2").vectors["embed"].clone().requires_grad_(True)
    assert not decoder.logits(vectors).requires_grad


HALF = ["gpt2", "llama", "gemma2", "cohere", "mixtral", "opt-350m", "phi", "granite", "bloom", "olmo2", "falcon"]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("name", HALF)
@torch.no_grad()
def test_half_precision_is_its_own_head_applied_in_fp32(name: str, dtype: torch.dtype) -> None:
    family = FAMILIES[name]
    hf = family.build().to(dtype)
    model = understand(hf)
    assert model.dtype == str(dtype).removeprefix("torch.")
    assert model.check.logits <= 1e-6
    assert model.check.figure <= 2**-7
    head, read = hf.get_submodule(family.head), []
    handle = head.register_forward_pre_hook(lambda _m, args: read.append(args[0][0].clone()))
    own = logits_of(hf, ids_of()[None])[0]
    handle.remove()
    z = read[0].double() @ head.weight.double().T
    z = (z + head.bias.double() if family.head_bias else z) * family.multiplier
    z = z if family.softcap is None else family.softcap * torch.tanh(z / family.softcap)
    vectors = capture(model.anatomy, ids_of(), [model.anatomy.last_stage]).vectors[model.anatomy.last_stage]
    assert vectors.dtype == dtype
    ours = Decoder(model.anatomy, TOKENIZER_SIZE).logits(vectors)
    assert ours.dtype == torch.float32
    assert close(ours, z)
    assert not torch.equal(ours, own)  # which were rounded
    assert float((ours - own).abs().max()) <= 2.0**-6 * float(own.abs().max())


@pytest.mark.parametrize("name", ["gpt2", "gemma2", "nemotron", "olmo", "cohere"])
def test_plain_norm_knows_its_kind_in_half_precision(name: str) -> None:
    centred = name in CENTRED
    model = understand(FAMILIES[name].build().to(torch.bfloat16))
    vectors = captured(name).vectors["1.mlp"].to(torch.bfloat16)
    ours = Decoder(model.anatomy, TOKENIZER_SIZE, "plain").normalise(vectors)
    wanted = normalised(vectors, centred, 1e-5)
    assert float((ours - wanted).abs().max()) <= 2.0**-8 * float(wanted.abs().max())
