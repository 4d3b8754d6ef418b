"""``python -m support.pages`` renews the pages of the documentation that are made from the code."""

from __future__ import annotations

import json
from pathlib import Path

from support.metrics import families, labels

from schemas import asyncapi
from schemas.catalogue import Catalogue
from schemas.definitions import released
from streams.settings import settings_table

END = {"counter": "_total", "info": "_info"}
ASYNCAPI = Path(asyncapi.__file__).with_suffix(".yaml")
DOCS = Path(__file__).parents[2] / "docs"
SCHEMAS = DOCS / "subscribe" / "schemas.json"


def schemas_by_id() -> str:
    """Every schema ever released, by its built-in id, as subscribers are given them."""
    return json.dumps({str(number): json.loads(known.schema) for number, known in released()}, indent=1) + "\n"


def metrics_table() -> str:
    """Give every metric that a process tells, as a table in Markdown."""
    lines = ["| metric | kind | labels | told by | what it is |", "|---|---|---|---|---|"]
    for process, family in families():
        name, told = f"{family.name}{END.get(family.type, '')}", ", ".join(f"`{each}`" for each in labels(family))
        lines.append(f"| `{name}` | {family.type} | {told} | {process} | {family.documentation} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Renew them."""
    page = DOCS / "settings.md"
    text = page.read_text("utf-8")
    page.write_text(text[: text.index("| variable")] + settings_table(), "utf-8")
    page = DOCS / "metrics.md"
    text = page.read_text("utf-8")
    page.write_text(text[: text.index("| metric")] + metrics_table(), "utf-8")
    SCHEMAS.write_text(schemas_by_id(), "utf-8")
    ASYNCAPI.write_text(asyncapi.text(Catalogue.load()), "utf-8")


if __name__ == "__main__":
    main()
