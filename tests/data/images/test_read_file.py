from __future__ import annotations

import sys
import tracemalloc

import pytest

from vitreous.data.images.read_file import read_bytes


def test_a_file_is_read_whole_and_takes_no_more_memory_than_it_holds(tmp_path):
    content = bytes(range(256)) * 4096
    (tmp_path / "one.jpg").write_bytes(content)
    tracemalloc.start()
    found = read_bytes(tmp_path / "one.jpg")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found == content
    assert most < 1.5 * len(content)


@pytest.mark.skipif(sys.platform != "linux", reason="reads a file of Linux's own")
def test_a_file_whose_size_the_system_does_not_tell_is_read_too():
    assert b"Linux" in read_bytes("/proc/version")  # says that it has 0 bytes
