"""What holds for any configuration: made by Hypothesis, and for the whole corpus of bad ones."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.corpus.properties import GOOD_NOTEBOOK, check_configuration, check_repository

from airflow_peach.catalogue.configuration_cache import configuration_to_json
from airflow_peach.catalogue.serialise import dump

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]
READ_THE_CORPUS = """
import hashlib
from tests.corpus.configurations import CASES
from tests.corpus.properties import check_configuration
said = hashlib.sha256()
for case in CASES.values():
    content = case.make()
    if len(content) < 10_000:
        said.update("\\n".join(map(str, check_configuration(content).problems)).encode())
print(said.hexdigest())
"""

# How long one example takes says nothing on a busy machine.
quickly = settings(deadline=None, max_examples=60)

names = st.from_regex(r"[a-z][A-Za-z0-9_.-]{0,12}", fullmatch=True).filter(
    lambda name: name not in {"dependencies", "environment"}
)
text = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf", "Co", "Cn"]), max_size=20)
numbers = st.integers(-(10**12), 10**12) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | text | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)
definitions = st.fixed_dictionaries(
    {"notebook": st.just("n.ipynb"), "method": st.just("task")},
    optional={
        "args": st.dictionaries(st.from_regex(r"a[a-z_]{0,8}", fullmatch=True), values, max_size=3),
        "full_notebook": st.booleans(),
        "loop": st.just("metadata"),
    },
)
# Keys that are unknown, or of the wrong type, among those that are right.
mistakes = st.dictionaries(st.sampled_from(["notebok", "extra", "full_notebok"]), values, max_size=2)
documents = st.builds(
    lambda tasks: {"codops": "debr", "tasks": tasks}, st.dictionaries(names, definitions, min_size=1, max_size=4)
)


def written(document: Mapping[str, Any]) -> bytes:
    return yaml.safe_dump(document, allow_unicode=True, sort_keys=False).encode()


@quickly
@given(documents)
def test_what_is_written_is_what_is_read(document: dict[str, Any]) -> None:
    configuration = check_configuration(written(document))
    assert configuration.problems == ()
    (file,) = configuration.files
    assert {
        task.name: (task.notebook, task.method, task.full_notebook, dict(task.args), task.loop) for task in file.tasks
    } == {
        name: ("n.ipynb", "task", task.get("full_notebook", False), task.get("args", {}), task.get("loop"))
        for name, task in document["tasks"].items()
    }
    assert [task.name for task in file.tasks] == list(document["tasks"])


@quickly
@given(documents, st.lists(mistakes, min_size=4, max_size=4), st.randoms(use_true_random=False))
def test_the_order_of_keys_changes_no_definition_and_no_problem(
    document: dict[str, Any], wrong: list[dict[str, Any]], random: Any
) -> None:
    tasks = {name: {**task, **more} for (name, task), more in zip(document["tasks"].items(), wrong, strict=False)}

    def shuffled(mapping: Mapping[str, Any]) -> dict[str, Any]:
        return dict(random.sample(sorted(mapping.items()), len(mapping)))

    one = check_configuration(written({"codops": "debr", "tasks": tasks}))
    other = check_configuration(
        written(shuffled({"codops": "debr", "tasks": {name: shuffled(task) for name, task in tasks.items()}}))
    )
    assert sorted(problem.cause for problem in one.problems) == sorted(problem.cause for problem in other.problems)
    assert [[(task.name, dict(task.args)) for task in file.tasks] for file in one.files] == [
        [(task.name, dict(task.args)) for task in file.tasks] for file in other.files
    ]


@quickly
@given(st.lists(documents, min_size=2, max_size=3), st.binary(max_size=5), st.integers(0, 200))
def test_reading_twice_gives_the_same(several: list[dict[str, Any]], noise: bytes, at: int) -> None:
    contents = {f"peach.conf/{number}.yaml": written(document) for number, document in enumerate(several)}
    broken = contents["peach.conf/0.yaml"]
    contents["peach.conf/0.yaml"] = broken[:at] + noise + broken[at:]
    files = {**contents, "n.ipynb": GOOD_NOTEBOOK}
    backwards = dict(reversed(files.items()))
    first, again = (dump(configuration_to_json(check_repository(one))) for one in (files, backwards))
    assert first == again


def test_reading_does_not_depend_on_the_hash_of_texts() -> None:
    said = {
        subprocess.run(
            [sys.executable, "-c", READ_THE_CORPUS],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1
