"""Weights lie in one file, each once, as they are or in blocks of few bits whose error is known."""

from __future__ import annotations

import itertools

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from logitscope.errors import InputError
from logitscope.export.blocks import BLOCK, quantised
from logitscope.export.weights import Weights
from tests.export.exporting import FORMS, made
from tests.families import family


def test_codes_of_four_bits_by_hand() -> None:
    row = torch.tensor([[-8.0, 7.0, 1.0, 0.0] + [0.0] * 28 + [0.5]])
    blocks = quantised(row, 4)
    assert blocks.codes.shape == (1, 2, BLOCK // 2)
    assert blocks.scales.tolist() == [[1.0, -0.0625]]
    # Two codes in a byte, the first in the lower half: −8 is 0, 7 is 15, 1 is 9, 0 is 8.
    assert blocks.codes[0, 0, :3].tolist() == [0 + 16 * 15, 9 + 16 * 8, 8 + 16 * 8]
    assert torch.equal(blocks.numbers(), row)


def test_codes_of_eight_bits_by_hand() -> None:
    row = torch.tensor([[127.0, -127.0, 3.0] + [0.0] * 29])
    blocks = quantised(row, 8)
    assert blocks.codes[0, 0, :4].tolist() == [255, 1, 131, 128]
    assert blocks.scales.tolist() == [[1.0]]
    assert torch.equal(blocks.numbers(), row)


@given(
    seed=st.integers(0, 2**31), bits=st.sampled_from([4, 8]), rows=st.integers(1, 5), columns=st.integers(1, 80),
    size=st.floats(1e-6, 1e3),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_no_number_is_further_off_than_its_block_allows(
    seed: int, bits: int, rows: int, columns: int, size: float
) -> None:
    matrix = torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed)) * size
    found = quantised(matrix, bits).numbers()
    assert found.shape == matrix.shape
    for start in range(0, columns, BLOCK):
        block, got = matrix[:, start : start + BLOCK], found[:, start : start + BLOCK]
        largest = block.abs().amax(-1, keepdim=True)
        # Half a step, a step at the shorter end of four bits, and what half precision does to the scale.
        step = largest / (127 if bits == 8 else 8)
        allowed = step * (0.51 if bits == 8 else 1.02) + largest * 2**-10 + 2.0**-17
        assert ((block - got).abs() <= allowed).all()


def test_a_matrix_of_nothing_stays_nothing() -> None:
    for bits in (4, 8):
        assert not quantised(torch.zeros(3, 40), bits).numbers().any()


def test_stored_weights_are_the_models_numbers_in_the_narrowest_type() -> None:
    hf = family("gpt2").build()
    for parameter in hf.parameters():
        parameter.data = parameter.data.half().float()
    first, second = (block.ln_1.weight for block in hf.transformer.h[:2])
    first.data += 2.0**-20
    second.data = second.data.bfloat16().float() * 2.0**40
    weights = Weights(hf)
    numbers = weights.rounded()
    for name, parameter in hf.named_parameters():
        assert torch.equal(numbers[name], parameter), name
    assert weights["transformer.h.0.ln_1.weight"].dtype == "float32"
    assert weights["transformer.h.1.ln_1.weight"].dtype == "bfloat16"
    assert weights["transformer.wte.weight"].dtype == "float16"


def test_every_form_computes_with_what_its_file_holds() -> None:
    for form in FORMS:
        one = made("llama", form)
        assert one.report.agreement.logprob <= 1e-4
        assert one.report.agreement.kl <= 1e-4
    errors = [made("llama", form).report.errors.logprob for form in FORMS]
    assert errors[0] < 1e-4 < errors[1] < errors[2] < errors[3]


@pytest.mark.parametrize("name", ["gpt2", "gpt2-untied", "llama", "qwen2"])
def test_all_forms_of_other_models_too(name: str) -> None:
    sizes = []
    for form in FORMS:
        one = made(name, form)
        assert max(one.report.agreement.logprob, one.report.agreement.kl) <= one.report.agreement.limit
        sizes.append(one.manifest["weights"]["files"][0]["bytes"])
        said = one.manifest["weights"]["errors"]
        errors = one.report.errors
        assert (said["logprob"], said["kl"], said["mean"]) == (errors.logprob, errors.kl, errors.mean)
    assert sizes[0] >= sizes[1] > sizes[2] > sizes[3]


def test_no_weight_lies_in_a_graph_and_each_lies_in_the_file_once() -> None:
    one = made("embedded:tales")
    size = one.manifest["weights"]["files"][0]["bytes"]
    parameters = sum(parameter.numel() for parameter in one.scope.model.hf.parameters())
    assert size <= 2 * parameters + 64 * 200
    places: dict[str, tuple[int, int]] = {}
    for path in one.folder.glob("*.onnx"):
        graph = onnx.load(path, load_external_data=False).graph
        assert path.stat().st_size < 150_000
        for tensor in graph.initializer:
            if tensor.data_location == onnx.TensorProto.EXTERNAL:
                at = {entry.key: entry.value for entry in tensor.external_data}
                place = int(at["offset"]), int(at["length"])
                assert places.setdefault(tensor.name, place) == place
                assert at["location"] == "weights.bin"
                assert place[0] % 64 == 0
    ends = sorted(places.values())
    assert all(first + n <= second for (first, n), (second, _) in itertools.pairwise(ends))
    assert ends[-1][0] + ends[-1][1] <= size


def test_activations_are_never_rounded() -> None:
    for form in ("int8", "int4"):
        for path in made("llama", form).folder.glob("*.onnx"):  # type: ignore[arg-type]
            graph = onnx.load(path, load_external_data=False).graph
            kinds = {node.op_type for node in graph.node}
            assert not kinds & {"DynamicQuantizeLinear", "MatMulInteger", "QLinearMatMul"}
            levels = {a.i for node in graph.node for a in node.attribute if a.name == "accuracy_level"}
            assert levels <= {1}


def test_later_tokens_change_no_earlier_number_whatever_the_form() -> None:
    ids = np.random.default_rng(0).integers(300, size=30).tolist()
    for form in FORMS:
        exported = made("llama", form).exported
        np.testing.assert_allclose(exported.forward(ids)[:, :11], exported.forward(ids[:11]), rtol=0, atol=2e-5)


def test_numbers_that_half_precision_cannot_hold_are_refused() -> None:
    hf = family("gpt2").build()
    hf.transformer.h[0].mlp.c_fc.weight.data[0, 0] = 1e5
    with pytest.raises(InputError, match="half precision"):
        Weights(hf, "fp16")


def test_other_forms_do_not_exist() -> None:
    with pytest.raises(InputError, match="stored, fp16, int8, int4"):
        Weights(made("gpt2").scope.model.hf, "int2")  # type: ignore[arg-type]
