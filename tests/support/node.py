"""Judges that are published for Node only: installed once from ``tests/node`` by its lock, then called by file."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
from pathlib import Path

from support.jars import cache_folder

PROJECT = Path(__file__).parents[1] / "node"
WITHIN = 300
"""Seconds."""


class NoNode(Exception):
    """The judges can't be had here; says what is missing."""


def node(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """
    Run a script of ``tests/node``.

    Raises
    ------
    NoNode
        Node or npm is missing, or the packages of the lock can't be fetched.

    """
    folder = _installed()
    command = ("node", str(folder / script), *arguments)
    return subprocess.run(command, capture_output=True, text=True, timeout=WITHIN, check=False)


def package(name: str) -> Path:
    """
    Folder of an installed package.

    Raises
    ------
    NoNode
        As :func:`node` does.

    """
    return _installed() / "node_modules" / name


def _installed() -> Path:
    """Give a folder with the scripts as they are now and the packages of the lock."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise NoNode(f"this check needs {program}: run deploy/ci/install.sh as root")
    lock = PROJECT / "package-lock.json"
    folder = cache_folder() / f"node-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)
        for path in (*PROJECT.glob("*.json"), *PROJECT.glob("*.mjs"), PROJECT / ".npmrc"):
            shutil.copy(path, folder)
        if not (folder / ".done").exists():
            _install(folder)
    return folder


def _install(folder: Path) -> None:
    done = subprocess.run(
        ("npm", "ci", "--silent"), cwd=folder, capture_output=True, text=True, timeout=WITHIN, check=False
    )
    if done.returncode != 0:
        said = (done.stderr + done.stdout).strip().splitlines() or ["no word"]
        raise NoNode(f"npm can't fetch what tests/node names: {said[0]}")
    (folder / ".done").touch()
