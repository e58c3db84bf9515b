"""The metrics of several workers together: nothing lost, nothing said twice, in either format."""

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as prometheus

from processor.telemetry.metrics import ProcessMetrics
from processor.workers.metrics import WORKERS_FORMAT, SupervisorMetrics
from processor.workers.restarts import WorkerState
from tests.support.builders import snapshot
from tests.unit.telemetry.test_metrics import everything

OWN = {"worker_restarts", "workers", "worker_answered"}
STATES = (WorkerState.RUNNING, WorkerState.RUNNING, WorkerState.WAITING)
FORMATS = pytest.mark.parametrize("accept", ["", WORKERS_FORMAT])

Found = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def busy(seed: int) -> ProcessMetrics:
    """The metrics of one worker, all of them moved."""
    metrics = ProcessMetrics('a "b" \\ c')
    metrics.ask(snapshot)
    everything(metrics, [seed])
    return metrics


def answer(metrics: ProcessMetrics) -> str:
    """What a worker answers."""
    return metrics.exposition(WORKERS_FORMAT)[0].decode()


def crew() -> SupervisorMetrics:
    return SupervisorMetrics("crm", lambda: STATES)


def samples(text: bytes, accept: str) -> Found:
    """All samples; parsing fails where a family is not whole or comes twice."""
    parse = open_metrics if accept else prometheus
    found: Found = {}
    for family in parse(text.decode()):
        for sample in family.samples:
            labels = tuple(sorted(sample.labels.items()))
            assert (sample.name, labels) not in found
            found[sample.name, labels] = sample.value
    return found


def of_worker(found: Found, number: int) -> Found:
    """The samples that a worker gave, without its number, and without what changes by itself."""
    label = ("worker", str(number))
    return {
        (name, tuple(each for each in labels if each != label)): value
        for (name, labels), value in found.items()
        if label in labels
        and not name.startswith(("process_", *(f"webhook_processor_{own}" for own in OWN)))
        and "oldest" not in name
    }


@FORMATS
def test_every_series_of_every_worker_is_there_unchanged_but_for_its_number(accept: str) -> None:
    workers = {n: busy(n) for n in (0, 1, 2)}
    text, _ = crew().exposition({n: answer(each) for n, each in workers.items()}, accept)
    found = samples(text, accept)
    for n, each in workers.items():
        alone = {
            (name, labels): value
            for (name, labels), value in samples(each.exposition(accept)[0], accept).items()
            if not name.startswith("process_") and "oldest" not in name
        }
        assert len(alone) > 50
        assert of_worker(found, n) == alone


@FORMATS
def test_of_one_worker_every_line_is_as_that_worker_would_write_it(accept: str) -> None:
    worker = busy(1)
    together, content_type = crew().exposition({7: answer(worker)}, accept)
    text, alone_type = worker.exposition(accept)
    lines = {
        line.replace(',worker="7"', "").replace('{worker="7"}', "") for line in together.decode().splitlines()
    }
    missing = [line for line in text.decode().splitlines() if line not in lines]
    assert content_type == alone_type
    assert all(line.startswith(("process_", "webhook_processor_oldest")) for line in missing)


@FORMATS
def test_a_family_is_described_once(accept: str) -> None:
    text, _ = crew().exposition({0: answer(busy(0)), 1: answer(busy(1))}, accept)
    described = [line for line in text.decode().splitlines() if line.startswith("# TYPE")]
    assert len(described) == len(set(described)) > 30


@FORMATS
@pytest.mark.parametrize("bad", [None, "", "no exposition {", "# EOF"])
def test_a_worker_without_an_answer_is_left_out_and_said(accept: str, bad: str | None) -> None:
    text, _ = crew().exposition({0: answer(busy(0)), 1: bad}, accept)
    found = samples(text, accept)
    answered = {
        dict(labels)["worker"]: value
        for (name, labels), value in found.items()
        if name == "webhook_processor_worker_answered"
    }
    assert answered == {"0": 1, "1": 0}
    assert of_worker(found, 0)
    assert not of_worker(found, 1)


def test_workers_are_counted_by_state_and_restarts_by_worker() -> None:
    metrics = crew()
    metrics.has(0)
    metrics.restarted(1)
    metrics.restarted(1)
    found = samples(metrics.exposition({}, "")[0], "")
    standing = {
        dict(labels)["state"]: value for (name, labels), value in found.items() if name.endswith("_workers")
    }
    restarts = {
        dict(labels)["worker"]: value
        for (name, labels), value in found.items()
        if name.endswith("_restarts_total")
    }
    assert standing == {"starting": 0, "running": 2, "waiting": 1, "ended": 0}
    assert restarts == {"0": 0, "1": 2}
