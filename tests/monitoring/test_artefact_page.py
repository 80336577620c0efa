"""An executed notebook as a page: what a stranger wrote is shown and does nothing."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import Any

import pytest
from tests.monitoring.conftest import hostile_notebook

from airflow_peach.monitoring import artefact_page
from airflow_peach.monitoring.artefact_page import PageError, render_in_child

DANGEROUS = {"script", "iframe", "object", "embed", "form", "input", "link", "base", "svg"}


class Elements(HTMLParser):
    """Collects what a browser would see."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def notebook(*outputs: dict[str, Any], source: str = "1") -> bytes:
    cell = {"id": "a", "cell_type": "code", "metadata": {}, "execution_count": 1, "source": source}
    content = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{**cell, "outputs": list(outputs)}]}
    return json.dumps(content).encode()


def seen(content: bytes) -> Elements:
    elements = Elements()
    elements.feed(render_in_child(content).decode())
    return elements


def test_nothing_of_a_hostile_notebook_can_run() -> None:
    elements = seen(json.dumps(hostile_notebook()).encode())
    assert not DANGEROUS & {tag for tag, _ in elements.tags}
    attributes = [(name, value or "") for _, found in elements.tags for name, value in found.items()]
    assert not [name for name, _ in attributes if name.startswith("on")]
    assert not [value for name, value in attributes if name in {"href", "src"} and "script" in value]
    # It is shown, as text.
    assert "<script>alert(1)</script>" in elements.text
    assert "red" in elements.text
    assert "bold" in elements.text


def test_what_is_harmless_is_shown() -> None:
    png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    elements = seen(
        notebook(
            {"output_type": "display_data", "data": {"image/png": png}, "metadata": {}},
            {
                "output_type": "display_data",
                "data": {"text/html": "<table><tr><td>cell</td></tr></table>"},
                "metadata": {},
            },
            {"output_type": "stream", "name": "stdout", "text": "printed"},
            source="answer = 42",
        )
    )
    assert [found["src"] for tag, found in elements.tags if tag == "img"] == [f"data:image/png;base64,{png}"]
    assert "td" in {tag for tag, _ in elements.tags}
    assert "printed" in elements.text
    assert "answer" in elements.text


@pytest.mark.parametrize("content", [b"", b"not json", b'{"nbformat": 4}', b"[]", b"\xff\xfe"])
def test_what_is_no_notebook_is_said(content: bytes) -> None:
    with pytest.raises(PageError, match=r"cannot be shown.*download the notebook instead"):
        render_in_child(content)


def test_one_that_is_too_large_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artefact_page, "NOTEBOOK_LIMIT_BYTES", 10)
    with pytest.raises(PageError, match=r"over 0 MiB: download"):
        render_in_child(notebook())


def test_one_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artefact_page, "TIME_LIMIT_SECONDS", 0.05)
    with pytest.raises(PageError, match=r"takes over 0\.05 s to be shown: download"):
        render_in_child(notebook())
