"""Hiding secrets in what is shown and kept: as they are, and as programs usually write them.

This is against accidents: a task that wants to tell its own secrets can always disguise them.
"""

from __future__ import annotations

import base64
import json
import urllib.parse
from typing import TYPE_CHECKING, Any

from airflow_peach.execution.output import CUT, clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Shorter ones stand in every other word.
SHORTEST_SECRET = 4
# A part that a secret has inside (a field of a JSON object) may be an ordinary word.
SHORTEST_FIELD = 8
# Of the base64 of so few bytes too little is the same in every place.
SHORTEST_ENCODED_BYTES = 6
MASK = "***"


class Masker:
    """Replaces secrets by ``***``.

    Hidden is each secret: as it is; each line of one of several lines; the password in a URL; each longer text in a
    JSON object; and each of these as JSON, ``repr``, URLs and base64 write it, in the middle of other base64, too.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        hidden = {form for secret in secrets for form in _forms(secret)}
        # The longest first: one may be the beginning of another.
        self._hidden = sorted(hidden, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """Return ``text`` without secrets; it may be a line that ``Output`` has cut in the middle of one."""
        # For each line of a log: looking for some dozens of texts is much faster than one pattern of all of them.
        for form in self._hidden:
            if form in text:
                text = text.replace(form, MASK)
        kept, cut, more = text.rpartition(CUT)
        return f"{self._without_beginning(kept)}{cut}{more}" if cut else text

    def value(self, data: Any) -> Any:  # noqa: ANN401 - any JSON
        """Return JSON data without secrets: in its texts, its keys, and its numbers."""
        if not self._hidden:
            return data
        if isinstance(data, str):
            return self(data)
        if isinstance(data, list):
            return [self.value(each) for each in data]
        if isinstance(data, dict):
            return {self(str(key)): self.value(each) for key, each in data.items()}
        if isinstance(data, (int, float)) and not isinstance(data, bool) and str(data) in self._hidden:
            return MASK
        return data

    def json(self, content: bytes) -> bytes:
        """Return a file of JSON, a notebook, without secrets; what is no JSON is masked as a text."""
        if not self._hidden:
            return content
        text = content.decode("utf-8", "replace")
        try:
            data = self.value(json.loads(text))
        except (ValueError, RecursionError):
            return self(text).encode("utf-8", "replace")
        # As nbformat writes it.
        return (json.dumps(data, ensure_ascii=False, indent=1) + "\n").encode("utf-8", "replace")

    def _without_beginning(self, text: str) -> str:
        """Return ``text`` without the beginning of a secret at its end."""
        lengths = (
            length
            for form in self._hidden
            for length in range(len(form) - 1, SHORTEST_SECRET - 1, -1)
            if text.endswith(form[:length])
        )
        longest = max(lengths, default=0)
        return f"{text[:-longest]}{MASK}" if longest else text


def _forms(secret: str) -> Iterator[str]:
    for part in _parts(secret):
        forms = (
            part,
            # In a log, control characters are shown as pictures.
            clean(part),
            json.dumps(part)[1:-1],
            json.dumps(part, ensure_ascii=False)[1:-1],
            repr(part)[1:-1],
            urllib.parse.quote(part),
            urllib.parse.quote(part, safe=""),
            urllib.parse.quote_plus(part),
            *_encoded(part.encode("utf-8", "surrogatepass")),
        )
        yield from (form for form in forms if len(form.strip()) >= SHORTEST_SECRET)


def _parts(secret: str) -> Iterator[str]:
    yield secret
    yield from secret.splitlines()
    if "://" in secret:
        try:
            password = urllib.parse.urlsplit(secret).password
        except ValueError:  # it only looks like a URL
            password = None
        if password:
            yield password
            yield urllib.parse.unquote(password)
    if secret[:1] in ("{", "["):
        try:
            yield from _fields(json.loads(secret))
        except (ValueError, RecursionError):
            return


def _fields(data: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON
    if isinstance(data, str) and len(data) >= SHORTEST_FIELD:
        yield data
        yield from data.splitlines()
    elif isinstance(data, (list, dict)):
        for each in data.values() if isinstance(data, dict) else data:
            yield from _fields(each)


def _encoded(secret: bytes) -> Iterator[str]:
    """Yield what base64 makes of ``secret`` whatever is before and after it: three bytes are four letters."""
    if len(secret) < SHORTEST_ENCODED_BYTES:
        return
    for before in range(3):
        letters = base64.b64encode(bytes(before) + secret).decode("ascii")
        # The first and the last letter may have bits of a neighbour.
        certain = letters[-(-before * 8 // 6) : (before + len(secret)) * 8 // 6]
        yield certain
        yield certain.translate(str.maketrans("+/", "-_"))
