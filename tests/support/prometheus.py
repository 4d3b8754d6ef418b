"""A real Prometheus and Alertmanager, our rules at sixty times their speed, and a webhook that takes what is told."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import yaml
from support.ports import free_ports
from support.waiting import until

DEPLOY = Path(__file__).parents[2] / "deploy"


class NoPrometheus(Exception):
    """A real Prometheus can't be had here."""


class Told:
    """What Alertmanager told: name and status of each alert, in order."""

    def __init__(self) -> None:
        self.alerts: list[tuple[str, str, Mapping[str, str]]] = []
        told = self.alerts

        class Hook(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                for each in content["alerts"]:
                    told.append((each["labels"]["alertname"], each["status"], each["labels"]))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's signature
                """Log nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def has(self, alert: str, status: str, **labels: str) -> bool:
        """Whether it was told, with these labels."""
        return any(
            (name, how) == (alert, status) and labels.items() <= found.items() for name, how, found in list(self.alerts)
        )

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


class Monitoring:
    """
    The chain, running.

    Parameters
    ----------
    targets
        Addresses of the processes to be scraped.
    folder
        For configurations and data.

    """

    def __init__(self, targets: Sequence[str], folder: Path) -> None:
        for program in ("prometheus", "prometheus-alertmanager"):
            if shutil.which(program) is None and shutil.which(program.removeprefix("prometheus-")) is None:
                raise NoPrometheus(f"this test needs {program}: run deploy/ci/install.sh as root")
        self._targets, self._folder = targets, folder
        self._prometheus, self._alertmanager = free_ports(2)
        self._undo = ExitStack()
        self.told = Told()

    def __enter__(self) -> Self:
        self._undo.callback(self.told.close)
        self._write()
        manager = shutil.which("prometheus-alertmanager") or "alertmanager"
        self._start(
            manager,
            f"--config.file={self._folder}/alertmanager.yml",
            f"--storage.path={self._folder}/alertmanager",
            f"--web.listen-address=127.0.0.1:{self._alertmanager}",
            "--cluster.listen-address=",
        )
        self._start(
            "prometheus",
            f"--config.file={self._folder}/prometheus.yml",
            f"--storage.tsdb.path={self._folder}/prometheus",
            f"--web.listen-address=127.0.0.1:{self._prometheus}",
        )
        for port in (self._alertmanager, self._prometheus):
            until(lambda port=port: _answers(f"http://127.0.0.1:{port}/-/ready"))  # type: ignore[misc]  # bound now
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._undo.close()

    def ask(self, query: str) -> list[float]:
        """Values of an instant query, one a series."""
        at = f"http://127.0.0.1:{self._prometheus}/api/v1/query?" + urllib.parse.urlencode({"query": query})
        with urllib.request.urlopen(at, timeout=10) as answer:
            found = cast("dict[str, Any]", json.load(answer))
        return [float(each["value"][1]) for each in found["data"]["result"]]

    def _write(self) -> None:
        content = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text("utf-8"))
        content["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        content["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = [f"127.0.0.1:{self._alertmanager}"]
        content["scrape_configs"] = [{"job_name": "firebreak", "static_configs": [{"targets": list(self._targets)}]}]
        self._put("prometheus.yml", content)
        rules = yaml.safe_load((DEPLOY / "prometheus" / "rules" / "firebreak.rules.yml").read_text("utf-8"))
        for rule in (rule for group in rules["groups"] for rule in group["rules"]):
            for key in {"for", "keep_firing_for", "expr"} & set(rule):
                rule[key] = _sixty_times_faster(rule[key])
        (self._folder / "rules").mkdir()
        self._put("rules/firebreak.rules.yml", rules)
        routes = yaml.safe_load((DEPLOY / "alertmanager" / "alertmanager.yml").read_text("utf-8"))
        routes["route"] |= {"group_wait": "1s", "group_interval": "1s"}
        for receiver in routes["receivers"]:
            receiver["webhook_configs"] = [{"url": self.told.url, "send_resolved": True}]
        self._put("alertmanager.yml", routes)

    def _put(self, name: str, content: object) -> None:
        (self._folder / name).write_text(yaml.safe_dump(content), "utf-8")

    def _start(self, *command: str) -> None:
        with (self._folder / f"{Path(command[0]).name}.log").open("wb") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self._undo.callback(_end, process)


def _sixty_times_faster(text: str) -> str:
    """Durations, also of ranges, and ages in seconds; an age keeps room for a scrape and a tick."""
    faster = re.sub(r"(?<![\w.])(\d+)([mh])\b", lambda found: found[1] + ("s" if found[2] == "m" else "m"), text)
    return re.sub(r"^(time\(\) - .*) > \d+$", r"\1 > 6", faster, flags=re.MULTILINE)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - an address of our own
            return True
    except (urllib.error.URLError, OSError):
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
