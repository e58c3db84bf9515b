"""Requests: what of the settings of the destination is filled in from events."""

from processor.config.destination.endpoint import DestinationSettings
from processor.config.record import VALUE
from processor.config.values.templates import texts_of
from processor.core.request.templates.policy import Body, TemplatePolicy


def template_policy(said: DestinationSettings, *, has_events: bool) -> TemplatePolicy:
    """What is filled in. Without `has_events` records are bytes, of a kind of their own."""
    body = None if said.body in (None, VALUE) else Body(said.body)
    is_written = body is not None or said.body_template is not None
    return TemplatePolicy(
        said.path,
        said.query,
        texts_of(said.headers, templates=True),
        body,
        said.body_template,
        said.content_type if is_written or has_events else None,
        said.encoding,
    )
