"""``python -m support.pages`` renews the pages of the documentation that are made from the code."""

from __future__ import annotations

from pathlib import Path

from schemas import asyncapi
from schemas.catalogue import Catalogue
from streams.settings import settings_table

ASYNCAPI = Path(asyncapi.__file__).with_suffix(".yaml")
DOCS = Path(__file__).parents[2] / "docs"


def main() -> None:
    """Renew them."""
    page = DOCS / "settings.md"
    text = page.read_text("utf-8")
    page.write_text(text[: text.index("| variable")] + settings_table(), "utf-8")
    ASYNCAPI.write_text(asyncapi.text(Catalogue.load()), "utf-8")


if __name__ == "__main__":
    main()
