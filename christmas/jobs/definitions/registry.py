"""Which jobs there are, and which of them a spider with arguments is."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import partial
from typing import Any

from christmas.errors import ArgumentError, JobRefused
from christmas.jobs.definitions import auditor, integrator
from christmas.jobs.definitions.base import Definition, RootJob, SpiderJob
from christmas.jobs.spider_arguments import JOBS, no_such_stage

_ABSTRACT = {Definition, SpiderJob, RootJob, auditor.Audit}
MODULES = {"integrator": integrator, "auditor": auditor}
DEFINITIONS: dict[str, type[Definition]] = {
    found.job_name(): found
    for module in MODULES.values()
    for found in vars(module).values()
    if inspect.isclass(found) and issubclass(found, Definition) and found not in _ABSTRACT
}


def _refuse(consumer: str, name: str) -> None:
    """Raise AttributeError with the list of jobs, for ``jobs.CONSUMER.NAME`` where there is no such job."""
    raise AttributeError(f"There is no job {consumer}.{name}; there are {', '.join(sorted(DEFINITIONS))}.")


for _consumer, _module in MODULES.items():
    vars(_module)["__getattr__"] = partial(_refuse, _consumer)


def definition(name: str) -> type[Definition]:
    """Return the definition of a name; raise JobRefused with the list of those that exist."""
    try:
        return DEFINITIONS[name]
    except KeyError:
        raise JobRefused(f"There is no job {name!r}; there are {', '.join(sorted(DEFINITIONS))}.") from None


def make(name: str, arguments: Mapping[str, Any]) -> Definition:
    """Build a job; raise JobRefused for an unknown name and ArgumentError for wrong arguments."""
    return definition(name)(**arguments)


def of_spider(spider: str, arguments: Mapping[str, Any]) -> Definition:
    """Return the job that a spider with a stage is, as Scrapyd's ``schedule.json`` names it."""
    rest = {name: value for name, value in arguments.items() if name != "stage"}
    stage = arguments.get("stage")
    if stage not in JOBS:
        raise no_such_stage(stage)
    if "vendor" in rest:
        raise ArgumentError("There is no argument vendor: the spider is the vendor.")
    return make(JOBS[stage], {"vendor": spider, **rest})
