"""The files of the chart that are made from others: its schema, and the table in its README."""

import re
from pathlib import Path

from tests.packaging.helm import comments, schema
from tests.packaging.helm.rendering import CHART

README = CHART / "README.md"


def files() -> dict[Path, str]:
    """Their contents as they have to be."""
    return {CHART / "values.schema.json": schema.text(), README: _readme()}


def _readme() -> str:
    table = f"<!-- values -->\n{comments.table()}\n<!-- /values -->"
    text = README.read_text(encoding="utf-8")
    return re.sub("<!-- values -->.*<!-- /values -->", lambda _: table, text, flags=re.DOTALL)
