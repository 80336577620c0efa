from __future__ import annotations

import datetime as dt
import math
import time
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from airflow_peach.authoring.yaml.documents import DocumentError, read_document

if TYPE_CHECKING:
    from airflow_peach.authoring.yaml.nodes import Node


def read(text: str | bytes) -> Node:
    root = read_document(text.encode() if isinstance(text, str) else text)
    assert root is not None
    return root


def error(text: str | bytes) -> tuple[str, int, int]:
    with pytest.raises(DocumentError) as caught:
        read_document(text.encode() if isinstance(text, str) else text)
    return str(caught.value), caught.value.line, caught.value.column


def flaws(text: str) -> list[tuple[tuple[object, ...], int, int, str]]:
    return [(path, flaw.line, flaw.column, flaw.cause) for path, flaw in read(text).all_flaws()]


def test_values_are_those_of_the_safe_loader() -> None:
    text = """
    text: plain
    quoted: '12'
    number: 35421
    real: 23.45
    infinite: .inf
    yes: yes
    nothing: ~
    blank:
    octal: 010
    base60: 1:30
    day: 2026-11-22
    moment: 2026-11-22T10:00:00+01:00
    binary: !!binary aGVsbG8=
    set: !!set {a, b}
    forced: !!str 12
    real_too: !!float 3
    list: [1, [2, {a: b}]]
    folded: >
      one
      two
    """
    assert read(text).data() == yaml.safe_load(text)


def test_not_a_number_is_read() -> None:
    assert math.isnan(read(".nan").data())


def test_a_merge_key_and_an_equals_sign_are_text_as_values() -> None:
    assert read("a: <<\nb: '<<'\nc: =\n'<<': d").data() == {"a": "<<", "b": "<<", "c": "=", "<<": "d"}


def test_every_key_and_item_knows_its_place() -> None:
    root = read("a:\n  b: [x, {c: y}]\n")
    assert (root.mark(("a", "b")).line, root.mark(("a", "b")).column) == (2, 3)
    assert (root.mark(("a", "b", 1)).line, root.mark(("a", "b", 1)).column) == (2, 10)
    assert (root.mark(("a", "b", 1, "c")).line, root.mark(("a", "b", 1, "c")).column) == (2, 11)
    assert root.mark(("a", "missing", "z")) is root.mark(("a",))


def test_an_alias_repeats_a_value() -> None:
    assert read("a: &x {b: 1}\nc: [*x, *x]").data() == {"a": {"b": 1}, "c": [{"b": 1}, {"b": 1}]}


def test_a_merge_key_merges_and_own_keys_win() -> None:
    text = "base: &b {p: 1, q: 2}\nmore: &m {q: 3, r: 4}\nx:\n  <<: [*b, *m]\n  p: 9\ny: {<<: *b}\n"
    assert read(text).data() == yaml.safe_load(text)
    assert read(text).data()["x"] == {"p": 9, "q": 2, "r": 4}


def test_merging_what_is_no_mapping_is_a_flaw() -> None:
    assert flaws("a: {<<: text}") == [(("a",), 1, 9, "'<<' merges mappings, not 'text'")]


def test_a_duplicate_key_is_a_flaw_at_the_second() -> None:
    assert flaws("a:\n  b: 1\n  c: 2\n  b: 3\n") == [(("a", "b"), 4, 3, "duplicate key, first on line 2")]
    assert flaws("1: a\n1.0: b") == [(("1.0",), 2, 1, "duplicate key, first on line 1")]


def test_a_key_that_is_a_mapping_is_a_flaw() -> None:
    assert flaws("a: {{ name }}") == [(("a",), 1, 5, "a key must be a single value")]


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("!vault x", "the tag '!vault' is not supported"),
        ("!!python/object/apply:os.system [ls]", "the tag '!!python/object/apply:os.system' is not supported"),
        ("!!python/name:os.system", "the tag '!!python/name:os.system' is not supported"),
        ("!!omap [a: 1]", "the tag '!!omap' is not supported"),
        ("!!bool perhaps", "'perhaps' is not true or false"),
        ("!!int 1.5", "'1.5' is not a whole number"),
        ("!!timestamp soon", "'soon' is not a date or a time"),
        ("!!null x", "'x' is not empty"),
        ("2026-13-45", "'2026-13-45' is not a date or a time: month must be in 1..12"),
        ("2026-01-01T10:00:00+99:00", "'2026-01-01T10:00:00+99:00' is not a date or a time: offset"),
        ("0b_", "'0b_' is not a whole number"),
        ("!!binary é", "'é' is not binary data (base64)"),
        ("!!binary a", "'a' is not binary data (base64)"),
        ("1:" * 600 + "1", "a number of 1201 characters is too long"),
        ("9" * 5000, "a number of 5000 characters is too long"),
    ],
)
def test_a_value_that_cannot_be_read_is_a_flaw_and_its_text_stays(text: str, cause: str) -> None:
    found = flaws(f"a: {text}\nb: 1")
    assert len(found) == 1
    assert found[0][:3] == (("a",), 1, 4)
    assert found[0][3].startswith(cause)
    assert read(f"a: {text}\nb: 1").data()["b"] == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a:\n\t- b", ("not valid YAML: a tab; indent with spaces", 2, 1)),
        (
            "a: b: c",
            (
                (
                    "not valid YAML: mapping values are not allowed in this context; a text with ': ' in it needs "
                    "quotes, and the keys of a mapping must begin in one column"
                ),
                1,
                5,
            ),
        ),
        (
            "a:\n  key:value\n  other: b",
            (
                (
                    "not valid YAML: mapping values are not allowed in this context; put a space after the colon in "
                    "line 2: 'key: …'"
                ),
                3,
                8,
            ),
        ),
        (
            "tasks:\n  x: [1, 2\n",
            (
                (
                    "not valid YAML: did not find expected ',' or ']', while parsing a flow sequence that began on "
                    "line 2; close the list with ']', and put ',' between its items"
                ),
                3,
                1,
            ),
        ),
        (
            'a: "b\nc: d\n',
            (
                (
                    "not valid YAML: found unexpected end of stream, while scanning a quoted scalar that began on "
                    "line 1; close the quotes"
                ),
                3,
                1,
            ),
        ),
        (
            "a: @b",
            (
                (
                    "not valid YAML: found character that cannot start any token; put a text that begins with '@' "
                    "in quotes"
                ),
                1,
                4,
            ),
        ),
        (
            "a:\n  - b\n c: d",
            (
                (
                    "not valid YAML: did not find expected key, while parsing a block mapping that began on line 1; "
                    "check that this line begins in the same column as its neighbours, and its quotes"
                ),
                3,
                2,
            ),
        ),
        ("a: 1\n---\nb: 2", ("a second YAML document begins here ('---'); put each in a file of its own", 2, 1)),
        (
            "a: *b",
            (
                "'*b' repeats '&b', which is not defined above it; define it above, or put the text in quotes",
                1,
                4,
            ),
        ),
        ("a: &x [*x]", ("'*x' stands inside what it repeats; write it out", 1, 8)),
        (b"a: 1\nb: \xff", ("not UTF-8: byte 0xff; save the file as UTF-8", 2, 4)),
        (b"a: b\x00", ("YAML does not allow the character U+0000; remove it, or is this not a text file?", 1, 5)),
        ("a: b".encode("utf-16"), ("the file is UTF-16, not UTF-8; save it as UTF-8", 1, 1)),
        (
            b"#" * (1024 * 1024 + 1),
            ("the file has 1,048,577 bytes, and 1,048,576 are read; move data out of it", 1, 1),
        ),
    ],
)
def test_a_text_that_cannot_be_used_says_where_what_and_what_to_do(
    text: str | bytes, expected: tuple[str, int, int]
) -> None:
    assert error(text) == expected


def test_a_byte_order_mark_is_accepted_and_takes_no_column() -> None:
    root = read(b"\xef\xbb\xbfa: 1")
    assert root.data() == {"a": 1}
    assert root.mark(("a",)).column == 1


def test_tabs_between_values_are_fine() -> None:
    assert read("a:\t1\t# comment").data() == {"a": 1}


@pytest.mark.parametrize("text", ["", "# nothing\n", "\n\n"])
def test_nothing_is_no_document(text: str) -> None:
    assert read_document(text.encode()) is None


def seconds(text: str) -> float:
    begin = time.perf_counter()
    error(text)
    return time.perf_counter() - begin


def test_a_billion_laughs_are_refused_in_milliseconds() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    lines += [f"{n}: &{n} [{', '.join([f'*{p}'] * 9)}]" for p, n in zip("abcdefgh", "bcdefghi", strict=True)]
    text = "\n".join(lines)
    assert error(text)[0].startswith("the file has more than 10,000 values")
    assert seconds(text) < 0.1


def test_a_long_text_repeated_is_refused() -> None:
    text = f"a: &a '{'x' * 100_000}'\nb: [{', '.join(['*a'] * 5000)}]"
    assert error(text)[0].startswith("the file has more than 1,048,576 characters once its aliases are expanded")
    assert seconds(text) < 0.2


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_deep_nesting_is_refused(opening: str) -> None:
    text = opening * 200_000
    assert error(text)[0] == "nested more than 64 levels deep; make it flatter"
    assert seconds(text) < 0.5


def test_aliases_cannot_nest_deeper_either() -> None:
    lines = ["a: &a " + "[" * 60 + "]" * 60, "b: " + "[" * 10 + "*a" + "]" * 10]
    assert error("\n".join(lines)) == ("nested more than 64 levels deep; make it flatter", 2, 14)


def test_ten_thousand_values_are_the_limit() -> None:
    assert len(read("\n".join(["- x"] * 9999)).data()) == 9999
    assert error("\n".join(["- x"] * 10_000))[0].startswith("the file has more than 10,000 values")


@given(st.binary(max_size=200))
def test_random_bytes_never_raise_anything_else(content: bytes) -> None:
    caught = None
    try:
        read_document(content)
    except DocumentError as refused:
        caught = refused
    assert caught is None or (caught.line >= 1 and caught.column >= 1 and "\n" not in str(caught))


simple = st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.dates() | st.binary(max_size=9)
values = st.recursive(
    simple | st.datetimes(timezones=st.just(dt.timezone.utc) | st.none()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=15,
)


@given(values)
def test_what_yaml_writes_is_read_as_the_safe_loader_reads_it(value: object) -> None:
    text = yaml.safe_dump(value, allow_unicode=True)
    assert read(text).data() == yaml.safe_load(text)
