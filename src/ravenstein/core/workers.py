"""Workers: processes of their own, for work that one processor takes long over."""

from __future__ import annotations

import multiprocessing
import os
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ravenstein.core.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def workers(count: int) -> Iterator[ProcessPoolExecutor]:
    """Give processes that end with this one, even if it is killed: they would wait for ever.

    Args:
        count: How many there can be use for; there are no more than processors.

    Raises:
        StoreError: If one is killed.
    """
    context = multiprocessing.get_context("spawn")
    most = min(os.cpu_count() or 1, count)
    try:
        with ProcessPoolExecutor(most, context, initializer=_end_with_parent) as pool:
            yield pool
    except BrokenProcessPool as error:
        raise StoreError(
            "A worker process ended before its work was done.",
            expected="workers that end their work",
            found="one that was killed, as for want of memory",
            where="workers",
            fix="Free memory and run again; what was there before is unchanged.",
        ) from error


def _end_with_parent() -> None:
    """Let a worker end when the process that started it is gone."""

    def watch() -> None:
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
