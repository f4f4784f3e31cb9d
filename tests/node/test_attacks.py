"""Ways around the guard, tried over a socket as nobody's client would."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from christmas.node.guard import PERMISSIONS
from tests.node.guarded import MARK, MINE, OTHER, Guarded, guarded
from tests.wire import ask, basic, send

REQUEST_MAX = 2048
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"
JOB = f"project=christmas&spider={MINE}&stage=links".encode()
LOG = f"logs/christmas/{MINE}/one.log".encode()
RESOURCES = [path.encode() for path in PERMISSIONS] + [LOG, b"items", b"nothing"]
DISGUISES = [
    b"/%s", b"/%s/", b"//%s", b"/./%s", b"/%%2e/%s", b"/x/../%s", b"/health/../%s", b"/health%%2f..%%2f%s",
    b"/%s/../%s", b"/%s?x", b"/%s;x", b"/%s%%00", b"/%s%%20", b"/%%00/%s", b"/%%2f%s", b"/%s%%2f", b"/%s#x",
    b"/Health/%s", b"/logs/%s", b"/logs/../%s", b"/\\%s", b"%s", b"x%s", b"http://node/%s",
    b"http://node/health/../%s", b"/%s/health",
    b"/%s?health", b"/health;/%s", b"/%%68ealth/../%s", b"/%%ff/%s", b"/health%%00/%s", b"*/%s", b"?%s", b"/?%s",
]  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    more = {"CHRISTMAS__NODE__REQUEST_MAX_BYTES": str(REQUEST_MAX)}
    with guarded(tmp_path_factory.mktemp("attacks"), **more) as found:
        yield found


def upper(name: bytes) -> bytes:
    return name.upper()


def mixed(name: bytes) -> bytes:
    return name[:1].upper() + name[1:]


NO_HEALTH = b'{"status": "error", "message": "there are /health/live and /health/ready"}\n'


def encoded(name: bytes) -> bytes:
    return b"".join(b"%%%02x" % letter if letter != ord("/") else b"/" for letter in name)


def twice(name: bytes) -> bytes:
    return encoded(name).replace(b"%", b"%25")


def target(disguise: bytes, name: bytes) -> bytes:
    return disguise.replace(b"%s", name).replace(b"%%", b"%") or b"/"


@pytest.mark.parametrize("disguise", DISGUISES)
def test_no_spelling_of_a_path_needs_no_key(disguise: bytes, site: Guarded) -> None:
    jobs = site.farm.jobs()
    for name in RESOURCES:
        path = target(disguise, name)
        for method, body in ((b"GET", b""), (b"POST", JOB)):
            reply = ask(site.node.port, path, FORM, method=method, body=body)
            if reply.status not in {400, 401}:
                assert path.startswith((b"/health/", b"/%68ealth/")), (path, reply)
                assert (reply.status, reply.body) in {(404, NO_HEALTH), (405, reply.body)}
            assert MARK.encode() not in reply.body
    assert site.farm.jobs() == jobs


@pytest.mark.parametrize("change", [upper, mixed, encoded, twice])
def test_no_letter_case_and_no_encoding_changes_the_permission(change, site: Guarded) -> None:  # type: ignore[no-untyped-def]
    user = basic(*site.keys["user"])
    for name in RESOURCES:
        path = b"/" + change(name)
        assert ask(site.node.port, path).status == 401
        assert ask(site.node.port, path, user).status == 403
        assert ask(site.node.port, path, user, FORM, method=b"POST", body=JOB).status == 403
    assert site.farm.jobs() == []


@pytest.mark.parametrize("disguise", DISGUISES)
def test_no_spelling_of_a_path_gives_more_than_the_role_has(disguise: bytes, site: Guarded) -> None:
    service, user = basic(*site.keys["service"]), basic(*site.keys["user"])
    for name in (b"schedule.json", b"cancel.json", b"delproject.json", LOG):
        path = target(disguise, name)
        for key in (service, user):
            reply = ask(site.node.port, path, key, FORM, method=b"POST", body=JOB)
            assert reply.status in {200, 400, 403, 405, 501}, (path, reply)
            assert b"jobid" not in reply.body
            assert MARK.encode() not in ask(site.node.port, path, key).body
    assert site.farm.jobs() == []


@pytest.mark.parametrize(
    "method", [b"OPTIONS", b"TRACE", b"PUT", b"DELETE", b"PATCH", b"CONNECT", b"get", b"FOO", b"__"]
)
def test_no_method_needs_no_key(method: bytes, site: Guarded) -> None:
    for name in RESOURCES:
        assert ask(site.node.port, b"/" + name, method=method).status == 401
        assert ask(site.node.port, b"/" + name, basic(*site.keys["internal"]), method=method).status in {404, 405, 501}
    star = ask(site.node.port, b"*", method=method)
    assert (star.status, star.body) in {(200, b""), (405, b"")}


HEADERS = [
    b"Bearer abc", b"Basic", b"Basic ", b"basic", b"Basic !!!", b"Basic bm9jb2xvbg==", b"Basic Og==",
    b"Basic YTpi YTpi", b"Basic YQBiOmMAZA==", b"Basic /zr+", b"\xff\xfe", b"Basic \xe9\xe9\xe9\xe9", b"", b":",
    b"Digest username=x", b"Basic" + b" " * 5000 + b"YTpi", b"Basic " + b"QTpB" * 3000, b"Negotiate x", b"Basic\tYTpi",
]  # fmt: skip


@pytest.mark.parametrize("value", HEADERS, ids=lambda value: repr(value[:20]))
def test_an_odd_authorization_header_is_no_key(value: bytes, site: Guarded) -> None:
    reply = ask(site.node.port, b"/jobs", b"Authorization: " + value + b"\r\n")
    assert reply.status == 401, reply
    assert reply.json["status"] == "error"


def test_a_header_with_a_nul_or_of_100_kilobytes_is_not_read(site: Guarded) -> None:
    assert ask(site.node.port, b"/jobs", b"Authorization: Basic YTpi\x00\r\n").status == 400
    assert ask(site.node.port, b"/jobs", b"Authorization: Basic " + b"A" * 100_000 + b"\r\n").status in {0, 400}
    assert site.node.ask("health").status == 200


def test_the_key_may_be_spelled_as_the_standard_allows(site: Guarded) -> None:
    key = basic(*site.keys["internal"])
    for line in (key, key.replace(b"Basic", b"bAsIc"), key.replace(b"Basic ", b"Basic   "), key.replace(b"A", b"a", 1)):
        assert ask(site.node.port, b"/jobs", line).status == 200


def test_of_two_keys_in_one_request_only_one_counts_for_both_check_and_answer(site: Guarded) -> None:
    good, bad = basic(*site.keys["internal"]), basic(*site.keys["user"])
    assert ask(site.node.port, b"/jobs", good, bad).status == 403
    assert ask(site.node.port, b"/jobs", bad, good).status == 200


@pytest.mark.parametrize("line", [b"Origin: \xff", b"Sec-Fetch-Site: \xff", b"Origin: http://[", b"Sec-Fetch-Site: "])
def test_odd_headers_of_a_browser_are_another_site(line: bytes, site: Guarded) -> None:
    reply = ask(site.node.port, b"/jobs", basic(*site.keys["internal"]), line + b"\r\n")
    assert reply.status == 403, reply


def test_an_origin_is_not_the_nodes_own_because_both_are_empty(site: Guarded) -> None:
    key = basic(*site.keys["internal"])
    for host in (b"", b"Host:\r\n", b"Host: \r\n"):
        data = b"GET /jobs HTTP/1.0\r\n" + host + key + b"Origin: null\r\n\r\n"
        assert [reply.status for reply in send(site.node.port, data)] == [403]


def test_old_http_without_a_host_needs_a_key_like_any_other(site: Guarded) -> None:
    for version in (b"HTTP/1.0", b"HTTP/1.1"):
        head = b"GET /jobs " + version + b"\r\nConnection: close\r\n"
        assert [reply.status for reply in send(site.node.port, head + b"\r\n")] == [401]
        assert [reply.status for reply in send(site.node.port, head + basic(*site.keys["internal"]) + b"\r\n")] == [200]
    for line in (b"GET /jobs\r\n\r\n", b"GET /jobs HTTP/0.9\r\n\r\n", b"GET  /jobs HTTP/1.1\r\n\r\n", b"/jobs\r\n\r\n"):
        assert [reply.status for reply in send(site.node.port, line)] == [400]


def test_each_of_several_requests_on_one_connection_is_checked_by_itself(site: Guarded) -> None:
    def request(path: bytes, *lines: bytes) -> bytes:
        return b"GET " + path + b" HTTP/1.1\r\nHost: node\r\n" + b"".join(lines) + b"\r\n"

    key, user = basic(*site.keys["internal"]), basic(*site.keys["user"])
    data = request(b"/jobs", key) + request(b"/jobs") + request(b"/health") + request(b"/jobs", user)
    data += request(b"/jobs", key) + request(b"/jobs", b"Connection: close\r\n")
    assert [reply.status for reply in send(site.node.port, data)] == [200, 401, 200, 403, 200, 401]


def test_a_request_hidden_in_anothers_body_is_no_request(site: Guarded) -> None:
    hidden = b"POST /schedule.json?" + JOB + b" HTTP/1.1\r\nHost: node\r\n" + basic(*site.keys["internal"]) + b"\r\n"
    head = b"POST /health HTTP/1.1\r\nHost: node\r\nConnection: close\r\n"
    length = b"Content-Length: %d\r\n" % len(hidden)
    chunked = b"Transfer-Encoding: chunked\r\n"
    for lines, body in (
        (length, hidden),
        (length + chunked, b"0\r\n\r\n" + hidden),
        (chunked + length, b"0\r\n\r\n" + hidden),
        (length + b"Content-Length: 0\r\n", hidden),
        (b"Transfer-Encoding: xchunked\r\n" + length, hidden),
    ):
        assert [reply.status for reply in send(site.node.port, head + lines + b"\r\n" + body)] in ([405], [400])
    assert site.farm.jobs() == []


def test_a_request_that_is_too_large_does_nothing(site: Guarded) -> None:
    head = b"POST /schedule.json?" + JOB + b" HTTP/1.1\r\nHost: node\r\n" + basic(*site.keys["internal"])
    again = head + b"Content-Length: 0\r\n\r\n"
    size = REQUEST_MAX + 1
    for body in (
        b"Content-Length: %d\r\n\r\n" % size + b"x" * size,
        b"Content-Length: %d\r\n\r\n" % size + b"x" * size + again,
        b"Content-Length: %d\r\n\r\n" % size + b"x" * 10,
        b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % size + b"x" * size + b"\r\n0\r\n\r\n" + again,
        b"Transfer-Encoding: chunked\r\n\r\n" + b"200\r\n" + b"x" * 512 + b"\r\n",
    ):
        more = (b"200\r\n" + b"x" * 512 + b"\r\n") * 8 + b"0\r\n\r\n" if body.endswith(b"x\r\n") else b""
        replies = send(site.node.port, head + body + more)
        assert [reply.status for reply in replies] == [413]
        assert replies[0].json == {"status": "error", "message": "the request is too large"}
    assert site.farm.jobs() == []


def test_nothing_of_a_body_is_looked_at_before_the_key(site: Guarded) -> None:
    broken = b"Content-Type: multipart/form-data; boundary=b\r\n"
    reply = ask(site.node.port, b"/schedule.json", broken, method=b"POST", body=b"no part of anything")
    assert reply.status == 401
    reply = ask(
        site.node.port, b"/schedule.json", broken, basic(*site.keys["internal"]), method=b"POST", body=b"no part"
    )
    assert (reply.status, "multipart/form-data" in reply.json["message"]) == (400, True)


def test_a_path_with_a_nul_or_of_another_encoding_is_refused(site: Guarded) -> None:
    key = basic(*site.keys["internal"])
    log = b"/logs/christmas/" + MINE.encode() + b"/one.log"
    for path in (b"/logs/%00", b"/logs/christmas/%00", log + b"%00.gz", b"/logs/%ff", b"/logs/%c0%ae%c0%ae/x"):
        assert ask(site.node.port, path, key).status == 400


@pytest.mark.parametrize(
    "path",
    [
        b"/logs/../christmas.db", b"/logs/%2e%2e/christmas.db", b"/logs/..%2fchristmas.db",
        b"/logs/%2e%2e%2fchristmas.db", b"/logs//../christmas.db", b"/logs/christmas/../../christmas.db",
        b"/logs/../keys/integrator.key",
        b"/logs/%2fetc/passwd", b"/logs//etc/passwd", b"/logs/%2fetc%2fpasswd", b"/logs/..%5c..%5cchristmas.db",
        b"/logs/..;/christmas.db", b"/logs/%252e%252e/christmas.db",
    ],
)  # fmt: skip
def test_no_path_leads_out_of_the_folder_of_the_logs(path: bytes, site: Guarded) -> None:
    assert (site.farm.folder / "christmas.db").exists()
    assert ask(site.node.port, path, basic(*site.keys["internal"])).status == 404


def test_nothing_of_all_this_was_an_unexpected_error(site: Guarded) -> None:
    assert ask(site.node.port, b"/logs/christmas/" + OTHER.encode() + b"/", basic(*site.keys["internal"])).status == 200
    assert "Traceback" not in site.node.log
    assert "Unhandled" not in site.node.log
