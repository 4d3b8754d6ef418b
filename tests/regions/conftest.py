from __future__ import annotations

from pathlib import Path

import pytest

DATA = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture(scope="session")
def data() -> Path:
    """Folder of the public data sets."""
    if not DATA.is_dir():
        pytest.skip("the public data sets are not at ../shared/data")
    return DATA
