from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_peach.execution.output import LINE_LIMIT_BYTES, LINE_OVERHEAD_BYTES, Output, clean

PLENTY = 10_000_000


def lines_of(*chunks: bytes, limit_bytes: int = PLENTY) -> list[str]:
    output = Output(limit_bytes)
    shown = [line for chunk in chunks for line in output.feed(chunk, 0.0)]
    return shown + output.finish()


def test_lines_come_as_soon_as_they_end() -> None:
    output = Output(PLENTY)
    assert output.feed(b"one\ntw", 0.0) == ["one"]
    assert output.feed(b"o\n\nthree", 0.0) == ["two", ""]
    assert output.finish() == ["three"]


def test_nothing_in_nothing_out() -> None:
    assert lines_of() == []
    assert lines_of(b"") == []
    assert lines_of(b"\n") == [""]


@given(st.lists(st.binary(max_size=30)), st.integers(1, 7))
def test_how_output_is_cut_into_chunks_does_not_matter(parts: list[bytes], size: int) -> None:
    # No carriage returns: those depend on time, which is another test.
    whole = b"\n".join(parts).replace(b"\r", b"")
    chunks = [whole[at : at + size] for at in range(0, len(whole), size)]
    assert lines_of(*chunks) == lines_of(whole)


@given(st.binary())
def test_no_line_can_act_on_a_terminal(content: bytes) -> None:
    for line in lines_of(content):
        plain = line.replace("\x1b[", "")  # colours are checked below
        assert not [character for character in plain if character != "\t" and ord(character) < 0x20]
        assert not set(line) & set("\x7f\x85\u2028\u2029")


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"),
        ("\x1b[38;2;1;2;3mtrue colour", "\x1b[38;2;1;2;3mtrue colour"),
        ("up\x1b[2A\x1b[K\x1b[?25l.", "up."),
        ("\x1b]0;a title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]never ended", ""),
        ("nul\x00bell\x07", "nul␀bell␇"),
        ("escape\x1b", "escape␛"),
        ("escape \x1b[", "escape ␛["),
        ("tab\tstays", "tab\tstays"),
        ("line\u2028separator\x85", "line␤separator\ufffd"),
        ("plain", "plain"),
    ],
)
def test_clean(written: str, shown: str) -> None:
    assert clean(written) == shown


def test_invalid_utf8_is_replaced_and_what_is_split_between_chunks_is_not() -> None:
    assert lines_of(b"a\xffb\n") == ["a\ufffdb"]
    assert lines_of("é".encode()[:1], "é".encode()[1:] + b"\n") == ["é"]


def test_windows_line_ends_are_line_ends_also_between_chunks() -> None:
    assert lines_of(b"one\r\ntwo\r", b"\nthree\r\n") == ["one", "two", "three"]


def test_progress_is_shown_at_most_every_five_seconds_and_in_its_last_state() -> None:
    output = Output(PLENTY)
    shown = []
    for percent in range(1, 101):  # a bar that takes 12 s
        shown += output.feed(f"\r{percent}%".encode(), percent * 0.12)
    shown += output.feed(b"\ndone\n", 12.0)
    assert shown == ["1%", "43%", "85%", "100%", "done"]


def test_ten_thousand_updates_make_one_line_when_they_are_quick() -> None:
    updates = b"".join(b"\r%d%%" % number for number in range(10_000))
    shown = lines_of(updates + b"\n")
    assert len(shown) <= 2
    assert shown[-1] == "9999%"


def test_progress_that_returns_after_its_text_is_shown_when_it_stands_still() -> None:
    output = Output(PLENTY)
    assert output.feed(b"10%\r", 0.0) == []
    assert output.idle(1.0) == ["10%"]
    assert output.feed(b"20%\r", 2.0) == []
    assert output.idle(3.0) == []
    assert output.idle(6.1) == ["20%"]
    assert output.feed(b"\nnext\n", 7.0) == ["next"]  # 20% was shown already


def test_a_long_line_is_cut_with_a_note() -> None:
    (line,) = lines_of(b"x" * (LINE_LIMIT_BYTES + 5000) + b"\n")
    assert line == "x" * LINE_LIMIT_BYTES + " [line cut here: 5.0 kB more]"
    assert lines_of(b"x" * LINE_LIMIT_BYTES + b"\ny") == ["x" * LINE_LIMIT_BYTES, "y"]


def test_long_lines_in_one_chunk_are_cut_each() -> None:
    shown = lines_of((b"x" * 20_000 + b"\n") * 3)
    assert [line[-33:] for line in shown] == ["x [line cut here: 3.6 kB more]"[-33:].rjust(33, "x")] * 3


def test_first_and_last_part_of_a_long_log_are_kept() -> None:
    limit = 100 * (LINE_OVERHEAD_BYTES + 10)
    written = [f"{number:010}" for number in range(1000)]
    shown = lines_of(*(f"{line}\n".encode() for line in written), limit_bytes=limit)
    note = 50
    assert shown[:50] == written[:50]
    assert shown[note + 1 :] == written[-50:]
    assert shown[note] == "[900 lines (9.0 kB) of output are left out here: a log is limited to 13.8 kB]"


def test_a_log_just_within_its_limit_has_no_note() -> None:
    limit = 100 * (LINE_OVERHEAD_BYTES + 10)
    written = [f"{number:010}" for number in range(100)]
    assert lines_of("\n".join(written).encode(), limit_bytes=limit) == written


def test_a_log_that_leaves_out_says_so_once_a_minute() -> None:
    output = Output(limit_bytes=2000)
    flood = b"line of output\n" * 1000
    output.feed(flood, 0.0)
    output.feed(flood, 0.0)
    assert output.idle(30.0) == []
    assert output.idle(61.0)[0].startswith("[still running; ")
    assert output.idle(62.0) == []


@pytest.mark.parametrize("line", [b"x" * 200, b"\n" * 200, b"\x1b[31m" * 40, "\x00é".encode() * 60, b"\r1" * 100])
def test_floods_take_bounded_memory(line: bytes) -> None:
    block = (line + b"\n") * 300 if b"\r" not in line else line * 300
    limit = 100_000
    output = Output(limit)
    tracemalloc.start()
    for number in range(1_000_000 // len(block)):
        output.feed(block, number * 0.001)
    output.finish()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000  # of 1 MB, in pieces of up to 60 kB: what one piece takes while it is split


def test_one_line_of_200_megabytes() -> None:
    output = Output(PLENTY)
    for _ in range(800):
        assert output.feed(b"x" * 250_000, 0.0) == []
    (line,) = output.feed(b"\n", 0.0)
    assert line.endswith("[line cut here: 200.0 MB more]")
