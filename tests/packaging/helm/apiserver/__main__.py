"""Build kube-apiserver and etcd: `make apiserver`."""

import sys

from tests.packaging.helm.apiserver import build

if __name__ == "__main__":
    try:
        build.build()
    except build.CannotBuildError as error:
        sys.exit(str(error))
    print(f"{build.target()} has {' and '.join(build.PROGRAMS)}")
