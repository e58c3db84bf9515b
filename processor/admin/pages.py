"""What the admin port shows, asked of whoever knows it."""

from collections.abc import Awaitable
from inspect import isawaitable
from typing import Protocol, TypeVar

from processor.model import About, Report
from processor.telemetry.watch import Batch, Filter

Told = TypeVar("Told")


class Pages(Protocol):
    """What there is to show. Called on the event loop: it must not wait."""

    def metrics(self, accept: str) -> tuple[bytes, str]:
        """The metrics in the format that an `Accept` header asks for, and their content type."""

    def liveness(self) -> Report:
        """Whether the process works; if not, it should be restarted."""

    def readiness(self) -> Report: ...

    def about(self) -> About:
        """Whose events the live page shows."""

    def look(self, who: str, wanted: Filter) -> Batch:
        """What has happened since `who` asked last."""

    def unsubscribe(self, who: str) -> None: ...


class DistantPages(Protocol):
    """The same where others have to be asked first."""

    async def metrics(self, accept: str) -> tuple[bytes, str]: ...

    async def liveness(self) -> Report: ...

    async def readiness(self) -> Report: ...

    def about(self) -> About: ...

    async def look(self, who: str, wanted: Filter) -> Batch: ...

    def unsubscribe(self, who: str) -> None: ...


async def told(answer: Told | Awaitable[Told]) -> Told:
    """An answer, whether it is here already or not."""
    return await answer if isawaitable(answer) else answer
