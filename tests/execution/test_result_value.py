"""What Airflow can keep of results: held to Airflow's own serde and to msgpack."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from airflow_peach.execution import launcher, request
from airflow_peach.execution.result_value import DEPTH_LIMIT, ResultNotKeptError, check_result

if TYPE_CHECKING:
    from .conftest import RunTask


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels - 1):
        value = [value]
    return value


def through_airflow(value: Any) -> Any:
    """Return ``value`` as it is after ``xcom_push``, the supervisor's socket, and ``xcom_pull``."""
    from airflow.sdk.serde import deserialize, serialize  # noqa: PLC0415 - a second to import

    return deserialize(msgspec.msgpack.decode(msgspec.msgpack.encode(serialize(value))))


@pytest.mark.filterwarnings("ignore")  # Airflow and its libraries warn of each other
@pytest.mark.parametrize(
    "value",
    [
        None, True, 1.5, "text 🍑", [], {}, {"a": [1, {"b": None}], "": ""}, -(2**63), 2**64 - 1, nested(DEPTH_LIMIT),
        {"__type": "dict"}, {"__var": 1}, {"__version__": 1, "__data__": 2}, "x" * 60_000,
    ],
    ids=lambda value: repr(value)[:30],
)  # fmt: skip
def test_what_is_kept_comes_back_from_airflow(value: Any) -> None:
    check_result(value)
    assert through_airflow(value) == value


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "value",
    [
        2**64, -(2**63) - 1, 2**70, "caf\udce9.txt", {"caf\udce9": 1}, {"__classname__": "x"}, {"__id__": 1},
        {"__type": "dict", "__var": 1}, {"__type": "builtins.set", "__var": [1]}, nested(2000),
    ],
    ids=lambda value: repr(value)[:30] if not isinstance(value, list) else "deep",
)  # fmt: skip
def test_what_airflow_cannot_take_is_not_kept(value: Any) -> None:
    for inside in (value, [{"a": value}]):
        with pytest.raises(ResultNotKeptError):
            check_result(inside)
    try:
        came_back = through_airflow(value)
    except (AttributeError, ImportError, OverflowError, RecursionError, TypeError, UnicodeEncodeError):
        return
    assert came_back != value


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (float("nan"), "the number nan is not JSON"),
        (json.loads("1e999"), "the number inf is not JSON"),
        ("a\0b", "it has a text with a NUL character, which PostgreSQL refuses"),
        (["x" * 70_000], "it has 70004 bytes as JSON, the limit is 65536"),
    ],
    ids=["nan", "infinity", "nul", "long"],
)
def test_what_the_database_cannot_take_is_not_kept(value: Any, why: str) -> None:
    with pytest.raises(ResultNotKeptError, match=why):
        check_result(value)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("return 2**70", "it has an integer of more than 64 bits"),
        (
            "import os; return os.fsdecode(b'caf\\xe9.txt')",
            "it has a text that is not Unicode (a file name in another encoding?)",
        ),
        ("return {'__classname__': 'x'}", "Airflow reserves the key __classname__"),
        (
            'import os; [os.write(n, b\'{"event": "returned", "value": NaN}\\n\') for n in range(64, 70) if t(n)]',
            "the number nan is not JSON",
        ),
    ],
)
def test_a_success_stays_one_whatever_it_returned(run_task: RunTask, body: str, why: str) -> None:
    # The last writes to the launcher's pipe itself, and ends before the launcher says more.
    code = f"import os\ndef t(n):\n    return os.path.exists(f'/proc/self/fd/{{n}}')\ndef task():\n    {body}"
    if "NaN" in body:
        code += "\n    os._exit(0)"
    result, lines = run_task(code)
    assert (result.status, result.reason, result.value) == ("success", "ok", None)
    assert lines == [f"[peach] the result is not kept: {why}"]


def test_the_launcher_knows_the_same_limit() -> None:
    assert launcher.RESULT_LIMIT_BYTES == request.RESULT_LIMIT_BYTES
