"""Fork: processes that are forked after a model has answered, as those of gunicorn and Celery are,
answer with one thread.

A forked process has the memory of OpenMP's threads, and none of the threads: the first layer that
shares its work among several waits for them, and never ends. With one there is nobody to wait for;
such servers have a process for each core anyway.
"""

from __future__ import annotations

import os

import torch


def in_one_thread() -> None:
    torch.set_num_threads(1)


if hasattr(os, "register_at_fork"):  # Windows does not fork
    os.register_at_fork(after_in_child=in_one_thread)
