"""Misfits: settings of several sections that cannot be together, each told with both of them."""

from itertools import combinations

from processor.config.kafka import KafkaSettings
from processor.config.sections import DeliverySettings, RetrySettings


def misfits(delivery: DeliverySettings, kafka: KafkaSettings) -> list[str]:
    """What is wrong with settings of several sections together."""
    found = []
    if delivery.drain_timeout > 0.9 * kafka.max_poll_interval:
        found.append("delivery.drain_timeout must be below nine tenths of kafka.max_poll_interval")
    if delivery.commit_interval > kafka.session_timeout / 3:
        found.append("delivery.commit_interval must not be above a third of kafka.session_timeout")
    if delivery.min_in_flight > delivery.max_in_flight:
        found.append("delivery.min_in_flight must not be above delivery.max_in_flight")
    return found


def contradictions(retry: RetrySettings) -> list[str]:
    """What is said twice of a status; against a default what is said counts."""
    found, said = [], retry.model_fields_set
    for one, other in combinations(("delivered_statuses", "credential_statuses", "retried_statuses"), 2):
        both = sorted(getattr(retry, one) & getattr(retry, other))
        if both and other in said and (one in said or one == "delivered_statuses"):
            named = ", ".join(map(str, both[:5])) + (" and others" if len(both) > 5 else "")
            found.append(f"retry.{one} and retry.{other} both name {named}: leave it out of one")
    return found
