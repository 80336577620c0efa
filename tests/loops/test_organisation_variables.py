"""An organisation's variables, from Airflow's own variables and connections."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from airflow.sdk._shared.secrets_masker import redact, reset_secrets_masker

from airflow_peach.loops.organisation_variables import OrganisationVariablesError, organisation_variables

if TYPE_CHECKING:
    from collections.abc import Iterator

VARIABLE, CONNECTION = "AIRFLOW_VAR_PEACH_DEBR", "AIRFLOW_CONN_PEACH_DEBR"


@pytest.fixture(autouse=True)
def masker() -> Iterator[None]:
    yield
    reset_secrets_masker()


def test_an_organisation_without_any_has_none() -> None:
    assert organisation_variables("debr") == {}


def test_they_are_the_variables_object(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, '{"REDIS_URL": "redis://:sesame@cache", "LEVEL": 3, "RATIO": 0.5}')
    assert organisation_variables("debr") == {"REDIS_URL": "redis://:sesame@cache", "LEVEL": "3", "RATIO": "0.5"}
    assert organisation_variables("sesr") == {}


def test_they_may_stand_in_a_connections_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CONNECTION, json.dumps({"conn_type": "generic", "extra": {"TOKEN": "from the connection"}}))
    assert organisation_variables("debr") == {"TOKEN": "from the connection"}


def test_the_variable_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CONNECTION, json.dumps({"conn_type": "generic", "extra": {"TOKEN": "from the connection"}}))
    monkeypatch.setenv(VARIABLE, '{"TOKEN": "from the variable"}')
    assert organisation_variables("debr") == {"TOKEN": "from the variable"}


def test_a_connection_without_extra_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CONNECTION, json.dumps({"conn_type": "generic", "password": "sesame"}))
    assert organisation_variables("debr") == {}


@pytest.mark.parametrize(
    "text",
    [
        "open-sesame",
        '{"TOKEN": "open-sesame"',
        '["open-sesame"]',
        '{"TOKEN": null, "X": "open-sesame"}',
        '{"TOKEN": {"open": "open-sesame"}}',
        '{"A=B": "open-sesame"}',
        '{"": "open-sesame"}',
        '{"TOKEN": "open-sesame\\u0000"}',
        '{"TO\\u0000KEN": "open-sesame"}',
    ],
)
def test_what_cannot_be_used_is_told_and_not_shown(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(OrganisationVariablesError) as raised:
        organisation_variables("debr")
    message = str(raised.value)
    assert "peach_debr: expected a JSON object of environment variables" in message
    assert "sesame" not in message
    assert raised.value.__cause__ is None


def test_values_are_masked_in_airflows_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, '{"TOKEN": "open-sesame-42"}')
    assert "open-sesame-42" in str(redact("the token is open-sesame-42"))
    organisation_variables("debr")
    assert redact("the token is open-sesame-42") == "the token is ***"
