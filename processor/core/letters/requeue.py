"""Letters put back as records: what is written to the topic that is to have them.

Promise: key, value and headers are those of the record, as it was before it became a letter; beside them
stand only the id that it was sent with and how often it was sent again, so that it is known when it comes
again, and cannot go round for ever.
"""

from processor.core.dead_letter import REDELIVERIES
from processor.core.letters.letter import Letter
from processor.core.letters.redelivery import original
from processor.core.request.signing.ids import CARRIED, Ids, carried
from processor.model import DeadLetter, Record, RecordHeaders


def put_back(record: Record, letter: Letter, ids: Ids | None, *, keeps_time: bool) -> DeadLetter:
    """The record that a letter is of, to be written; with the time that it had, or that of when it is."""
    was = original(record, letter)
    known = carried(record)
    if known is None and ids is not None:
        known = ids.of_letter(was, None, is_request=False)
    ours: RecordHeaders = ((REDELIVERIES, b"%d" % letter.redeliveries),)
    if known is not None:
        ours = ((CARRIED, known.encode()), *ours)
    return DeadLetter(
        was.key, was.value, (*(was.headers or ()), *ours), was.timestamp if keeps_time else None
    )
