"""Scrapyd's egg storage over the database, so that every node has every version."""

from __future__ import annotations

import builtins
import io
from datetime import UTC, datetime
from typing import IO, Any

from scrapyd.exceptions import EggNotFoundError, ProjectNotFoundError
from scrapyd.interfaces import IEggStorage
from zope.interface import implementer

from christmas.db import database
from christmas.jobs import eggs, spider_files
from christmas.node import options


@implementer(IEggStorage)
class EggStorage:
    """The eggs of all projects."""

    def __init__(self, config: Any) -> None:
        self.options = options.current()

    def put(self, eggfile: IO[bytes], project: str, version: str, uploaded_by: str | None = None) -> int:
        """Store an egg; return how many spiders it has. Raise EggRefused for anything that is no egg of christmas."""
        content = eggfile.read()
        spiders = spider_files.in_egg(content)
        with database.begin(self.options.engine) as connection:
            now = datetime.now(UTC)
            eggs.put(connection, project, version, content, spiders=spiders, uploaded_by=uploaded_by, now=now)
        return len(spiders)

    def get(self, project: str, version: str | None = None) -> tuple[str | None, IO[bytes] | None]:
        """Return version and egg, the newest where none is named; (None, None) where there is none."""
        with database.read(self.options.engine) as connection:
            found = eggs.resolve(connection, project, version)
            content = eggs.content(connection, project, found[0]) if found else None
        return (found[0], io.BytesIO(content)) if found and content is not None else (None, None)

    def list(self, project: str) -> list[str]:
        """Return a project's versions, the newest last."""
        with database.read(self.options.engine) as connection:
            return eggs.versions(connection, project)

    def list_projects(self) -> builtins.list[str]:
        """Return the projects that have versions."""
        with database.read(self.options.engine) as connection:
            return eggs.projects(connection)

    def delete(self, project: str, version: str | None = None) -> None:
        """Remove one version, or the project's all; raise Scrapyd's errors where there is none."""
        with database.begin(self.options.engine) as connection:
            removed = eggs.remove(connection, project, version)
        if not removed:
            raise (ProjectNotFoundError if version is None else EggNotFoundError)
