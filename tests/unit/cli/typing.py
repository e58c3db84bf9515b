"""The command as people type it, and what came of it."""

import os
import subprocess
import sys
import traceback
from pathlib import Path

from typer.testing import CliRunner

from processor.cli.commands import app
from tests.support.patience import PATIENCE

COMMAND = str(Path(sys.executable).with_name("webhook-processor"))
Done = subprocess.CompletedProcess[str]


def typed(*arguments: str, text: str | bytes = "", **environ: str) -> Done:
    """Run the command with `text` on standard input."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("WEBHOOK_PROCESSOR")}
    given = text if isinstance(text, bytes) else text.encode()
    done = subprocess.run(
        [COMMAND, *arguments], input=given, capture_output=True, env=env | environ, timeout=PATIENCE
    )
    return Done(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def asked(*arguments: str, text: str | bytes = "", **environ: str) -> Done:
    """The same within this process, which is quicker."""
    theirs = dict.fromkeys(name for name in os.environ if name.startswith("WEBHOOK_PROCESSOR"))
    done = CliRunner(env=theirs | environ).invoke(app, arguments, input=text)
    error = done.exception
    raised = "".join(traceback.format_exception(error)) if isinstance(error, Exception) else ""
    return Done(arguments, done.exit_code, done.stdout, done.stderr + raised)
