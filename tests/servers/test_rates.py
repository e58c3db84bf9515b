"""A server that limits its rate goes on to be sent to, and hardly a request more than it takes."""

import asyncio
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.servers.backlog import Backlog
from tests.servers.servers import nginx_that_limits

pytestmark = pytest.mark.slow

LEARNING, COUNTED = 4.0, 6.0
"""Seconds; what is delivered in the first of them is not counted."""


async def test_a_server_that_limits_its_rate_is_not_stopped_by_its_refusals(tmp_path: Path) -> None:
    with ExitStack() as both:
        backlogs = {}
        for status in (503, 429):
            (tmp_path / str(status)).mkdir()
            server = both.enter_context(nginx_that_limits(tmp_path / str(status), status))
            backlogs[status] = Backlog(server)
        since = asyncio.get_running_loop().time() + LEARNING
        await asyncio.gather(*(each.play(LEARNING + COUNTED) for each in backlogs.values()))
    for status, backlog in backlogs.items():
        delivered, pushed_back = backlog.counted(since, since + COUNTED)
        assert delivered >= 0.4 * 100.0 * COUNTED, (
            status
        )  # a busy machine sends late; at rest it is nearly all
        assert pushed_back <= 0.1 * (delivered + pushed_back), status
        assert backlog.openings == 0, status
