"""``requirements.lock`` names an exact version of everything that christmas needs, and no other."""

from __future__ import annotations

import tomllib
from importlib.metadata import PackageNotFoundError, requires, version

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.container.image import ROOT

# The machine that the lock is for; see the Dockerfile.
IMAGE = {
    "python_version": "3.11", "python_full_version": "3.11.14", "sys_platform": "linux", "platform_system": "Linux",
    "os_name": "posix", "implementation_name": "cpython", "platform_python_implementation": "CPython",
}  # fmt: skip


def locked(on: dict[str, str] = IMAGE) -> dict[str, str]:
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line) for line in lines if not line.startswith("#")]
    return {str(canonicalize_name(pin.name)): str(pin.specifier)[2:] for pin in pins if applies(pin, "", on)}


def direct() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [one for text in project["dependencies"] if applies(one := Requirement(text), "")]


def applies(requirement: Requirement, extra: str, on: dict[str, str] = IMAGE) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({**on, "extra": extra})


def needed() -> tuple[dict[str, list[Requirement]], set[str]]:
    """Return what is needed by name, with what is asked of it; and the packages that are here in other versions.

    What those need is not known: time has passed since the lock was made.
    """
    found: dict[str, list[Requirement]] = {}
    others: set[str] = set()
    open_, seen = direct(), set()
    while open_:
        requirement = open_.pop()
        name = str(canonicalize_name(requirement.name))
        found.setdefault(name, []).append(requirement)
        for extra in ("", *requirement.extras):
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            if locked().get(name, here(name)) == here(name):
                open_ += [one for text in requires(name) or [] if applies(one := Requirement(text), extra)]
            else:
                others.add(name)
    return found, others


def here(name: str) -> str:
    """Return the version of a package of this environment, nothing where it is not there."""
    try:
        return version(name)
    except PackageNotFoundError:  # another Python's needs it
        return ""


def test_everything_that_is_needed_is_locked_in_a_version_that_fits() -> None:
    lock = locked()
    for name, asked in needed()[0].items():
        assert name in lock, asked
        for requirement in asked:
            assert requirement.specifier.contains(lock[name], prereleases=True), f"{requirement}, locked {lock[name]}"


def test_nothing_else_is_locked() -> None:
    names, others = needed()
    if others := others - {"pip"}:  # which needs none
        pytest.skip(
            f"this environment has other versions of {', '.join(sorted(others))}, which may need other packages"
        )
    assert set(locked()) == set(names)


def test_every_direct_dependency_is_locked_within_its_range() -> None:
    for requirement in direct():
        pin = locked()[str(canonicalize_name(requirement.name))]
        assert requirement.specifier.contains(pin), (str(requirement), pin)


def test_the_lock_builds_christmas_too() -> None:
    """The image is built without a network after the packages: with the locked setuptools."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    for text in pyproject["build-system"]["requires"]:
        requirement = Requirement(text)
        assert requirement.specifier.contains(locked()[str(canonicalize_name(requirement.name))])


def test_the_first_versions_of_python_need_one_more() -> None:
    debian = IMAGE | {"python_full_version": "3.11.2"}
    wanted = [one for text in requires("redis") or [] if applies(one := Requirement(text), "", debian)]
    assert {str(canonicalize_name(one.name)) for one in wanted} <= locked(debian).keys()
    assert locked(debian).keys() - locked().keys() == {"async-timeout"}
