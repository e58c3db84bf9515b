"""Which fields of a head say what is left of a quota.

Promise: they are found in any case of letters, no more than `_MOST` of them are kept, each cut; cost: linear
in the head.
"""

import re
from itertools import islice
from typing import Final

from processor.model import Headers

_MOST: Final = 8
_FIELD: Final = re.compile(
    rb"\n(?:x-)?(rate-?limit(?:-remaining|-reset)?):[ \t]*([^\r\n]{,128})", re.IGNORECASE
)


def quota_fields(head: bytes) -> Headers:
    """Under the names `ratelimit`, `ratelimit-remaining` and `ratelimit-reset`."""
    if b"imit" not in head and b"IMIT" not in head:
        return ()
    found = islice(_FIELD.finditer(head), _MOST)
    return tuple((_text(each[1]).lower().replace("rate-", "rate"), _text(each[2])) for each in found)


def _text(value: bytes) -> str:
    return value.rstrip(b" \t").decode(errors="replace")
