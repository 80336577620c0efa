from __future__ import annotations

from airflow_peach.errors import ONE_LINE_CHARACTERS, PeachError


def test_a_message_of_several_lines_is_told_in_one() -> None:
    assert PeachError("debr: no\n\n  because\nasked for by x").one_line() == "debr: no; because; asked for by x"


def test_one_line_is_never_long() -> None:
    text = PeachError("x" * 5000).one_line()
    assert len(text) == ONE_LINE_CHARACTERS
    assert text.endswith("…")
