"""The command `import`: settings of other senders of webhooks as settings of ours.

What cannot be carried over is told on standard error, and stands as comments in what is written.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

imports = typer.Typer(help="Turn settings of another sender of webhooks into ours.", no_args_is_help=True)


@imports.callback()
def _of() -> None:
    """Turn settings of another sender of webhooks into ours."""


@imports.command()
def rudderstack(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="A destination, webhook or HTTP, JSON or YAML."),
    ],
) -> None:
    """Print the sections `destination` and `filter` for a destination of RudderStack.

    What cannot be carried over is listed. Exit status: 0 all or part of it is carried over, 2 the file is
    no such destination.
    """
    from processor.cli.imports.rudderstack import imported
    from processor.cli.verdict import refuse
    from processor.config import loading
    from processor.config.sources.documents import page
    from processor.errors import ConfigError, Problem

    try:
        found = imported(loading.read_yaml(file))
    except ConfigError as error:
        refuse(error)
    except ValueError as error:
        refuse(ConfigError([Problem(str(file), str(error))]))
    for sentence in found.left:
        typer.echo(f"# {sentence}")
        typer.echo(f"left  {sentence}", err=True)
    typer.echo(page(found.settings), nl=False)
