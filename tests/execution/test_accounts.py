"""The user ids of organisations (level ``user``): each has one, for ever, whoever asks at once and whatever breaks."""

from __future__ import annotations

import json
import os
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from tests.faults.forked import start
from tests.live_processes import wait_until

from airflow_peach.execution.accounts import REGISTRY, Account, AccountError, organisation_account

if TYPE_CHECKING:
    from pathlib import Path

UIDS = range(61_000, 61_200)


def account(home: Path, codops: str, uids: range = UIDS) -> Account:
    return organisation_account(home, codops, uids)


def test_each_has_its_own_and_keeps_it(tmp_path: Path) -> None:
    given = {codops: account(tmp_path, codops) for codops in ("debr", "sesr", "zzebu")}
    assert [one.uid for one in given.values()] == [61_000, 61_001, 61_002]
    # Also when the range has moved meanwhile: its files are there.
    assert {codops: account(tmp_path, codops, range(62_000, 62_001)) for codops in given} == given


def test_ids_that_the_machine_knows_are_left_out(tmp_path: Path) -> None:
    assert account(tmp_path, "debr", range(61_000)).uid not in {0, os.getuid(), 1, 2}


def test_many_processes_at_once_give_each_organisation_one(tmp_path: Path) -> None:
    asked = [f"org{number % 12}" for number in range(36)]

    def ask(number: int, codops: str) -> None:
        uid = account(tmp_path, codops).uid
        (tmp_path / f"answer-{number}").write_text(json.dumps([codops, uid]))

    processes = [start(partial(ask, number, codops)) for number, codops in enumerate(asked)]
    for process in processes:
        process.join(60)
    answers = [json.loads((tmp_path / f"answer-{number}").read_text()) for number in range(len(asked))]
    given = dict(map(tuple, answers))
    assert all(given[codops] == uid for codops, uid in answers)
    assert len(set(given.values())) == 12
    assert json.loads((tmp_path / REGISTRY).read_text()) == given


def test_killed_at_any_moment_it_leaves_each_id_to_who_had_it(tmp_path: Path) -> None:
    known: dict[str, int] = {}

    def ask_for_ever(number: int) -> None:
        for count in range(10**6):
            account(tmp_path, f"o{number}-{count}", range(61_000, 64_000))

    for number in range(8):
        process = start(partial(ask_for_ever, number))
        wait_until(partial(_has, tmp_path, f"o{number}-3"), seconds=60)
        process.kill()
        process.join(60)
        now = json.loads(_registry_text(tmp_path))
        assert known.items() <= now.items()
        assert len(set(now.values())) == len(now)
        known = now
    assert account(tmp_path, "o0-0", range(61_000, 64_000)).uid == known["o0-0"]


def _has(home: Path, codops: str) -> bool:
    return f'"{codops}"' in _registry_text(home)


def _registry_text(home: Path) -> str:
    file = home / REGISTRY
    return file.read_text() if file.exists() else ""


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b'{"debr": 61000',
        b"[]",
        b"null",
        b'{"debr": "61000"}',
        b'{"debr": 0}',
        b'{"debr": -1}',
        b'{"debr": true, "sesr": 61000}',
        b'{"debr": 61000.0}',
        b'{"debr": 61000, "sesr": 61000}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
def test_a_damaged_file_gives_nobody_an_id_and_stays_as_it_is(tmp_path: Path, content: bytes) -> None:
    (tmp_path / REGISTRY).write_bytes(content)
    for codops in ("debr", "zzebu"):
        with pytest.raises(AccountError, match=r"accounts\.json: expected a JSON object .* restore it from a backup"):
            account(tmp_path, codops)
    assert (tmp_path / REGISTRY).read_bytes() == content


def test_what_stands_in_its_place_is_told(tmp_path: Path) -> None:
    (tmp_path / REGISTRY).mkdir()
    with pytest.raises(AccountError, match="check the disk"):
        account(tmp_path, "debr")


def test_when_all_are_taken_that_is_said(tmp_path: Path) -> None:
    for codops in ("debr", "sesr"):
        account(tmp_path, codops, range(61_000, 61_002))
    with pytest.raises(AccountError, match=r"isolation_uids = 61000-61001: all of them are taken; name a larger range"):
        account(tmp_path, "zzebu", range(61_000, 61_002))


def test_threads_of_one_process_wait_for_each_other(tmp_path: Path) -> None:
    answers: list[Any] = []
    threads = [
        threading.Thread(target=lambda number=number: answers.append(account(tmp_path, f"org{number % 4}").uid))
        for number in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (len(answers), len(set(answers))) == (16, 4)
