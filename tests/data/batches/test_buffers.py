from __future__ import annotations

import threading

import numpy as np
import torch

from vitreous.data.batches.buffers import Buffers, Scratch


def place(buffers, count=4):
    array, tensor = buffers.lend(count)
    return array.ctypes.data, tensor


def test_array_and_tensor_share_memory():
    array, tensor = Buffers((2, 3)).lend(5)
    assert array.shape == tensor.shape == (5, 2, 3)
    array[:] = 7
    assert torch.equal(tensor, torch.full((5, 2, 3), 7.0))


def test_memory_in_use_is_never_lent_again():
    """Whatever the user keeps: the tensor, a view, a batch of a split, an array, a gradient."""
    buffers = Buffers((2, 3))
    keepers = (
        lambda tensor: tensor,
        lambda tensor: tensor[1:2, 0],
        lambda tensor: tensor.permute(2, 0, 1),
        lambda tensor: torch.split(tensor, [1, 3])[1],
        lambda tensor: tensor.numpy()[2:, 1],
        lambda tensor: torch.from_numpy(tensor.numpy()[2:]),
        lambda tensor: tensor.detach().requires_grad_().view(-1).sum().grad_fn,
        lambda tensor: memoryview(tensor.numpy()),
    )
    kept, places = [], set()
    for keep in keepers:
        address, tensor = place(buffers)
        kept.append(keep(tensor))
        places.add(address)
        del tensor
    held = len(places)
    assert held >= len(keepers) - 1  # a sum's gradient needs no values
    address, _tensor = place(buffers)
    assert address not in places or held < len(keepers)


def test_memory_that_is_free_is_lent_again():
    buffers = Buffers((2, 3))
    first, tensor = place(buffers)
    del tensor
    assert place(buffers, 3)[0] == first  # a smaller one fits
    larger, tensor = place(buffers, 9)
    del tensor
    assert place(buffers, 9)[0] == larger
    assert len(buffers._memory) == 1  # the outgrown one is gone


def test_two_in_use_need_two():
    buffers, places, kept = Buffers((8,)), set(), []
    for _ in range(20):
        address, tensor = place(buffers)
        places.add(address)
        kept = [*kept[-1:], tensor]
        del tensor
    assert len(places) == 3


def test_threads_never_share_a_loan():
    buffers, wrong = Buffers((64,)), []

    def work(number):
        for _ in range(300):
            array, tensor = buffers.lend(3)
            array[:] = number
            if not torch.equal(tensor, torch.full((3, 64), float(number))):
                wrong.append(number)
            del array, tensor

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_scratch_is_one_place_a_use_and_a_thread():
    scratch = Scratch()
    large = scratch("a", 4, (3, 2))
    assert large.shape == (4, 3, 2)
    small, other = scratch("a", 2, (3, 2)), scratch("b", 2, (3, 2))
    assert np.shares_memory(large, small)
    assert not np.shares_memory(large, other)
    assert scratch("a", 9, (3, 2)).shape == (9, 3, 2)
    elsewhere = []
    thread = threading.Thread(target=lambda: elsewhere.append(scratch("b", 2, (3, 2))))
    thread.start()
    thread.join()
    assert not np.shares_memory(other, elsewhere[0])
