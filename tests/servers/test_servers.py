"""What real servers get: each event once."""

from collections import Counter
from pathlib import Path

import pytest

from processor.core.pace.connections import Ending
from tests.servers.scenes import SCENES, Scene
from tests.servers.traffic import AT_ONCE, Traffic

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("scene", SCENES, ids=[scene.name for scene in SCENES])
async def test_a_real_server_gets_each_event_once_and_none_is_lost(scene: Scene, tmp_path: Path) -> None:
    with scene.start(tmp_path) as server:
        traffic = Traffic(server, pause=scene.pause)
        await traffic.play(meanwhile=server.reload if scene.is_reloaded else lambda: None)
        served = server.served(len(traffic.delivered))
    assert not traffic.failures
    assert len(traffic.delivered) >= 2 * AT_ONCE
    assert Counter(traffic.delivered) - served == Counter(), "lost"
    assert served - Counter(traffic.delivered) == Counter(), "twice"
    if scene.has_few:
        assert traffic.heard.endings[Ending.YIELDED]
        assert len(traffic.delivered) > 10 * AT_ONCE
