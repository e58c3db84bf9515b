"""The stages of a Dockerfile carried out in folders of their own: the same commands, under the same paths.

Every command runs in a mount namespace of its own with a stage's folder as its root. The base image is
this machine's `/usr`, read-only, with the interpreter of the tests in `/usr/local`, where the official
images have it, and of `/etc` what names and certificates are looked up by. Needs Linux and root.
"""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.packaging.deploy.dockerfile import Instruction, Stage, context

PATH = "/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
BUILD_SECONDS = 200
CACHE = Path(__file__).parents[3] / ".cache" / "image"
PASSED_ON = ("pip_", "http_proxy", "https_proxy", "no_proxy", "ssl_cert")
"""What a builder is told of the machine's registries and proxies, by how the variables begin."""

ETC = ("hosts", "ld.so.cache", "nsswitch.conf", "pip.conf", "resolv.conf", "ssl")

Volumes = Mapping[str, Path]


class Rootfs:
    """One stage: what its steps have made lies in `root`, and `environment` is what ENV has said."""

    def __init__(self, root: Path, stage: Stage) -> None:
        self.root = root
        self.stage = stage
        self.environment = {"PATH": PATH}
        self._folder = "/"
        for name in ("usr", "etc", "proc", "dev", "tmp", "opt", "root"):
            (root / name).mkdir(parents=True)
        for name in ("bin", "sbin", "lib", "lib64"):
            (root / name).symlink_to(f"usr/{name}")

    def build(self, source: Path, stages: Mapping[str, "Rootfs"]) -> None:
        """Carry out all steps; `source` is the context, `stages` are those before."""
        for step in self.stage.steps:
            match step.name:
                case "COPY":
                    self._copy(step, source, stages)
                case "RUN":
                    self._run(step)
                case "ENV":
                    said = step.pairs
                    self.environment |= {name: value.replace("$PATH", PATH) for name, value in said.items()}
                case "WORKDIR":
                    self._folder = step.text
                    self.inside(step.text).mkdir(parents=True, exist_ok=True)

    def inside(self, path: str) -> Path:
        """Where a path of the image lies on this machine."""
        return self.root / path.lstrip("/")

    def run_command(self, words: Sequence[str], volumes: Volumes | None = None) -> list[str]:
        """The command that runs `words` as a container does.

        As the image's user, without capabilities or a way to get any, everything read-only but
        `/dev` and `/proc`, and without a single program but Python: there is no shell. Files in
        `volumes` appear under their paths.
        """
        binds = [f"mount --bind {self.root} {self.root}", *self._base("lib", "lib64")]
        binds += [self._bind(file, path) for path, file in (volumes or {}).items()]
        binds += [f"mount -o remount,ro,bind {self.root}", *self._kernel()]
        user = self.stage.the("USER").text
        limits = "setpriv --no-new-privs --bounding-set=-all,+sys_chroot,+setuid,+setgid"
        return in_namespace(binds, f"{limits} chroot --userspec={user} --groups= {self.root}", words)

    def _copy(self, step: Instruction, source: Path, stages: Mapping[str, "Rootfs"]) -> None:
        *names, target = step.words
        if origin := step.flags.get("from"):
            shutil.copytree(stages[origin].inside(names[0]), self.inside(target), symlinks=True)
            return
        visible = context(source)
        for name in names:
            files = [file for file in visible if file == name or file.startswith(f"{name}/")]
            assert files, f"COPY finds no {name} in the context"
            for file in files:
                below = file.removeprefix(name) if file != name else file.rpartition("/")[2]
                if file == name and not target.endswith("/"):
                    below = ""
                to = self.inside(f"{self._folder}/{target}/{below}".rstrip("/"))
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source / file, to)

    def _run(self, step: Instruction) -> None:
        binds = [*self._base("bin", "sbin", "lib", "lib64", "share"), *self._kernel()]
        if mount := step.flags.get("mount"):
            kept = dict(part.split("=") for part in mount.split(","))["target"]
            CACHE.mkdir(parents=True, exist_ok=True)
            self.inside(kept).mkdir(parents=True, exist_ok=True)
            binds.append(f"mount --bind {CACHE} {self.inside(kept)}")
        words = step.words if step.is_exec_form else ["/bin/sh", "-c", step.text]
        told = {name: value for name, value in os.environ.items() if name.lower().startswith(PASSED_ON)}
        command = in_namespace(binds, f"chroot {self.root} env -C {self._folder}", words)
        done = subprocess.run(
            command, env=told | self.environment, capture_output=True, text=True, timeout=BUILD_SECONDS
        )
        assert done.returncode == 0, f"{step.text}\n{done.stdout}{done.stderr}"

    def _base(self, *folders: str) -> list[str]:
        """Shell: the base image's folders of /usr, Python, and some of /etc, read-only.

        Python stands where it was built for as well: it may look for its library there.
        """
        python = Path(sys.base_prefix)
        binds = [f"mount -t tmpfs none {self.root}/usr"]
        for name in (name for name in folders if Path("/usr", name).exists()):
            binds += [f"mkdir {self.root}/usr/{name}", _bound(Path("/usr", name), self.root / "usr" / name)]
        binds += [f"mkdir {self.root}/usr/local", _bound(python, self.inside("usr/local"))]
        if not python.is_relative_to("/usr"):
            binds.append(self._bind(python, sys.base_prefix))
        binds += [
            self._bind(Path("/etc", name), f"/etc/{name}") for name in ETC if Path("/etc", name).exists()
        ]
        return [*binds, f"mount -o remount,ro {self.root}/usr"]

    def _bind(self, source: Path, path: str) -> str:
        """Shell: what lies at `source` appears, read-only, under a path of the image."""
        target = self.inside(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.mkdir(exist_ok=True) if source.is_dir() else target.touch()
        return _bound(source, target)

    def _kernel(self) -> list[str]:
        return [f"mount --rbind /{name} {self.root}/{name}" for name in ("dev", "proc")]


def carried_out(stages: Sequence[Stage], folder: Path, source: Path) -> Rootfs:
    """The last stage, after all have been carried out below `folder` with the context `source`."""
    made: dict[str, Rootfs] = {}
    for number, stage in enumerate(stages):
        name = stage.name or str(number)
        made[name] = Rootfs(folder / name, stage)
        made[name].build(source, made)
    return list(made.values())[-1]


def refusal() -> str:
    """Why there are no namespaces of mounts and networks for us here, as in many containers; or ""."""
    if sys.platform != "linux" or not shutil.which("unshare"):
        return "it has no unshare"
    command = in_namespace(["unshare --net true", "mount -t tmpfs none /tmp"], "", ["true"])
    return subprocess.run(command, capture_output=True, text=True).stderr.strip()


def _bound(source: Path, target: Path) -> str:
    return f"mount --bind {source} {target} && mount -o remount,ro,bind {target}"


def in_namespace(script: Sequence[str], become: str, words: Sequence[str]) -> list[str]:
    """Commands that only their own namespace sees, then the one that takes the place of all of them."""
    last = f"exec {become} {shlex.join(words)}"
    return ["unshare", "--mount", "--propagation", "private", "sh", "-euc", "\n".join([*script, last])]
