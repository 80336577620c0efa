"""Hiding secrets, however a program writes them."""

from __future__ import annotations

import base64
import json
import urllib.parse
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_peach.execution.masking import Masker
from airflow_peach.execution.output import LINE_LIMIT_BYTES, Output

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET = 'p/ss "w+rd"\twith\\ä'  # noqa: S105 - of the test
KEY = "-----BEGIN KEY-----\nMIIEvAIBADAN\nBgkqhkiG9w0B\n-----END KEY-----\n"
FORMS: dict[str, Callable[[str], str]] = {
    "as it is": lambda secret: secret,
    "JSON": json.dumps,
    "JSON of letters": lambda secret: json.dumps(secret, ensure_ascii=False),
    "repr": repr,
    "in a URL": lambda secret: "https://example.org/?key=" + urllib.parse.quote(secret),
    "in a URL's user": lambda secret: "https://me:" + urllib.parse.quote(secret, safe="") + "@example.org/",
    "in a form": lambda secret: "key=" + urllib.parse.quote_plus(secret),
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "base64 for URLs": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode(),
    "Basic, after one letter": lambda secret: base64.b64encode(f"u:{secret}".encode()).decode(),
    "Basic, after two letters": lambda secret: base64.b64encode(f"us:{secret} and more".encode()).decode(),
    "bytes": lambda secret: str(secret.encode("ascii", "ignore")),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms(form: str) -> None:
    secret = SECRET.replace("ä", "") if form == "bytes" else SECRET
    written = FORMS[form](secret)
    masked = Masker([secret])(f"before {written} after")
    assert masked.startswith("before ")
    assert masked.endswith(" after")
    assert "***" in masked
    for trace in ("p/ss", "w+rd", "w%2Brd", "with"):
        assert trace not in masked
    core = base64.b64encode(secret.encode()).decode()[4:-4]
    assert core not in masked


@given(st.text(min_size=6, max_size=40), st.binary(max_size=5), st.binary(max_size=5))
def test_base64_among_anything(secret: str, before: bytes, after: bytes) -> None:
    written = base64.b64encode(before + secret.encode() + after).decode()
    assert "***" in Masker([secret])(written)


def test_each_line_of_several() -> None:
    mask = Masker([KEY])
    assert [mask(line) for line in KEY.splitlines()] == ["***"] * 4
    assert mask(f"key = {KEY!r}") == "key = '***'"


def test_the_password_in_a_url() -> None:
    mask = Masker(["redis://me:s3s%40me@cache:6379/0", "http://[broken"])
    assert mask("connecting as me with s3s@me, or s3s%40me") == "connecting as me with ***, or ***"


def test_the_texts_in_a_json_object() -> None:
    mask = Masker([json.dumps({"type": "account", "n": 1, "keys": [{"private_key": KEY}], "project": "radio-fm-1"})])
    assert mask("MIIEvAIBADAN of radio-fm-1, an account") == "*** of ***, an account"
    Masker(["[" * 100_000])  # nested too deep to be read


def test_very_short_ones_are_left() -> None:
    assert Masker(["3", "yes", "", "   "])("yes, 3   times") == "yes, 3   times"


def test_the_longest_wins() -> None:
    assert Masker(["secret", "secret-of-ours"])("secret-of-ours, secret") == "***, ***"


@pytest.mark.parametrize("shown", [4, 7, len("open-sesame-42") - 1])
def test_a_line_cut_in_the_middle_of_a_secret(shown: int) -> None:
    output = Output(1_000_000)
    line = b"x" * (LINE_LIMIT_BYTES - shown) + b"open-sesame-42" + b"y" * 100 + b"\n"
    (cut,) = output.feed(line, 0.0)
    assert "open" in cut
    assert "open" not in Masker(["open-sesame-42"])(cut)


def test_a_secret_split_over_writes() -> None:
    output = Output(1_000_000)
    lines = [line for part in (b"the key is open-", b"sesame", b"-42!\n") for line in output.feed(part, 0.0)]
    assert [Masker(["open-sesame-42"])(line) for line in lines] == ["the key is ***!"]


@pytest.mark.parametrize(
    ("value", "masked"),
    [
        ("say open-sesame-42", "say ***"),
        ({"open-sesame-42": ["open-sesame-42", {"a": "xopen-sesame-42"}]}, {"***": ["***", {"a": "x***"}]}),
        ([1234567, 12345678, 0.5, True, None], [1234567, "***", 0.5, True, None]),
    ],
)
def test_values(value: Any, masked: Any) -> None:
    assert Masker(["open-sesame-42", "12345678", "true"]).value(value) == masked


def test_files_of_json_stay_json() -> None:
    # Raw, this secret stands in the file's own syntax.
    mask = Masker(['": "', "open-sesame-42"])
    content = json.dumps({"text": 'open-sesame-42": "', "other": "text"}).encode()
    assert json.loads(mask.json(content)) == {"text": "******", "other": "text"}
    assert mask.json(b"{ open-sesame-42") == b"{ ***"
    assert mask.json(b"[" * 100_000 + b"open-sesame-42").endswith(b"[***")
    assert Masker([]).json(b"\xff untouched") == b"\xff untouched"
