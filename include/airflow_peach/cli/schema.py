"""``peach schema``: the JSON Schema of the configuration file, for editors."""

from __future__ import annotations

from pathlib import Path

import click

from airflow_peach.cli import options
from airflow_peach.errors import PeachError


@click.command("schema", epilog=options.examples("peach schema", "peach schema --output peach.schema.json"))
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write it to a file, not to standard output."
)
def command(output: Path | None) -> int:
    """Print the JSON Schema (draft 2020-12) of the configuration file.

    Editors complete and check peach.yaml with it: see the page about authors' tools. It knows keys, types and
    meanings; what needs the notebooks is told by peach validate.

    Exit code 0 when it was printed or written, 1 when it could not be.
    """
    content = Path(__file__).parent.parent.joinpath("authoring", "configuration.schema.json").read_text("utf-8")
    if output is None:
        click.echo(content, nl=False)
        return 0
    try:
        output.write_text(content, encoding="utf-8")
    except OSError as error:
        raise PeachError(f"{output}: {error.strerror}") from error
    return 0
