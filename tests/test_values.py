from __future__ import annotations

import datetime as dt
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_peach.values import TAG, decode, encode

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.dates()
    | st.datetimes(timezones=st.none() | st.just(dt.timezone.utc))
    | st.binary(max_size=20)
)
KEYS = st.text(max_size=5) | st.integers() | st.dates() | st.just(TAG)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(KEYS, inner, max_size=4)
        | st.sets(st.text() | st.integers(), max_size=4)
    ),
    max_leaves=20,
)


def through_json(value: Any) -> Any:
    return decode(json.loads(json.dumps(encode(value), allow_nan=False)))


@given(VALUES)
def test_every_yaml_value_survives_json_with_its_type(value: Any) -> None:
    result = through_json(value)

    assert result == value
    assert type(result) is type(value)


def test_the_order_of_a_mapping_is_kept() -> None:
    assert list(through_json({"b": 1, "a": 2, 3: 4})) == ["b", "a", 3]


@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_infinities_survive(value: float) -> None:
    assert through_json(value) == value


def test_not_a_number_survives() -> None:
    assert math.isnan(through_json(float("nan")))


def test_an_integer_too_long_to_be_printed_survives() -> None:
    value = 16**10_000  # 0x1000… in YAML; over sys.get_int_max_str_digits() digits

    assert through_json([value, -value]) == [value, -value]


def test_a_mapping_that_looks_like_ours_is_not_mistaken() -> None:
    value = {TAG: ["datetime", "no date"]}

    assert through_json(value) == value


def test_a_value_yaml_does_not_have_is_refused() -> None:
    with pytest.raises(TypeError, match="type complex cannot be passed"):
        encode({"a": [1j]})


def test_a_tag_that_is_never_written_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown kind of value: 'eval'"):
        decode({TAG: ["eval", "1"]})
