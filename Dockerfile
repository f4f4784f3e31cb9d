# One image for every service: the command says which (`node`, `scheduler`, `server`, `db upgrade`).
#     docker build --target christmas -t christmas .
#     docker build --target browser -t christmas-browser .
ARG PYTHON=python:3.11.14-slim-bookworm

FROM ${PYTHON} AS build
# Only binaries: what has none fails here, and is not built with whatever compiler happens to be there.
ENV PIP_NO_CACHE_DIR=1 PIP_ONLY_BINARY=:all: PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /srv/build
RUN python -m venv --without-pip /opt/christmas
# The packages are a layer of their own: it stays while only christmas changes.
COPY requirements.lock ./
RUN pip --python /opt/christmas/bin/python install --no-compile -r requirements.lock
COPY pyproject.toml setup.py README.md LICENSE christmas_runner.py ./
COPY christmas christmas
COPY spiders spiders
COPY pipelines pipelines
# With the locked setuptools and nothing else: what the lock does not name is missing, and `check` says so.
RUN pip --python /opt/christmas/bin/python install --no-compile --no-deps --no-build-isolation .
RUN pip --python /opt/christmas/bin/python check
# Compiled once, here: nobody can write bytecode later, and a start would compile some thousand files. The files never
# change, so that nothing needs to compare their times.
RUN python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/christmas/lib

FROM ${PYTHON} AS christmas
LABEL org.opencontainers.image.title="christmas" \
      org.opencontainers.image.description="A price guide for collectible Christmas ornaments that keeps itself up to date" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.base.name="docker.io/library/python:3.11.14-slim-bookworm"
# Python's own modules, too: this base comes without their bytecode. HOME is /tmp: what a program keeps there may go.
RUN python -m compileall -q -j 0 --invalidation-mode unchecked-hash /usr/local/lib/python3.11 \
    && groupadd --gid 10001 christmas \
    && useradd --uid 10001 --gid christmas --home-dir /tmp --no-create-home --shell /usr/sbin/nologin christmas \
    && install --directory --owner=christmas --group=christmas --mode=0700 /var/lib/christmas
COPY --from=build /opt/christmas /opt/christmas
# For `scrapy` and plain `scrapyd`, which look for it in the working directory.
COPY scrapy.cfg /srv/christmas/
ENV PATH=/opt/christmas/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    CHRISTMAS__VAR_PATH=/var/lib/christmas \
    CHRISTMAS__LOGS__FORMAT=json \
    CHRISTMAS__NODE__BIND_ADDRESS=0.0.0.0 \
    CHRISTMAS__SERVER__BIND_ADDRESS=0.0.0.0 \
    CHRISTMAS__SCHEDULER__BIND_ADDRESS=0.0.0.0 \
    CHRISTMAS__SCHEDULER__PORT=8001
WORKDIR /srv/christmas
USER 10001:10001
EXPOSE 6800 8000 8001
HEALTHCHECK --interval=30s --timeout=15s --start-period=60s --retries=3 CMD ["python", "-m", "christmas.health.check"]
ENTRYPOINT ["christmas"]
# Not `up`: a command that was forgotten must not read shops into a catalog that nobody knows of.
CMD ["--help"]

FROM christmas AS browser
USER 0:0
# Debian removes a version from its archive when it replaces it, so that none can be named here. Chromium leaves processes
# behind when its run is killed: tini, as the first process of the container, takes them away.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends chromium fonts-liberation tini \
    && rm -rf /var/lib/apt/lists/*
ENV CHRISTMAS__BROWSER_PATH=/usr/bin/chromium
USER 10001:10001
ENTRYPOINT ["tini", "--", "christmas"]
