"""Hiding secrets in what is shown."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# Shorter ones stand in every other word.
SHORTEST_SECRET = 4
MASK = "***"


def masker(secrets: Iterable[str]) -> Callable[[str], str]:
    """Return a function that replaces each of ``secrets``, and each line of those of several lines, by ``***``."""
    hidden = {
        part for secret in secrets for part in (secret, *secret.splitlines()) if len(part.strip()) >= SHORTEST_SECRET
    }
    if not hidden:
        return lambda text: text
    # The longest first: one may be the beginning of another.
    pattern = re.compile("|".join(re.escape(part) for part in sorted(hidden, key=len, reverse=True)))
    return lambda text: pattern.sub(MASK, text)
