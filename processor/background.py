"""Tasks and callbacks of the event loop that nobody waits for.

Promise: none of them ends unseen. A task that raises, and a callback of ours that does, are told with
what they raised: what they did is not done any more, and who goes on without it looks well and is not.
What a connection raises ends the connection, as asyncio has it, and is only logged; so is what a library
raises by itself.
"""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from types import TracebackType
from typing import Any

Failed = Callable[[str], None]
Context = dict[str, Any]
OURS = "processor."


def begin(work: Coroutine[Any, Any, None], failed: Failed) -> asyncio.Task[None]:
    """Do this until it is cancelled; `failed` is told why it ended by itself."""
    task = asyncio.get_running_loop().create_task(work)
    task.add_done_callback(partial(_ended, failed))
    return task


def listen(loop: asyncio.AbstractEventLoop, failed: Failed) -> Callable[[], None]:
    """Tell `failed` of what our callbacks on the loop raise; the function returned ends that."""
    before = loop.get_exception_handler()

    def heard(loop: asyncio.AbstractEventLoop, context: Context) -> None:
        loop.default_exception_handler(context)
        error = context.get("exception")
        if "handle" in context and error is not None and _is_ours(error.__traceback__):
            failed(f"a callback raised {_said(error)}")

    loop.set_exception_handler(heard)
    return partial(loop.set_exception_handler, before)


def _ended(failed: Failed, task: asyncio.Task[None]) -> None:
    if task.cancelled():
        return
    what = getattr(task.get_coro(), "__qualname__", "a task")
    error = task.exception()
    if error is not None:
        task.get_loop().default_exception_handler({"message": f"{what} ended", "exception": error})
    failed(f"{what} ended: {_said(error) if error else 'it returned'}")


def _is_ours(trace: TracebackType | None) -> bool:
    """Whether the callback itself is code of ours: the frame below that of the loop."""
    called = trace.tb_next if trace else None
    return called is not None and str(called.tb_frame.f_globals.get("__name__")).startswith(OURS)


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
