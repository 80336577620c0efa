"""What the documentation says is so: every name in it exists, every name that exists is in it."""

from __future__ import annotations

import configparser
import dataclasses
import json
import pkgutil
import re
import shlex
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from airflow.cli import cli_parser

from airflow_peach.authoring.models import ConfigurationModel, TaskModel, TasksModel
from airflow_peach.authoring.platform.file import read_platform_file
from airflow_peach.authoring.platform.models import HostModel, IndexModel, OrganisationModel, PlatformModel, SourceModel
from airflow_peach.authoring.repository import read_repository
from airflow_peach.authoring.work_tree import WorkTreeFiles
from airflow_peach.cli import reference
from airflow_peach.loops.bundle import PeachBundle
from airflow_peach.settings import SECTION, Settings, option_name

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    *sorted(DOCS.glob("*.md")),
    *sorted((ROOT / "include" / "examples").rglob("*.md")),
]


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str, language: str) -> list[str]:
    """Return the fenced blocks of this language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text_of(page), flags=re.MULTILINE | re.DOTALL)


def section(page: str, title: str) -> str:
    """Return what stands below a heading of the second level."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", text_of(page), flags=re.MULTILINE | re.DOTALL)
    assert found, f"{page} has no section {title!r}"
    return found[1]


def rows(text: str) -> list[list[str]]:
    """Return the cells of all tables' rows, headings left out."""
    found = []
    for line in text.splitlines():
        cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if cells and not set(cells[0]) <= {"-"} and "`" in cells[0]:
            found.append(cells)
    return found


def test_every_setting_is_described_as_it_is_declared() -> None:
    expected = []
    for declared in dataclasses.fields(Settings):
        default, choices = declared.metadata["default"], declared.metadata["choices"]
        meaning = declared.metadata["description"] + (f" One of: {', '.join(choices)}." if choices else "")
        expected.append([f"`{option_name(declared.name)}`", f"`{default}`" if default else "", meaning])

    assert rows(text_of("docs/settings.md")) == expected


def test_the_commands_page_is_what_the_commands_say() -> None:
    """After a change of a command: ``make docs``."""
    text = text_of("docs/commands.md")

    assert reference.page(text) == text


def test_every_field_of_the_configuration_file_is_described() -> None:
    expected = {f"`{name}`" for name in ConfigurationModel.model_fields}
    expected |= {f"`tasks.{name}`" for name in TasksModel.model_fields}
    expected |= {f"`tasks.<name>.{name}`" for name in TaskModel.model_fields}

    assert {cells[0] for cells in rows(section("docs/configuration.md", "Fields"))} == expected


def test_every_field_of_the_platforms_file_is_described() -> None:
    models = (PlatformModel, SourceModel, HostModel, IndexModel, OrganisationModel)
    expected = {name for model in models for name in model.model_fields}
    described = section("docs/install.md", "The platform's file")

    assert {name for cells in rows(described) for name in re.findall(r"`(\w+)`", cells[0])} == expected


@pytest.mark.parametrize("page", ["README.md", "docs/configuration.md"])
def test_every_example_of_a_configuration_file_is_valid(page: str, tmp_path: Path) -> None:
    examples = blocks(page, "yaml")
    assert examples
    for number, example in enumerate(examples):
        root = tmp_path / str(number)
        (root / "peach.conf").mkdir(parents=True)
        (root / "peach.conf" / "example.yaml").write_text(example, encoding="utf-8")
        (root / "peach.yaml").write_text("codops: debr\n", encoding="utf-8")
        for name, task in yaml.safe_load(example)["tasks"].items():
            if name != "dependencies":
                write_notebook(root / task["notebook"], task["method"])

        read = read_repository(WorkTreeFiles(root), repository=page, version="")

        assert [str(problem) for problem in read.problems] == []
        assert [task for file in read.files for task in file.tasks] != []


def write_notebook(path: Path, method: str) -> None:
    cell = {"cell_type": "code", "metadata": {}, "source": f"def {method}(**arguments): pass"}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}))


def test_the_readmes_problem_is_what_is_told_of_its_example(tmp_path: Path) -> None:
    root = tmp_path / "news"
    root.mkdir()
    (example,) = blocks("README.md", "yaml")
    (root / "peach.yaml").write_text(example.replace("notebook:", "notebok:"), encoding="utf-8")

    (problem,) = read_repository(WorkTreeFiles(root), repository="news", version="").problems

    assert f"✘ {problem}\n" in blocks("README.md", "console")[0]


def test_the_example_of_a_platforms_file_is_valid(tmp_path: Path) -> None:
    (example,) = blocks("docs/install.md", "yaml")
    file = tmp_path / "platform.yaml"
    file.write_text(example, encoding="utf-8")

    platform = read_platform_file(file)

    assert len(platform.sources) == 4
    assert [index.connection for index in platform.indexes] == [None, "package_index"]


def test_every_option_of_airflow_that_is_recommended_exists() -> None:
    described = yaml.safe_load(files("airflow.config_templates").joinpath("config.yml").read_text(encoding="utf-8"))
    known: dict[str, set[str]] = {name: set(each["options"]) for name, each in described.items()}
    known[SECTION] = {option_name(declared.name) for declared in dataclasses.fields(Settings)}
    (text,) = blocks("docs/install.md", "ini")
    recommended = configparser.RawConfigParser()
    recommended.read_string(text)

    for name in recommended.sections():
        assert set(recommended[name]) <= known[name]
    (bundle,) = json.loads(recommended["dag_processor"]["dag_bundle_config_list"])
    assert pkgutil.resolve_name(bundle["classpath"]) is PeachBundle


def test_every_secret_of_the_compose_file_is_explained() -> None:
    compose = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    required = set(re.findall(r"\$\{(\w+):\?", compose))

    explained = {cells[0].strip("`") for cells in rows(section("docs/install.md", "docker-compose"))}
    (made,) = [block for block in blocks("docs/install.md", "sh") if ".env" in block]

    assert required
    assert explained == required
    assert set(re.findall(r"^(\w+)=", made, flags=re.MULTILINE)) == required


def airflow_commands() -> Iterator[list[str]]:
    for page in PAGES:
        for block in blocks(name_of(page), "sh"):
            for line in block.splitlines():
                words = shlex.split(line, comments=True)
                if words[:1] == ["airflow"]:
                    yield words[1:]


@pytest.mark.airflow
def test_airflow_understands_every_command_that_is_named() -> None:
    commands = list(airflow_commands())
    parser = cli_parser.get_parser()

    assert len(commands) > 10
    for command in commands:
        parsed: Any = parser.parse_args(command)  # ends the test with a message when it does not
        if hasattr(parsed, "conf"):
            assert parsed.conf is None or set(json.loads(parsed.conf)) == {"tasks", "args"}


def test_the_two_commands_are_targets_of_make() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, flags=re.MULTILINE))
    named = re.findall(r"^make (\w+)", "".join(blocks("README.md", "sh")), flags=re.MULTILINE)

    assert named == ["demo", "test"]
    assert set(named) <= targets
    assert "\nmake test\n" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and GitLab make them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_file_of_ours_that_is_named_exists(page: Path) -> None:
    named = re.findall(r"`([\w./-]+/[\w./-]*\.(?:py|md|yml|yaml|sh|svg))`", page.read_text(encoding="utf-8"))

    for name in named:
        if not name.startswith("peach.conf/"):
            places = (ROOT, ROOT / "include" / "airflow_peach", page.parent)
            assert any((place / name).exists() for place in places), name


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_nothing_of_this_machine_is_named(page: Path) -> None:
    text = page.read_text(encoding="utf-8")

    assert str(ROOT) not in text
    assert str(Path.home()) not in text
    assert re.findall(r"(?<![\w.])/(?:tmp|home|root|Users)/", text) == []


def test_the_pages_that_are_there_can_be_found_from_the_readme() -> None:
    readme = text_of("README.md")

    assert [page.name for page in DOCS.glob("*.md") if f"(docs/{page.name})" not in readme] == []
