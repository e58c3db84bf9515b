"""`make chart`: the chart as one file, as `helm push` and `helm install` take it."""

from pathlib import Path

import helm_python

from tests.packaging.helm.rendering import CHART


def pack(folder: Path) -> Path:
    """Pack it into `folder`."""
    folder.mkdir(exist_ok=True)
    return Path(helm_python.package(str(CHART), destination=str(folder)))


if __name__ == "__main__":
    print(pack(CHART.parents[1] / "dist"))
