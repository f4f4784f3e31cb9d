from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import pytest

from christmas.reading import json_ld


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param('{"a": 1}', {"a": 1}, id="valid"),
        pytest.param('\ufeff {"a": 1};\n', {"a": 1}, id="byte order mark and semicolon"),
        pytest.param('{"a": 9.50}', {"a": Decimal("9.50")}, id="decimals"),
        pytest.param('{"a": 1, }', {"a": 1}, id="trailing comma in an object"),
        pytest.param('{"a": [1, 2,\n]}', {"a": [1, 2]}, id="trailing comma in a list"),
        pytest.param('{"a": "b, }"}', {"a": "b, }"}, id="no trailing comma but a name"),
        pytest.param('{"a": "b, }",}', {"a": "b, }"}, id="a name kept while a comma is mended"),
        pytest.param('{"a": 1 /* price */}', {"a": 1}, id="block comment"),
        pytest.param('/* first */ {"a": 1}', {"a": 1}, id="comment before"),
        pytest.param('// first\n{"a": 1} // last', {"a": 1}, id="line comments"),
        pytest.param('{"a": "http://x/", // the shop\n"b": 2}', {"a": "http://x/", "b": 2}, id="comment after a link"),
        pytest.param('{"a": "b /* c */ d",}', {"a": "b /* c */ d"}, id="no comment but a name"),
        pytest.param('{"a": "two\nlines\tand\x01more"}', {"a": "two\nlines\tand\x01more"}, id="control characters"),
        pytest.param("{&quot;a&quot;: &quot;b&quot;}", {"a": "b"}, id="entities for quotes"),
        pytest.param("{&#34;a&#34;: &#34;b&#34;}", {"a": "b"}, id="numeric entities"),
        pytest.param('{"a": "3&quot; Bell"}', {"a": "3&quot; Bell"}, id="entities within strings are kept"),
        pytest.param('<!-- {"a": 1} -->', {"a": 1}, id="HTML comment"),
        pytest.param('<!--\n{"a": 1}\n//-->', {"a": 1}, id="HTML comment closed by a script's"),
        pytest.param('<![CDATA[ {"a": 1} ]]>', {"a": 1}, id="CDATA"),
        pytest.param('//<![CDATA[\n{"a": 1}\n//]]>', {"a": 1}, id="CDATA in line comments"),
        pytest.param('/* <![CDATA[ */ {"a": 1} /* ]]> */', {"a": 1}, id="CDATA in block comments"),
        pytest.param('{"a": 1}{"b": 2}', [{"a": 1}, {"b": 2}], id="concatenated"),
        pytest.param('{"a": 1},\n{"b": 2},', [{"a": 1}, {"b": 2}], id="a list without brackets"),
        pytest.param('{"a": 1}{"b": 2,}', [{"a": 1}, {"b": 2}], id="concatenated and invalid"),
        pytest.param('{"a": 1} and more', {"a": 1}, id="text after it"),
        pytest.param('{"a": 1}}', {"a": 1}, id="a brace too many"),
        pytest.param("{a: 'Mary\\'s', b: 2}", {"a": "Mary's", "b": 2}, id="as a script has it"),
        pytest.param('{"a": "Mary\\\'s"}', {"a": "Mary's"}, id="an escape JSON does not know"),
        pytest.param('{"a": "Angel with 3" Bell", "b": 2}', {"a": 'Angel with 3" Bell', "b": 2}, id="inner quotes"),
        pytest.param('{"a": 012345678905}', {"a": "012345678905"}, id="leading zero"),
        pytest.param('{"a": 09.95,}', {"a": "09.95"}, id="leading zero of an amount"),
        pytest.param('{"a": NaN, "b": Infinity}', {"a": None, "b": None}, id="not a number"),
        pytest.param('{"a": 1e99999999999999999999}', {"a": "1e99999999999999999999"}, id="beyond all measure"),
        pytest.param("", None, id="empty"),
        pytest.param("   \n", None, id="blank"),
        pytest.param("null", None, id="null"),
        pytest.param('"Product"', None, id="a string"),
        pytest.param("{", None, id="a brace"),
        pytest.param('{"@type": "Product", "name": "Angel", "offers": {"price": "24.9', None, id="truncated"),
        pytest.param('{"a": "x" "b": 2}', None, id="a comma forgotten"),
        pytest.param('{"price": 24,95}', None, id="a decimal comma"),
        pytest.param("{{ product | json }}", None, id="a template that was not filled"),
    ],
)
def test_one_block(text: str, value: Any) -> None:
    assert json_ld.loads(text) == value


@pytest.mark.parametrize(
    "text",
    [
        *('[{"a":' * 200_000, "[" * 1_000_000, '{"a":' * 500_000, "{" * 200_000, "[," * 500_000),
        *('"' * 300_000, "/" * 300_000, "/*" * 200_000, " " * 2_000_000 + "x", "{" + " " * 400_000 + "x"),
        *('{"a":1,' * 60_000, '{"a":"' + "\\" * 400_000, '{"a":"' + '" ' * 200_000, "," + "\n" * 400_000),
        *("0" * 400_000, '{"a":' + "0" * 400_000 + "}", '{"a": ' + "9" * 400_000 + "}", "<!--" * 200_000),
        *("{'" * 200_000, "{a:" * 150_000, "'" * 300_000, '{"a":1}' * 60_000),
    ],
    ids=lambda text: f"{text[:8]!r}",
)
def test_an_attack_ends_soon(text: str) -> None:
    started = time.process_time()
    json_ld.loads(text)
    assert time.process_time() - started < 3


def test_no_float_comes_out() -> None:
    for text in ('{"a": 1.10}', '{"a": 1.10,}', "{a: 1.10}", '{"a": 1e2}', '{"a": -0.0}', '{"a": NaN,}'):
        assert not isinstance(json_ld.loads(text)["a"], float), text


@pytest.mark.parametrize(
    ("page", "raw"),
    [
        (b'<script type="application/ld+json">{}</script>', [b"{}"]),
        (b"<SCRIPT TYPE='application/ld+json; charset=utf-8' id=x>{}</SCRIPT>", [b"{}"]),
        (b"<script type=application/ld+json>1</script ><script type=application/ld+json>2</script>", [b"1", b"2"]),
        (b'<script type="application/ld&#x2B;json">{}</script>', [b"{}"]),
        (b'<script type="text/javascript">"ld+json"</script>', []),
        (b'<!-- <script type="application/ld+json">1</script> <script type="application/ld+json">2</script> -->', []),
        (b'<!-- a --><script type="application/ld+json">1</script><!-- b -->', [b"1"]),
        (
            b'<!-- <script type="application/ld+json">1</script> --><script type="application/ld+json">2</script>',
            [b"2"],
        ),
        (b'<script type="application/ld+json">{', []),
        (b"<p>ld+json</p>", []),
        (b"", []),
    ],
)
def test_blocks_are_found_without_a_dom(page: bytes, raw: list[bytes]) -> None:
    assert list(json_ld.raw_blocks(page)) == raw


@pytest.mark.parametrize(
    "page",
    [
        b"<script " * 500_000 + b"ld+json",
        b"<script type=application/ld+json>" * 200_000,
        b"<script type=application/ld+json></script>" * 50_000,
        b"<!--<script type=application/ld+json></SCRIPT>" * 50_000,
        b"<script " + b"application/ld" * 500_000 + b"ld+json",
    ],
    ids=["openings", "never closed", "many", "in comments", "one long tag"],
)
def test_finding_blocks_takes_no_longer_than_the_page(page: bytes) -> None:
    started = time.process_time()
    list(json_ld.raw_blocks(page))
    assert time.process_time() - started < 3


def test_a_block_that_cannot_be_parsed_spoils_no_other() -> None:
    tag = b'<script type="application/ld+json">%b</script>'
    assert json_ld.blocks(tag % b"{{x}}" + tag % b"" + tag % b'{"a": 1}') == [{"a": 1}]


def test_a_block_that_is_not_utf_8_is_refused() -> None:
    with pytest.raises(UnicodeDecodeError):
        json_ld.blocks(b'<script type="application/ld+json">{"a": "Caf\xe9"}</script>')


def test_lists_and_graphs_are_opened() -> None:
    one, two, three = ({"@type": name} for name in ("A", "B", "C"))
    values = [[one], {"@graph": [two, [three]]}, {"no": "type"}, "text", None, 5]
    assert json_ld.nodes(values) == [one, two, three]


def test_references_are_put_in_place() -> None:
    brand = {"@type": "Brand", "@id": "#b", "name": "Hallmark"}
    product = {"@type": "Product", "brand": {"@id": "#b"}, "offers": [{"@id": "#o"}, {"@id": "#missing"}]}
    found = json_ld.nodes([product, {"@graph": [brand, {"@id": "#o", "price": "5"}]}])
    assert found[0]["brand"]["name"] == "Hallmark"
    assert found[0]["offers"] == [{"@id": "#o", "price": "5"}, {"@id": "#missing"}]


def test_the_fullest_of_several_nodes_of_one_id_is_taken() -> None:
    found = json_ld.nodes(
        [{"@type": "P", "x": {"@id": "#o"}}, {"y": {"@id": "#o", "a": 1}}, {"@id": "#o", "a": 1, "b": 2}]
    )
    assert found[0]["x"] == {"@id": "#o", "a": 1, "b": 2}


def test_circles_and_many_references_take_no_time() -> None:
    circle: dict[str, Any] = {"@type": "T", "@id": "#a", "more": [{"@id": "#a"} for _ in range(5_000)]}
    started = time.process_time()
    (found,) = json_ld.nodes([circle])
    assert time.process_time() - started < 1
    assert found["more"][7]["more"][8] is found


def test_what_is_nested_too_deep_is_left_alone() -> None:
    deep: Any = {"@type": "Product"}
    for _ in range(json_ld.DEPTH_MAX + 2):
        deep = [deep]
    assert json_ld.nodes([deep]) == []
    deep = {"@type": "Thing", "x": deep}
    assert json_ld.nodes([deep]) == [deep]
