"""What coverage traces, as a pytest plugin: enough to see every line that is tested, and no more.

To trace costs half as much again: of a test with parameters only the first case is traced, and of the processes that
tests start only those of the files below, which between them run everything.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from coverage import Coverage

# For the processes that tests start; this one has begun to trace already. See pyproject.toml.
os.environ["COVERAGE_LESS"] = ""
TRACED = (
    "auditor/test_quarantine.py", "commands/", "extensions/", "middlewares/", "node/test_api.py",
    "node/test_consumers.py", "node/test_guard.py", "node/test_metrics_page.py", "node/test_plain_scrapyd.py",
    "platforms/", "scheduler/", "server/", "test_politeness.py",
)  # fmt: skip
FOLDER = Path(__file__).parent


@pytest.fixture(scope="module", autouse=True)
def traced(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let coverage trace the processes of a file, or not."""
    with pytest.MonkeyPatch.context() as patch:
        if not request.path.relative_to(FOLDER).as_posix().startswith(TRACED):
            patch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Leave out all cases of a test but the first."""
    coverage = Coverage.current()
    indices = item.callspec.indices.values() if isinstance(item, pytest.Function) and hasattr(item, "callspec") else ()
    if coverage is None or not any(indices):
        return (yield)
    coverage.stop()
    try:
        return (yield)
    finally:
        with warnings.catch_warnings(action="ignore"):  # what is measured was imported long ago
            coverage.start()
