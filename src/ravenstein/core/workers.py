"""Workers: processes of their own, for work that one processor takes long over."""

from __future__ import annotations

import multiprocessing
import os
import threading
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def workers(count: int) -> Iterator[ProcessPoolExecutor]:
    """Give processes that end with this one, even if it is killed: they would wait for ever.

    Args:
        count: How many there can be use for; there are no more than processors.
    """
    context = multiprocessing.get_context("spawn")
    most = min(os.cpu_count() or 1, count)
    with ProcessPoolExecutor(most, context, initializer=_end_with_parent) as pool:
        yield pool


def _end_with_parent() -> None:
    """Let a worker end when the process that started it is gone."""

    def watch() -> None:
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
