"""Who calls whom in one stack: whether a room is called again while it waits for another one to return."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, ModuleType


class Stacks:
    """Watches calls into these modules. `reentered`: the chains in which one was called again."""

    def __init__(self, *rooms: ModuleType) -> None:
        self._rooms = {str(room.__file__): room.__name__.rpartition(".")[2] for room in rooms}
        self._stack: list[str] = []
        self._chain: list[str] = []
        self.reentered: set[str] = set()

    @contextmanager
    def watched(self) -> Iterator["Stacks"]:
        """All calls in it."""
        before = sys.getprofile()
        sys.setprofile(self._happened)
        try:
            yield self
        finally:
            sys.setprofile(before)

    def _happened(self, frame: FrameType, event: str, _: object) -> None:
        if event not in ("call", "return"):
            return
        room = self._rooms.get(frame.f_code.co_filename)
        if room is None:
            return
        if event == "return":
            if self._stack:  # what was entered before anybody watched has no place here
                self._stack.pop()
                self._chain.pop()
            return
        if room in self._stack and self._stack[-1] != room:
            self.reentered.add(" > ".join([*self._chain, f"{room}.{frame.f_code.co_name}"]))
        self._stack.append(room)
        self._chain.append(f"{room}.{frame.f_code.co_name}")
