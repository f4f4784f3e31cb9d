"""Which jobs can be submitted, and what they take."""

import inspect
from typing import Annotated, Any

from fastapi import APIRouter, Depends

from christmas.jobs.definitions import registry
from christmas.jobs.definitions.base import Definition as JobDefinition
from christmas.jobs.definitions.base import SpiderJob
from christmas.server.api.job_models import Definition, DefinitionArgument, DefinitionList
from christmas.server.auth import Caller, needs
from christmas.server.problems import responses

router = APIRouter(tags=["jobs"])


@router.get("/job-definitions", summary="The jobs that can be submitted", responses=responses())
def list_definitions(caller: Annotated[Caller, Depends(needs("jobs.read"))]) -> DefinitionList:
    """Return name, consumer, arguments and meaning of every job."""
    return DefinitionList(items=[_shown(registry.DEFINITIONS[name]) for name in sorted(registry.DEFINITIONS)])


def _shown(job: type[JobDefinition]) -> Definition:
    name = job.job_name()
    schemas = job.model_json_schema()["properties"] if job.model_fields else {}
    arguments = [
        DefinitionArgument(
            name=one,
            type=_words(schemas[one]),
            required=field.is_required(),
            default=None if field.is_required() else field.get_default(call_default_factory=True),
            values=_values(schemas[one]),
        )
        for one, field in job.model_fields.items()
    ]
    return Definition(
        name=name,
        consumer=name.partition(".")[0] if issubclass(job, SpiderJob) else None,
        priority=job.priority,
        doc=inspect.getdoc(job) or "",
        arguments=arguments,
    )


def _given(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a value that is given: null only stands for one that is not."""
    found: list[dict[str, Any]] = [one for one in schema.get("anyOf", []) if one.get("type") != "null"]
    return found[0] if found else schema


def _values(schema: dict[str, Any]) -> list[str] | None:
    given = _given(schema)
    return [given["const"]] if "const" in given else given.get("enum")


def _words(schema: dict[str, Any]) -> str:
    given = _given(schema)
    if "const" in given or "enum" in given:
        return "one of the values"
    if given["type"] == "integer":
        most = given["maximum"] if "maximum" in given else given["exclusiveMaximum"] - 1
        return f"integer from {given['minimum']} to {most}"
    return "list of texts" if given["type"] == "array" else "text"
