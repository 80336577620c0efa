"""Imports that no requirement provides: a hint, because a package may come with another, or from elsewhere."""

from __future__ import annotations

import ast
import posixpath
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from airflow_peach.authoring.cell_source import parse
from airflow_peach.authoring.definitions import MissingFileError
from airflow_peach.authoring.scopes import catches_name_errors
from airflow_peach.errors import PeachError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from airflow_peach.authoring.definitions import RepositoryFiles
    from airflow_peach.authoring.notebooks import Cell

# Well-known packages whose module is not called like them; every other is taken to be.
_DISTRIBUTIONS = {
    "attr": "attrs", "bs4": "beautifulsoup4", "Crypto": "pycryptodome", "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil", "docx": "python-docx", "dotenv": "python-dotenv", "faiss": "faiss-cpu",
    "fitz": "PyMuPDF", "git": "GitPython", "gitlab": "python-gitlab", "github": "PyGithub", "jose": "python-jose",
    "jwt": "PyJWT", "kafka": "kafka-python", "Levenshtein": "python-Levenshtein", "magic": "python-magic",
    "mpl_toolkits": "matplotlib", "MySQLdb": "mysqlclient", "OpenSSL": "pyOpenSSL", "pkg_resources": "setuptools",
    "PIL": "pillow", "psycopg2": "psycopg2-binary", "serial": "pyserial", "skimage": "scikit-image",
    "sklearn": "scikit-learn", "slugify": "python-slugify", "telegram": "python-telegram-bot", "umap": "umap-learn",
    "usb": "pyusb", "websocket": "websocket-client", "win32api": "pywin32", "yaml": "PyYAML", "zmq": "pyzmq",
}  # fmt: skip
# In a kernel they come with it; a single cell has no use for them.
_KERNELS = frozenset({"IPython", "ipykernel", "ipywidgets", "jupyter_client", "traitlets"})
_BLOCKS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.With, ast.For, ast.While, ast.Try)
# Folders that many distributions share: which one it is cannot be told from the import.
_SHARED = frozenset({"google", "azure", "zope", "backports", "sphinxcontrib", "jaraco", "ruamel", "airflow"})


@dataclass(frozen=True)
class Unprovided:
    """A module that is imported, and the distribution that would bring it.

    Attributes:
        cell: that imports it.
        line: in the cell, from 1.
    """

    module: str
    distribution: str
    cell: Cell
    line: int


def unprovided_imports(
    cells: Sequence[Cell], notebook: str, requirements: Sequence[str], files: RepositoryFiles
) -> list[Unprovided]:
    """Return the imports of ``cells`` that neither Python, nor a requirement, nor the repository provides.

    Args:
        cells: that are executed.
        notebook: their file: modules beside it can be imported.
        requirements: normalised, all that are known.
        files: of the repository.
    """
    names = {str(canonicalize_name(Requirement(text).name)) for text in requirements}
    found: dict[str, Unprovided] = {}
    for cell in cells:
        tree = parse(cell.transformed)
        for module, line in _imports(tree.body) if isinstance(tree, ast.Module) else ():
            distribution = _DISTRIBUTIONS.get(module, module)
            if module in found or _is_there(module, distribution, names):
                continue
            if not _is_beside(module, notebook, files):
                found[module] = Unprovided(module, distribution, cell, line)
    return list(found.values())


def _imports(body: Iterable[ast.stmt]) -> Iterator[tuple[str, int]]:
    """Yield the modules that are imported when the cell runs, without those that may be missing."""
    for statement in body:
        if isinstance(statement, ast.Import):
            yield from ((alias.name.partition(".")[0], statement.lineno) for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom) and statement.module and not statement.level:
            yield statement.module.partition(".")[0], statement.lineno
        elif isinstance(statement, _BLOCKS) and not _expects_import_errors(statement):
            yield from _imports(statement.body)


def _expects_import_errors(statement: ast.stmt) -> bool:
    if not isinstance(statement, ast.Try):
        return False
    caught = {node.id for handler in statement.handlers for node in ast.walk(handler) if isinstance(node, ast.Name)}
    return bool(caught & {"ImportError", "ModuleNotFoundError"}) or catches_name_errors(statement)


def _is_there(module: str, distribution: str, requirements: set[str]) -> bool:
    if module in sys.stdlib_module_names or module in _KERNELS or module in _SHARED:
        return True
    wanted = {str(canonicalize_name(name)) for name in (module, distribution)}
    # opencv-python for opencv-python-headless, tensorflow for tensorflow-cpu.
    return any(
        have == name or have.startswith(f"{name}-") or name.startswith(f"{have}-")
        or have in {f"python-{name}", f"py{name}"}
        for have in requirements
        for name in wanted
    )  # fmt: skip


def _is_beside(module: str, notebook: str, files: RepositoryFiles) -> bool:
    folder = posixpath.dirname(notebook)
    return any(_exists(posixpath.join(folder, path), files) for path in (f"{module}.py", module))


def _exists(path: str, files: RepositoryFiles) -> bool:
    """Whether there is such a file or folder."""
    try:
        files.read(path, limit_bytes=0)
    except MissingFileError as error:
        return str(error).endswith("is a folder, not a file")
    except PeachError:  # too large to be read, or a link: it is there
        return True
    return True
