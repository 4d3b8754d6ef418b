"""A real Kafka from its published jars: fetched once, with an archive of loaded classes so that brokers start fast."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

POM = Path(__file__).parents[2] / "deploy" / "kafka" / "pom.xml"
FETCH_WITHIN = 300
"""Seconds."""
_NEEDED = ("java", "mvn", "openssl")


class NoKafka(Exception):
    """A real Kafka can't be had here; says what is missing."""


def cache_folder() -> Path:
    """Where fetched parts are kept between runs: FIREBREAK_TEST_CACHE, or a folder of the user's cache."""
    chosen = os.environ.get("FIREBREAK_TEST_CACHE")
    return Path(chosen) if chosen else Path.home() / ".cache" / "firebreak"


def kafka_version() -> str:
    """Version that the pom names."""
    found = re.search(r"<kafka.version>([\d.]+)<", POM.read_text("utf-8"))
    assert found is not None
    return found[1]


def jars() -> Path:
    """
    Folder with the jars, fetched if need be.

    Raises
    ------
    NoKafka
        Java, Maven or OpenSSL is missing, or Maven can't fetch.

    """
    for program in _NEEDED:
        if shutil.which(program) is None:
            raise NoKafka(f"a real Kafka needs {program}: run deploy/ci/install.sh as root")
    folder = cache_folder() / f"kafka-{kafka_version()}"
    with alone(folder):
        if not folder.is_dir():
            _fetch(folder)
    return folder


def archive_of(libraries: Path) -> Path:
    """Where the archive of loaded classes is or will be."""
    return libraries / "classes.jsa"


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Fetch into *folder* while nobody else does."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fetch(folder: Path) -> None:
    aside = folder.parent / f"{folder.name}.part"
    shutil.rmtree(aside, ignore_errors=True)
    wanted = ("dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={aside}")
    done = subprocess.run(
        ("mvn", "-B", "-q", "-f", str(POM), *wanted), capture_output=True, text=True, timeout=FETCH_WITHIN, check=False
    )
    if done.returncode != 0:
        shutil.rmtree(aside, ignore_errors=True)
        said = (done.stdout + done.stderr).strip().splitlines() or ["no word"]
        raise NoKafka(f"Maven can't fetch Kafka {kafka_version()}: {said[0]}")
    aside.rename(folder)
