"""What a service checks before it starts, with real nodes and schedulers."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from christmas.access import api_keys, bootstrap
from christmas.db import database
from christmas.demo.server import DemoServer
from tests.farm import Farm, Node, until

COMMANDS = {"integrator": "node", "scheduler": "scheduler"}
VENDOR = "ornament_shop_com"


@pytest.fixture(scope="module")
def shops() -> Iterator[DemoServer]:
    with DemoServer(size=12, per_page=12) as server:
        yield server


@pytest.fixture(scope="module")
def farm(shops: DemoServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    farm = Farm(tmp_path_factory.mktemp("services"), shops)
    yield farm
    farm.close()


@pytest.fixture(scope="module")
def node(farm: Farm) -> Node:
    return farm.node("--consumers", "auditor")


def refused(farm: Farm, command: str, **variables: str) -> str:
    """Start a service that must not start; give its one line."""
    done = farm.run(command, **variables)
    assert done.returncode == 1, done.stdout + done.stderr
    lines = (done.stdout + done.stderr).splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("christmas: ")
    return lines[0]


def test_the_first_start_makes_a_key_that_only_its_owner_can_read(farm: Farm, node: Node) -> None:
    path = farm.folder / "keys" / "integrator.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [one.name for one in path.parent.glob("*.key")] == ["integrator.key"]
    answer = node.ask("daemonstatus.json", key=("service-integrator", path.read_text(encoding="ascii").strip()))
    assert answer.status == 200


def test_a_second_start_keeps_the_key(farm: Farm, node: Node) -> None:
    before = (farm.folder / "keys" / "integrator.key").read_bytes()
    bootstrap.check(farm.config, farm.engine, "integrator")
    assert (farm.folder / "keys" / "integrator.key").read_bytes() == before
    with database.read(farm.engine) as connection:
        assert [row.user for row in api_keys.list_keys(connection)].count("service-integrator") == 1


@pytest.mark.parametrize("service", COMMANDS)
def test_a_wrong_key_stops_the_service(service: str, farm: Farm) -> None:
    line = refused(farm, COMMANDS[service], CHRISTMAS__ACCESS__KEY="no-such-key-at-all")
    assert f"The key of the service {service} (CHRISTMAS__ACCESS__KEY) is not valid: unknown key." in line
    assert f"christmas keys create --user service-{service} --role service:{service}" in line
    assert "no-such-key-at-all" not in line


@pytest.mark.parametrize("service", COMMANDS)
def test_a_revoked_key_stops_the_service(service: str, farm: Farm) -> None:
    _, key = farm.key(bootstrap.role(service), user=bootstrap.user(service))
    with database.begin(farm.engine) as connection:
        found = api_keys.find_key(connection, key)
        assert found is not None
        api_keys.revoke(connection, found.id, found.created_at)
    line = refused(farm, COMMANDS[service], CHRISTMAS__ACCESS__KEY=key)
    assert f"{found.id} was revoked" in line
    assert key not in line


@pytest.mark.parametrize("service", COMMANDS)
def test_the_key_of_another_service_stops_the_service(service: str, farm: Farm) -> None:
    other = next(name for name in COMMANDS if name != service)
    _, key = farm.key(bootstrap.role(other), user=bootstrap.user(other))
    line = refused(farm, COMMANDS[service], CHRISTMAS__ACCESS__KEY=key)
    assert f"is not 'service-{service}''s" in line
    assert key not in line


@pytest.mark.parametrize("service", COMMANDS)
def test_its_users_key_of_another_role_stops_the_service(service: str, farm: Farm) -> None:
    _, key = farm.key("internal", user=bootstrap.user(service))
    line = refused(farm, COMMANDS[service], CHRISTMAS__ACCESS__KEY=key)
    assert f"it has the role internal, and not service:{service}" in line


@pytest.mark.integration
@pytest.mark.parametrize("service", COMMANDS)
def test_a_key_file_that_others_can_read_stops_the_service(service: str, shops: DemoServer, tmp_path: Path) -> None:
    farm = Farm(tmp_path / "farm", shops)
    key = bootstrap.own_key(farm.config, farm.engine, service)
    path = farm.folder / "keys" / f"{service}.key"
    path.chmod(0o640)
    line = refused(farm, COMMANDS[service])
    assert f"{path} can be read by others: chmod 600 {path}" in line
    assert key not in line


@pytest.mark.integration
def test_a_damaged_key_file_stops_the_service_with_what_to_do(shops: DemoServer, tmp_path: Path) -> None:
    farm = Farm(tmp_path / "farm", shops)
    bootstrap.own_key(farm.config, farm.engine, "integrator")
    path = farm.folder / "keys" / "integrator.key"
    for content in (b"", b"\xff\xfe\x00"):
        path.write_bytes(content)
        line = refused(farm, "node")
        assert f"({path}) is not valid: unknown key." in line
        assert f"remove {path} to have one made" in line


def test_a_policy_without_the_service_stops_it(farm: Farm, tmp_path: Path) -> None:
    path = tmp_path / "policy.csv"
    path.write_text("p, internal, *, *\np, service:scheduler, jobs, submit\n", encoding="utf-8")
    line = refused(farm, "node", CHRISTMAS__ACCESS__POLICY_PATH=str(path))
    assert "The policy has no service:integrator, which this process is; it has service:scheduler." in line


def test_a_wrong_line_of_the_policy_stops_the_service(farm: Farm, tmp_path: Path) -> None:
    path = tmp_path / "policy.csv"
    path.write_text("p, internal, *\n", encoding="utf-8")
    line = refused(farm, "scheduler", CHRISTMAS__ACCESS__POLICY_PATH=str(path))
    assert f"The policy {path} has the line 'p, internal, *'" in line


def test_no_key_and_no_hash_is_in_a_log(farm: Farm, node: Node) -> None:
    scheduler = farm.start("scheduler", CHRISTMAS__LOG_LEVEL="DEBUG")
    until(lambda: "The scheduler has started" in scheduler.log, what="the start")
    assert scheduler.stop() == 0
    texts = [path.read_text(encoding="ascii").strip() for path in (farm.folder / "keys").glob("*.key")]
    assert len(texts) == 2
    with database.read(farm.engine) as connection:
        texts += [row.hash.hex() for row in api_keys.list_keys(connection)]
    for service in farm.services:
        assert not [text for text in texts if text in service.log]


def test_scrapyds_own_variables_open_no_other_way_in(farm: Farm, tmp_path: Path) -> None:
    socket = tmp_path / "scrapyd.sock"
    port = "1"
    node = farm.node(
        "--consumers", "auditor", SCRAPYD_UNIX_SOCKET_PATH=str(socket), SCRAPYD_BIND_ADDRESS="0.0.0.0",
        SCRAPYD_HTTP_PORT=port, SCRAPYD_USERNAME="admin", SCRAPYD_PASSWORD="admin",  # noqa: S106
    )  # fmt: skip
    assert not socket.exists()
    assert node.ask("jobs", key=("admin", "admin")).status == 401
    assert node.ask("jobs").status == 200
    assert _addresses(node) == [("127.0.0.1", node.port)]


def _addresses(node: Node) -> list[tuple[str, int]]:
    import psutil

    found = psutil.Process(node.process.pid).net_connections("inet")
    return [(one.laddr.ip, one.laddr.port) for one in found if one.status == psutil.CONN_LISTEN]


def test_a_scrapyd_conf_with_a_socket_opens_no_other_way_in(farm: Farm, tmp_path: Path) -> None:
    socket = tmp_path / "scrapyd.sock"
    (tmp_path / "scrapyd.conf").write_text(
        f"[scrapyd]\nunix_socket_path = {socket}\nbind_address = 0.0.0.0\nitems_dir = /\nusername = a\npassword = a\n",
        encoding="utf-8",
    )
    node = farm.node("--consumers", "auditor", cwd=tmp_path)
    assert not socket.exists()
    assert node.ask("items/", anonymous=True).status == 401
    assert node.ask("items/").status == 404
    assert _addresses(node) == [("127.0.0.1", node.port)]


@pytest.mark.integration
def test_a_spiders_process_gets_a_short_list_of_variables(shops: DemoServer, tmp_path: Path) -> None:
    import psutil

    farm = Farm(tmp_path / "farm", shops)
    key = bootstrap.own_key(farm.config, farm.engine, "integrator")
    shops.shops[VENDOR].delay_seconds = 1.0
    try:
        node = farm.node(
            CHRISTMAS__ACCESS__KEY=key, CHRISTMAS__ACCESS='{"log_days": 3}',
            CHRISTMAS__NODE__ENVIRONMENT='["ONE_MORE"]', ONE_MORE="1", ANOTHER="2",
        )  # fmt: skip
        job_id = node.schedule(VENDOR, stage="links").json["jobid"]
        pid = until(lambda: [one["pid"] for one in node.ask("listjobs.json").json["running"] if one["pid"]])[0]
        found = until(lambda: psutil.Process(pid).environ())
        assert node.ask("cancel.json", {"project": "christmas", "job": job_id}).status == 200
    finally:
        shops.shops[VENDOR].delay_seconds = 0.0
        farm.close()
    assert found["ONE_MORE"] == "1"
    assert found["CHRISTMAS__SERVICE"] == "spider:integrator"
    assert "PATH" in found
    assert "ANOTHER" not in found
    assert not [name for name in found if name.upper().startswith(("CHRISTMAS__ACCESS", "CHRISTMAS__NODE"))]
    assert key not in repr(found)


def written(folder: Path, **texts: str) -> Path:
    """Write keys as a Secret's volume has them."""
    folder.mkdir()
    for service, text in texts.items():
        (folder / f"{service}.key").write_text(text + "\n", encoding="ascii")
    return folder


def test_keys_that_were_made_before_are_made_known(farm: Farm, tmp_path: Path) -> None:
    made = [farm.run("keys", "new").stdout.strip() for _ in range(2)]
    assert made[0] != made[1]
    folder = written(tmp_path / "keys", scheduler=made[0], server=made[1])
    for _ in range(2):  # again, with the next version
        done = farm.run("db", "upgrade", "--service-keys", str(folder))
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.endswith("Registered the keys of scheduler, server\n")
        assert not set(made) & set(done.stdout.split())
    elsewhere = {"CHRISTMAS__VAR_PATH": str(tmp_path / "empty"), "CHRISTMAS__DATABASE__URL": farm.config.database_url}
    scheduler = farm.start("scheduler", CHRISTMAS__ACCESS__KEY=made[0], **elsewhere)
    until(lambda: "The scheduler has started" in scheduler.log or scheduler.process.poll() is not None, 60)
    assert scheduler.stop() == 0, scheduler.log
    assert "is not valid: key" in refused(farm, "scheduler", CHRISTMAS__ACCESS__KEY=made[1])
    with database.read(farm.engine) as connection:
        known = [api_keys.find_key(connection, key) for key in made]
    assert [(one.user, one.role) for one in known if one is not None] == [
        ("service-scheduler", "service:scheduler"), ("service-server", "service:server")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("service", "text", "says"),
    [
        ("scheduler", "secret", "holds no key; `christmas keys new` makes one"),
        ("scheduler", "", "holds no key; `christmas keys new` makes one"),
        ("nobody", "a" * 43, "holds no key: expected scheduler.key, integrator.key, auditor.key, server.key"),
    ],
)
def test_what_is_no_key_of_a_service_is_refused(service: str, text: str, says: str, farm: Farm, tmp_path: Path) -> None:
    done = farm.run("db", "upgrade", "--service-keys", str(written(tmp_path / "keys", **{service: text})))
    assert done.returncode == 1
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_key_of_another_or_one_that_was_revoked_is_refused(farm: Farm, tmp_path: Path) -> None:
    _, key = farm.key("user", user="ann")
    done = farm.run("db", "upgrade", "--service-keys", str(written(tmp_path / "another", scheduler=key)))
    assert done.returncode == 1
    assert "is not 'service-scheduler''s. Put a new one there" in done.stderr
    assert key not in done.stderr
    _, key = farm.key("service:scheduler", user="service-scheduler")
    with database.begin(farm.engine) as connection:
        found = api_keys.find_key(connection, key)
        assert found is not None
        api_keys.revoke(connection, found.id, datetime.now(UTC))
    done = farm.run("db", "upgrade", "--service-keys", str(written(tmp_path / "revoked", scheduler=key)))
    assert done.returncode == 1
    assert "was revoked" in done.stderr


def test_a_folder_that_holds_something_else_is_one_line(farm: Farm, tmp_path: Path) -> None:
    (tmp_path / "server.key").mkdir()  # what Docker makes of a file that is not there
    for folder, says in ((tmp_path, "server.key is no file"), (tmp_path / "nowhere", "There is no folder")):
        done = farm.run("db", "upgrade", "--service-keys", str(folder))
        assert done.returncode == 1
        assert says in done.stderr
        assert done.stderr.count("\n") == 1
    (tmp_path / "server.key").rmdir()
    (tmp_path / "server.key").symlink_to("/dev/zero")
    assert "server.key is no file" in farm.run("db", "upgrade", "--service-keys", str(tmp_path)).stderr
