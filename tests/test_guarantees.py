"""The page of guarantees names tests that exist, and one at least for each promise."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "guarantees.md"
NAMED = re.compile(r"`(tests/[\w./-]+\.py)::([\w:]+)`")


def promises() -> list[str]:
    """Return the items of the page, up to the threat model."""
    text, _, _ = PAGE.read_text(encoding="utf-8").partition("\n## Who is trusted with what\n")
    return re.findall(r"^- (.*?)(?=^- |^$|\Z)", text, flags=re.MULTILINE | re.DOTALL)


@cache
def names_of(path: str) -> set[str]:
    """Return the names of a module's tests, as pytest writes them; nothing is imported."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    found = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    for group in tree.body:
        if isinstance(group, ast.ClassDef):
            found |= {f"{group.name}::{node.name}" for node in group.body if isinstance(node, ast.FunctionDef)}
    return {name for name in found if name.rpartition("::")[2].startswith("test_")}


def test_every_promise_is_shown_by_tests_that_exist() -> None:
    found = promises()

    assert len(found) > 30
    assert [promise for promise in found if not NAMED.search(promise)] == []
    named = [match for promise in found for match in NAMED.findall(promise)]
    missing = [f"{path}::{name}" for path, name in named if not (ROOT / path).exists() or name not in names_of(path)]
    assert missing == []


def test_no_test_is_named_in_another_way() -> None:
    text = PAGE.read_text(encoding="utf-8")

    assert len(re.findall(r"::test_", text)) == len(NAMED.findall(text))
