"""The settings of a stage's process; they are the same object as a consumer's."""

from __future__ import annotations

from schemas.settings import (
    OTHERS,
    LogLevel,
    PartitionSettings,
    Settings,
    from_env,
    settings_table,
)

__all__ = ["OTHERS", "LogLevel", "PartitionSettings", "Settings", "from_env", "settings_table"]
