"""How long a stop may take, by the limits in the code: what charts and Compose files have to allow."""

from processor import app
from processor.admin import server
from processor.traffic import pipeline


def longest_stop(drain_timeout: float) -> float:
    """Seconds: requests end, the last commit is answered, the group is left, pages and letters end."""
    closing = app.CLOSE_SECONDS + server._SECONDS_TO_FINISH + 2 * app.CLOSE_SECONDS
    return drain_timeout + pipeline.LAST_COMMIT_SECONDS + closing
