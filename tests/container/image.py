"""The Dockerfile as data, and the image as far as it can be made without an engine: its build stage, run for real.

A box is what a container is to its process: the image's paths and variables, a read-only root, no capability, the
image's user, and nothing to write but two folders. It needs root, to make a mount namespace.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PurePosixPath

import pytest

from tests.farm import ROOT, Service

DOCKERFILE = ROOT / "Dockerfile"
SITE_PACKAGES = Path(pytest.__file__).parents[1]
LOCK = "requirements.lock"
HOME = "/tmp"  # noqa: S108  # the home folder of the image's user


@dataclass(frozen=True, slots=True)
class Stage:
    """One ``FROM`` and what follows: pairs of an instruction and its text."""

    name: str
    base: str
    steps: list[tuple[str, str]]

    def texts(self, word: str) -> list[str]:
        return [text for name, text in self.steps if name == word]

    @property
    def environment(self) -> dict[str, str]:
        pairs = [pair.partition("=") for text in self.texts("ENV") for pair in shlex.split(text)]
        return {name: value for name, _, value in pairs}

    @property
    def copied(self) -> list[str]:
        """Return what is copied from the folder that is built."""
        words = [shlex.split(text) for text in self.texts("COPY") if not text.startswith("--from")]
        return [source for line in words for source in line[:-1]]


@cache
def stages() -> dict[str, Stage]:
    """Return the stages by name; arguments before the first are put in."""
    text = "\n".join(line for line in DOCKERFILE.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    arguments: dict[str, str] = {}
    found: dict[str, Stage] = {}
    for line in text.replace("\\\n", " ").splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "ARG":
            name, _, value = rest.partition("=")
            arguments[f"${{{name}}}"] = value
        elif word == "FROM":
            base, _, name = rest.partition(" AS ")
            found[name] = Stage(name, arguments.get(base, base), [])
        elif word:
            list(found.values())[-1].steps.append((word, rest.strip()))
    return found


def variables(stage: str = "christmas") -> dict[str, str]:
    """Return the variables of a process in an image, those of its base among them."""
    one = stages()[stage]
    return (variables(one.base) if one.base in stages() else {}) | one.environment


def tracked(*paths: str) -> list[str]:
    """Return the files below these paths that are part of the project."""
    done = subprocess.run(["git", "ls-files", "-z", "--", *paths], cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in done.stdout.split("\0") if name]


def needs_boxes() -> None:
    """Skip where a test can make no mount namespace."""
    if sys.platform != "linux" or os.getuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("what runs in the image needs root on Linux, and setpriv, to make a read-only root")
    probe = subprocess.run(["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True)
    if probe.returncode != 0:
        pytest.skip(f"no mount namespace can be made here: {probe.stderr.decode().strip()}")


@dataclass
class Image:
    """The image's files in a folder: ``venv`` and ``workdir``, where the Dockerfile says they are."""

    folder: Path
    started: list[Service] = field(default_factory=list)

    @property
    def venv(self) -> PurePosixPath:
        return PurePosixPath(variables()["PATH"].partition(":")[0]).parent

    @property
    def workdir(self) -> PurePosixPath:
        return PurePosixPath(stages()["christmas"].texts("WORKDIR")[0])

    @property
    def var(self) -> PurePosixPath:
        return PurePosixPath(variables()["CHRISTMAS__VAR_PATH"])

    def build(self) -> None:
        """Run the build stage, but for the packages: those of the tests stand for them."""
        stage = stages()["build"]
        for name in ("venv", "workdir"):
            (self.folder / name).mkdir(parents=True)
        source = self.folder / "source"
        for name in tracked(*stage.copied):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
        for name in tracked(*stages()["christmas"].copied):
            shutil.copy(ROOT / name, self.folder / "workdir")
        build = PurePosixPath(stage.texts("WORKDIR")[0])
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        environment = {"PATH": path, "HOME": HOME, "PIP_NO_INDEX": "1", "LANG": "C.UTF-8", **stage.environment}
        first, *rest = (text for text in stage.texts("RUN") if LOCK not in text)
        for command in (first, self._with_packages(), *rest):
            mounts = self._mounts({source: build}, writable={self.venv, build})
            script = "\n".join(["set -eu", *mounts, f"cd {build}", command])
            done = subprocess.run(
                ["unshare", "--mount", "sh", "-c", script], env=environment, capture_output=True, text=True
            )
            assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"

    def _with_packages(self) -> str:
        where = f"{self.venv}/lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages/packages.pth"
        return f"echo {self.venv.parent}/packages > {where}"

    def _mounts(self, more: dict[Path, PurePosixPath], writable: set[PurePosixPath]) -> list[str]:
        """Return the commands that lay out the root."""
        places = {
            self.folder / "venv": self.venv, SITE_PACKAGES: self.venv.parent / "packages",
            self.folder / "workdir": self.workdir, Path(sys.base_prefix): PurePosixPath(sys.base_prefix), **more,
        }  # fmt: skip
        # This Python, too, may be in a folder that is closed to the image's user.
        top = PurePosixPath(*PurePosixPath(sys.base_prefix).parts[:2])
        covers = {place.parent for place in (self.venv, self.workdir, self.var)} | ({top} - {PurePosixPath("/usr")})
        if top == PurePosixPath("/usr"):
            places.pop(Path(sys.base_prefix))
        commands = ["mount -t tmpfs -o mode=755 tmpfs /mnt"]
        for number, source in enumerate(places):  # first of all: some will be covered
            commands += [f"mkdir /mnt/{number}", f"mount --bind {shlex.quote(str(source))} /mnt/{number}"]
        commands += [f"mount -t tmpfs -o mode=755 tmpfs {cover}" for cover in sorted(covers)]
        commands += [f"mkdir -p {self.var}"]
        for number, place in enumerate(places.values()):
            commands += [f"mkdir -p {place}", f"mount --bind /mnt/{number} {place}"]
            commands += [] if place in writable else [f"mount -o remount,ro,bind {place}"]
        return [*commands, *(f"mount -o remount,ro,bind {cover}" for cover in sorted(covers))]

    def command(self, words: list[str], var: Path | None = None) -> list[str]:
        """Return the command that runs another as a container does; without ``var`` it writes only /tmp."""
        user, _, group = stages()["christmas"].texts("USER")[0].partition(":")
        mounts = self._mounts({var: self.var} if var else {}, writable={self.var})
        drop = f"setpriv --reuid {user} --regid {group} --clear-groups --bounding-set -all --no-new-privs"
        script = [
            "set -eu",
            *mounts,
            f"mount -t tmpfs -o mode=1777 tmpfs {HOME}",
            "umount --recursive /mnt",
            "mount -o remount,ro,bind /",
        ]
        script += [f"cd {self.workdir}", f'exec {drop} "$@"']
        return ["unshare", "--mount", "sh", "-c", "\n".join(script), "box", *words]

    def run(self, *words: str, var: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            self.command(list(words), var), env=variables() | {"HOME": HOME} | environment,
            capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def start(self, *words: str, var: Path, stage: str = "christmas", **environment: str) -> Service:
        """Start a service; ``var`` is made its own."""
        user, _, group = stages()["christmas"].texts("USER")[0].partition(":")
        var.mkdir(mode=0o700)
        os.chown(var, int(user), int(group))
        log = var.with_suffix(".log")
        with log.open("wb") as output:
            process = subprocess.Popen(
                self.command(list(words), var), env=variables(stage) | {"HOME": HOME} | environment,
                stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        self.started.append(Service(process, log))
        return self.started[-1]

    def close(self) -> None:
        """End what was started."""
        while self.started:
            service = self.started.pop()
            try:
                service.stop()
            except subprocess.TimeoutExpired:
                service.kill()
