"""Schema registries for tests: a real Apicurio from its published build, and one in memory with the same calls."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tarfile
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

from support.jars import NoKafka, alone, cache_folder
from support.ports import free_ports
from support.waiting import until

VERSION = "3.0.9"
ARTIFACT = f"io.apicurio:apicurio-registry-app:{VERSION}:tar.gz:all"
FETCH_WITHIN = 600
"""Seconds."""


class Apicurio:
    """A real registry on a loopback port; nothing is kept."""

    def __enter__(self) -> Self:
        port = free_ports(1)[0]
        folder = unpacked()
        memory = ("-Xmx384m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
        told = {
            "quarkus.http.host": "127.0.0.1",
            "quarkus.http.port": str(port),
            "apicurio.storage.kind": "sql",
            "apicurio.storage.sql.kind": "h2",
            "apicurio.datasource.url": "jdbc:h2:mem:registry",
        }
        options = [f"-D{name}={value}" for name, value in told.items()]
        jar = folder / f"apicurio-registry-app-{VERSION}-runner.jar"
        self._process = subprocess.Popen(
            ("java", *memory, *options, "-jar", str(jar)),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.url = f"http://127.0.0.1:{port}/apis/ccompat/v7"
        until(lambda: _answers(f"{self.url}/subjects"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()


class InMemory:
    """The calls that we make, without any check of what is registered."""

    def __enter__(self) -> Self:
        subjects: dict[str, list[int]] = {}
        texts: list[str] = []

        class Page(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(*_read(self.path, subjects, texts))

            def do_PUT(self) -> None:
                self._answer(200, self._body())

            def do_POST(self) -> None:
                (name,) = re.fullmatch(r"/subjects/([^/]+)/versions.*", self.path).groups()  # type: ignore[union-attr]  # is
                text = str(self._body()["schema"])
                if text not in texts:
                    texts.append(text)
                number = texts.index(text) + 1
                if number not in subjects.setdefault(name, []):
                    subjects[name].append(number)
                self._answer(200, {"id": number})

            def _body(self) -> dict[str, object]:
                content: dict[str, object] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                return content

            def _answer(self, status: int, content: object) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
                self.end_headers()
                self.wfile.write(json.dumps(content).encode())

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's signature
                """Log nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


def _read(path: str, subjects: dict[str, list[int]], texts: list[str]) -> tuple[int, object]:
    if path.partition("?")[0] == "/subjects":
        return 200, sorted(subjects)
    asked = re.match(r"/schemas/ids/(\d+)", path)
    if asked is not None:
        return 200, {"schema": texts[int(asked[1]) - 1]}
    found = re.fullmatch(r"/subjects/([^/]+)/versions(?:/(\d+))?(?:\?.*)?", path)
    if found is None or found[1] not in subjects:
        return 404, {"error_code": 40401, "message": "Subject not found"}
    numbers = subjects[found[1]]
    if found[2] is None:
        return 200, list(range(1, len(numbers) + 1))
    number = numbers[int(found[2]) - 1]
    return 200, {"subject": found[1], "version": int(found[2]), "id": number, "schema": texts[number - 1]}


def unpacked() -> Path:
    for program in ("java", "mvn"):
        if shutil.which(program) is None:
            raise NoKafka(f"a real registry needs {program}: run deploy/ci/install.sh as root")
    folder = cache_folder() / f"apicurio-{VERSION}"
    with alone(folder):
        if not folder.is_dir():
            _fetch(folder)
    return folder


def _fetch(folder: Path) -> None:
    aside = folder.parent / f"{folder.name}.part"
    shutil.rmtree(aside, ignore_errors=True)
    command = ("mvn", "-B", "-q", "dependency:copy", f"-Dartifact={ARTIFACT}", f"-DoutputDirectory={aside}")
    done = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_WITHIN, check=False)
    if done.returncode != 0:
        said = (done.stdout + done.stderr).strip().splitlines() or ["no word"]
        raise NoKafka(f"Maven can't fetch Apicurio {VERSION}: {said[0]}")
    for packed in aside.glob("*.tar.gz"):
        with tarfile.open(packed) as archive:
            archive.extractall(aside, filter="data")
        packed.unlink()
    aside.rename(folder)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - an address of our own
            return True
    except (urllib.error.URLError, OSError):
        return False
