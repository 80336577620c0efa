from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from airflow.api_fastapi.core_api.datamodels.plugins import ReactAppResponse

import airflow_peach
from airflow_peach.monitoring.page import files

if TYPE_CHECKING:
    from pathlib import Path

VENDOR = files.FOLDER / "vendor"
MODULES = sorted(files.FOLDER.glob("*.js"))


def test_airflow_takes_the_page_as_a_react_app() -> None:
    app = ReactAppResponse.model_validate(files.react_app())
    assert (app.name, app.destination, app.url_route) == ("Tasks", "nav", "tasks")


def test_addresses_are_relative_so_that_they_hold_below_a_sub_path() -> None:
    for name in ("bundle_url", "icon"):
        address = urlsplit(files.react_app()[name])
        assert not address.scheme
        assert not address.path.startswith("/")
        assert (files.FOLDER / address.path.rpartition("/")[2]).is_file()


def test_the_stamp_has_the_version_and_changes_with_any_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "vendor").mkdir()
    monkeypatch.setattr(files, "FOLDER", tmp_path)
    seen = set()
    for change in (None, "main.js", "vendor/plot.js"):
        if change:
            (tmp_path / change).write_text("changed")
        files.stamp.cache_clear()
        seen.add(files.stamp())
    files.stamp.cache_clear()
    assert len(seen) == 3
    assert all(stamp.startswith(f"{airflow_peach.__version__}-") for stamp in seen)


@pytest.mark.parametrize("name", ["plot", "d3"])
def test_vendored_libraries_are_the_published_files(name: str) -> None:
    readme = (VENDOR / "README.md").read_text(encoding="utf-8")
    (expected,) = re.findall(rf"^\| `{name}\.js` .*\| `([0-9a-f]{{64}})` \|$", readme, re.MULTILINE)
    text = (VENDOR / f"{name}.js").read_text(encoding="utf-8")
    begin = text.index("// https://" if name == "d3" else "// @observablehq")
    published = text[begin:].removesuffix("export default exports;\n")
    assert hashlib.sha256(published.encode()).hexdigest() == expected
    assert "ISC" in (VENDOR / "README.md").read_text(encoding="utf-8")
    assert "Permission to use, copy, modify" in (VENDOR / f"LICENSE.{name}.txt").read_text(encoding="utf-8")


def test_every_module_is_asked_for_early() -> None:
    early = (files.FOLDER / "early.js").read_text(encoding="utf-8")
    (listed,) = re.findall(r"const MODULES = \[(.*?)\]", early, re.DOTALL)
    named = re.findall(r'"(\w+)"', listed)
    assert sorted([*named, "main", "early", "duration_graph", "types"]) == [module.stem for module in MODULES]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_modules_import_only_each_other_and_take_nothing_from_the_internet(module: Path) -> None:
    text = module.read_text(encoding="utf-8")
    code = re.sub(r"/\*\*.*?\*/", "", text, flags=re.DOTALL)
    for imported in re.findall(r"""(?:from|import)\s*\(?\s*"([^"]+)\"""", code):
        assert (files.FOLDER / imported).resolve().is_file(), imported
        assert imported.startswith("./")
    assert not re.findall(r"https?://\w", text)
    assert text.startswith("// @ts-check\n/**")
    # Text from repositories becomes text nodes alone.
    assert not re.findall(r"innerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", text)


def test_modules_are_small() -> None:
    assert {module.name: lines for module in MODULES if (lines := len(module.read_text().splitlines())) > 260} == {}
