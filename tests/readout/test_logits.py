"""Products with the head, in memory that is used again."""

from __future__ import annotations

import torch

from logitscope.readout import MatrixHead
from logitscope.readout.logits import Buffer, decode_ids, decode_tile

CPU = torch.device("cpu")


def test_a_buffer_is_seen_in_many_shapes_and_grows_only_when_it_must() -> None:
    buffer = Buffer(CPU)
    first = buffer.view(4, 6)
    assert buffer.view(3, 2, 2).data_ptr() == first.data_ptr()
    assert buffer.view(5, 6).data_ptr() != first.data_ptr()


def test_tiles_and_single_rows_give_the_same_logits() -> None:
    random = torch.Generator().manual_seed(0)
    head = MatrixHead(torch.randn(9, 4, generator=random), 9, torch.randn(9, generator=random), 0.5, 3.0)
    vectors = torch.randn(2, 3, 4, generator=random)
    tile = torch.empty(2, 3, 5)
    decode_tile(head, vectors, head.weight(2, 7), head.bias(2, 7), tile)
    want = 3 * torch.tanh(0.5 * (vectors @ head.matrix.T + head.offset) / 3)
    torch.testing.assert_close(tile, want[..., 2:7])
    ids = torch.tensor([[8, 0, 3], [1, 1, 2]])
    found = decode_ids(head, vectors, ids)
    for target, tokens in zip(found, ids, strict=True):
        torch.testing.assert_close(target, want[:, torch.arange(3), tokens])
