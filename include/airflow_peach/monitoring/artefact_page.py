"""An executed notebook as a page. What it holds is a stranger's: rendered in a child, within limits, and sanitised.

The page needs nothing from elsewhere and runs nothing; whoever serves it sends ``PAGE_HEADERS``, with which a browser
would run nothing of it either.
"""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path
from typing import Any

from airflow_peach.errors import PeachError
from airflow_peach.processes import ProcessTimeoutError, run

TIME_LIMIT_SECONDS = 30
MEMORY_LIMIT_BYTES = 1024**3
PAGE_LIMIT_BYTES = 64 * 1024 * 1024
NOTEBOOK_LIMIT_BYTES = 20 * 1024 * 1024

# A sandbox without allow-scripts or allow-same-origin: no script, no form, no request that carries the login, wherever
# the page is opened. https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Content-Security-Policy/sandbox
PAGE_HEADERS = {
    "Content-Security-Policy": (
        "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, max-age=3600",
}

_STYLE = """
:root { color-scheme: light dark; }
body { font: 14px/1.5 system-ui, sans-serif; margin: 1rem auto; max-width: 72rem; padding: 0 1rem; }
pre { font: 13px/1.4 ui-monospace, monospace; margin: 0; overflow-x: auto; white-space: pre-wrap; }
.cell { margin: 0 0 1rem; }
.input_area { background: rgb(128 128 128 / 12%); border-radius: 4px; padding: .5rem .75rem; }
.output_area { padding: .5rem .75rem; }
.prompt { color: gray; font: 12px ui-monospace, monospace; }
.prompt:empty { display: none; }
.output_stderr, .output_error { border-left: 3px solid #c53030; }
img, svg { background: white; height: auto; max-width: 100%; }
table { border-collapse: collapse; } th, td { border: 1px solid gray; padding: .2rem .5rem; text-align: right; }
.ansi-bold { font-weight: bold; } .ansi-red-fg { color: #c53030; } .ansi-green-fg { color: #2f855a; }
.ansi-yellow-fg { color: #b7791f; } .ansi-blue-fg { color: #2b6cb0; } .ansi-cyan-fg { color: #2c7a7b; }
.ansi-magenta-fg { color: #97266d; }
.highlight .k, .highlight .kn, .highlight .kc, .highlight .ow { font-weight: bold; }
.highlight .c1, .highlight .sd { color: gray; font-style: italic; } .highlight .s1, .highlight .s2 { color: #2f855a; }
""".strip()

# What is no output of a page: programs, and what only programs can show.
_DROPPED = ("application/javascript", "application/vnd", "text/vnd", "image/svg+xml")


class PageError(PeachError):
    """The notebook cannot be shown as a page."""


def render_in_child(notebook: bytes) -> bytes:
    """Return the notebook as an HTML page.

    Raises:
        PageError: it is too large, takes too long, or is none.
    """
    download = "download the notebook instead"
    if len(notebook) > NOTEBOOK_LIMIT_BYTES:
        raise PageError(f"this notebook has over {NOTEBOOK_LIMIT_BYTES >> 20} MiB: {download}")
    try:
        completed = run(
            (sys.executable, "-m", "airflow_peach.monitoring.artefact_page"),
            cwd=Path("/"),
            env={name: os.environ[name] for name in ("PATH", "LANG", "PYTHONPATH") if name in os.environ},
            timeout_seconds=TIME_LIMIT_SECONDS,
            output_limit_bytes=PAGE_LIMIT_BYTES,
            input=notebook,
        )
    except ProcessTimeoutError:
        raise PageError(f"this notebook takes over {TIME_LIMIT_SECONDS} s to be shown: {download}") from None
    if completed.returncode or completed.truncated:
        said = completed.error_text.rpartition("\n")[2][:200] or f"exit code {completed.returncode}"
        raise PageError(f"this notebook cannot be shown ({said}): {download}")
    return completed.stdout


def render(notebook: str) -> str:
    """Return the notebook as an HTML page; in this process, without limits. Raises what nbconvert raises."""
    # jsonschema would build a grammar of addresses with it, which takes five seconds; no address is checked here.
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
    import nbformat  # noqa: PLC0415 - only the child needs them, and they take half a second
    from nbconvert.exporters import HTMLExporter  # noqa: PLC0415

    content = nbformat.reads(notebook, as_version=4)  # type: ignore[no-untyped-call]
    content.metadata = {}
    for cell in content.cells:
        cell.metadata = {}
        cell.pop("attachments", None)
        for output in cell.get("outputs", ()):
            _keep_what_is_shown(output)
    exporter = HTMLExporter(template_name="basic", sanitize_html=True)  # type: ignore[no-untyped-call]
    body, _ = exporter.from_notebook_node(content)
    head = f'<meta charset="utf-8"><title>Executed notebook</title><style>{_STYLE}</style>'
    return f"<!doctype html>\n<html lang=en><head>{head}</head><body>\n{body}\n</body></html>\n"


def _keep_what_is_shown(output: Any) -> None:  # noqa: ANN401 - a notebook's node
    data = output.get("data")
    if data is None:
        return
    output["metadata"] = {}
    for kind in [kind for kind in data if kind.startswith(_DROPPED)]:
        del data[kind]
    for kind in [kind for kind in data if kind.startswith("image/")]:
        # nbconvert writes it into an attribute as it is.
        if not str(data[kind]).replace("\n", "").replace("+", "").replace("/", "").rstrip("=").isalnum():
            del data[kind]


def main() -> int:
    """Render standard input to standard output, within limits of processor and memory."""
    resource.setrlimit(resource.RLIMIT_CPU, (TIME_LIMIT_SECONDS, TIME_LIMIT_SECONDS + 1))
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES))
    sys.stdout.buffer.write(render(sys.stdin.buffer.read().decode("utf-8")).encode("utf-8", errors="replace"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
