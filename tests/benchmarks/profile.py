"""make profile: where the time of S1 goes, by samples of the running processor.

Sampled is the thread that holds the interpreter, with the C functions it is in; the threads of librdkafka
never do, so what each thread costs is printed too, measured before the sampler stops them all the time.
Into .cache/profile/: a flame graph (S1.svg), and the samples as text (S1.txt), one stack a line.
"""

import argparse
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

from tests.benchmarks.contender import OURS, available
from tests.benchmarks.measure import Scene, opened
from tests.benchmarks.scenario import EVENTS, chosen

FOLDER = Path(__file__).parents[2] / ".cache" / "profile"
SAMPLER = str(Path(sys.executable).with_name("py-spy"))
SAMPLES_PER_SECOND = 100
SHOWN = 40


def main() -> None:
    """Deliver the backlog: a part by itself, one to draw, one to count."""
    wanted = _arguments().parse_args()
    (scenario,) = chosen([wanted.scenario], wanted.events)
    (contender,) = (each for each in available() if each.name == wanted.contender)
    FOLDER.mkdir(parents=True, exist_ok=True)
    drawing, text = (FOLDER / f"{scenario.name}.{suffix}" for suffix in ("svg", "txt"))
    with opened() as bench:
        topic = bench.backlogs.topic(scenario.shape)
        with bench.scene(scenario, contender, topic) as scene:
            scene.wait_for(wanted.events // 10)
            before = Counter(scene.running[0].threads_ns())
            scene.wait_for(wanted.events * 4 // 10)
            threads = Counter(scene.running[0].threads_ns()) - before
            _sample(scene, "flamegraph", drawing, wanted.events * 7 // 10)
            _sample(scene, "raw", text, wanted.events * 95 // 100)
    print(f"{drawing}\n{text}\n{summary(text.read_text(encoding='utf-8'))}")
    print(_top("threads", threads))


def _sample(scene: Scene, form: str, target: Path, settled: int) -> None:
    """Sample until so many events are settled."""
    how = ["--native", "--gil", "--function", "--rate", str(SAMPLES_PER_SECOND), "--format", form]
    pid = scene.running[0].pid
    with subprocess.Popen(
        [SAMPLER, "record", *how, "--output", str(target), "--pid", str(pid)], stdout=subprocess.DEVNULL
    ) as sampler:
        scene.wait_for(settled)
        sampler.send_signal(signal.SIGINT)


def summary(stacks: str) -> str:
    """The functions with most samples of their own, and those with most below them too, in percent."""
    own: Counter[str] = Counter()
    below: Counter[str] = Counter()
    for line in stacks.splitlines():
        stack, _, count = line.rpartition(" ")
        frames = stack.split(";")
        own[frames[-1]] += int(count)
        for frame in set(frames):
            below[frame] += int(count)
    return f"{_top('on its own', own)}\n{_top('with all it calls', below, own.total())}"


def _top(title: str, counts: Counter[str], total: int = 0) -> str:
    whole = total or counts.total() or 1
    lines = [f"{count / whole:6.1%}  {name}" for name, count in counts.most_common(SHOWN)]
    return "\n".join([title, *lines])


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.profile", description=__doc__)
    parser.add_argument("--scenario", default="S1", help="one of the benchmark's")
    parser.add_argument("--contender", default=OURS, help="one of the benchmark's")
    parser.add_argument("--events", type=int, default=3 * EVENTS, help="size of the backlog")
    return parser


if __name__ == "__main__":
    main()
