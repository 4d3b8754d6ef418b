"""
A real Apache Kafka for tests: one to three brokers (KRaft, broker and controller in one process) on loopback ports.

``python -m support.kafka --nodes 3`` runs one in the foreground.
"""

from __future__ import annotations

import argparse
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from support.certificates import Authority, Certificate
from support.jars import NoKafka, archive_of, jars, kafka_version
from support.ports import free_ports

READY_WITHIN = 120.0
"""Seconds; one that was killed with thousands of partitions takes half a minute."""
READY = "Kafka Server started"
STOP_WITHIN = 30.0
"""Seconds."""


@dataclass(slots=True)
class _Node:
    folder: Path
    ports: Mapping[str, int]
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None


class KafkaCluster:
    """
    Brokers, numbered from 1.

    Parameters
    ----------
    nodes
        1, or 3 (replication 3, two of them in sync).
    secure
        Adds listeners with SASL over TLS and with mutual TLS, and access lists that allow nobody anything; the
        plaintext listener is the administrator's.
    users
        Passwords by name: users of SCRAM-SHA-512 and SCRAM-SHA-256 of a secure cluster.
    heap
        Memory of each broker.
    fast_start
        Compile little: starts sooner, carries less.
    properties
        Further properties of the brokers.

    """

    def __init__(
        self,
        nodes: int = 1,
        *,
        secure: bool = False,
        users: Mapping[str, str] | None = None,
        heap: str = "384m",
        fast_start: bool = True,
        properties: Mapping[str, str] | None = None,
    ) -> None:
        self.secure = secure
        self.folder = Path(tempfile.mkdtemp(prefix="firebreak-kafka-"))
        self._libraries = jars()
        self._heap, self._fast_start = heap, fast_start
        self._properties = dict(properties or {})
        self._users = dict(users or {})
        kinds = ("plain", "controller", "sasl", "mtls")
        ports = free_ports(nodes * len(kinds))
        self._nodes = {
            number: _Node(
                folder=self.folder / f"n{number}",
                ports=dict(zip(kinds, ports[(number - 1) * len(kinds) :], strict=False)),
            )
            for number in range(1, nodes + 1)
        }
        self._authority = Authority(self.folder / "tls") if secure else None
        # one that begins with a dash would be an option to the tool that takes it
        self._cluster_id = "f" + secrets.token_urlsafe(16)[1:22]

    def __enter__(self) -> Self:
        try:
            self.up()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def bootstrap(self) -> str:
        """Addresses of the plaintext listeners."""
        return self._addresses("plain", "127.0.0.1")

    @property
    def sasl_bootstrap(self) -> str:
        """Addresses of the listeners with SASL over TLS."""
        return self._addresses("sasl", "localhost")

    @property
    def mtls_bootstrap(self) -> str:
        """Addresses of the listeners with mutual TLS; a certificate's common name is the user."""
        return self._addresses("mtls", "localhost")

    @property
    def authority(self) -> Authority:
        """Who signed the brokers of a secure cluster, and signs clients."""
        assert self._authority is not None, "not a secure cluster"
        return self._authority

    def client_certificate(self, user: str) -> Certificate:
        """Sign a certificate with which the listener of mutual TLS takes somebody for *user*."""
        return self.authority.certificate(user)

    def up(self) -> None:
        """Format and start all brokers."""
        for number, node in self._nodes.items():
            node.folder.mkdir()
            (node.folder / "server.properties").write_text(self._server_properties(number, node), "utf-8")
        self._format()
        for number in self._nodes:
            self._launch(number)
        for number in self._nodes:
            self._wait_until_ready(number)

    def start(self, number: int) -> None:
        """Start a broker again and wait until it is ready."""
        self._launch(number)
        self._wait_until_ready(number)

    def stop(self, number: int) -> None:
        """End a broker in good order."""
        self._end(number, signal.SIGTERM)

    def kill(self, number: int) -> None:
        """End a broker with SIGKILL."""
        self._end(number, signal.SIGKILL)

    def pause(self, number: int) -> None:
        """Freeze a broker."""
        self._process(number).send_signal(signal.SIGSTOP)

    def resume(self, number: int) -> None:
        """Let a frozen broker go on."""
        self._process(number).send_signal(signal.SIGCONT)

    def runs(self, number: int) -> bool:
        """Whether a broker's process runs."""
        return self._nodes[number].running

    def pid(self, number: int) -> int:
        """Process of a broker."""
        return self._process(number).pid

    def log_of(self, number: int) -> str:
        """What a broker wrote, through all its lives."""
        return self._nodes[number].log.read_text("utf-8", errors="replace")

    def close(self) -> None:
        """End all and remove what they kept."""
        for number, node in self._nodes.items():
            if node.process is not None:
                self.kill(number)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _addresses(self, kind: str, host: str) -> str:
        return ",".join(f"{host}:{node.ports[kind]}" for node in self._nodes.values())

    def _process(self, number: int) -> subprocess.Popen[bytes]:
        process = self._nodes[number].process
        assert process is not None, f"broker {number} is not running"
        return process

    def _end(self, number: int, how: signal.Signals) -> None:
        process = self._process(number)
        process.send_signal(how)
        if how is not signal.SIGKILL:
            try:
                process.wait(STOP_WITHIN)
            except subprocess.TimeoutExpired:
                process.kill()
        process.wait()
        self._nodes[number].process = None

    def _java(self, *arguments: str) -> list[str]:
        archive = archive_of(self._libraries)
        return [
            "java",
            *("-Xms64m", f"-Xmx{self._heap}", "-XX:+UseSerialGC", "-XX:-UsePerfData"),
            *(("-XX:TieredStopAtLevel=1",) if self._fast_start else ()),
            *((f"-XX:SharedArchiveFile={archive}",) if archive.is_file() else ()),
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",
            *("-cp", f"{self._libraries}/*"),
            *arguments,
        ]

    def _format(self) -> None:
        scram = [
            each
            for user, password in self._users.items()
            for kind in ("SCRAM-SHA-512", "SCRAM-SHA-256")
            for each in ("--add-scram", f"{kind}=[name={user},password={password}]")
        ]
        common = ("kafka.tools.StorageTool", "format", "-t", self._cluster_id, *scram)
        running = [
            subprocess.Popen(
                self._java(*common, "-c", str(node.folder / "server.properties")),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            for node in self._nodes.values()
        ]
        for process in running:
            said, _ = process.communicate(timeout=READY_WITHIN)
            if process.returncode != 0:
                raise NoKafka(f"Kafka {kafka_version()} does not format its folder: {said.strip()[-500:]}")

    def _launch(self, number: int) -> None:
        node = self._nodes[number]
        assert not node.running, f"broker {number} is running"
        # the kernel ends the broker with us, however we end
        with_us = ("setpriv", "--pdeathsig", "KILL") if shutil.which("setpriv") else ()
        with node.log.open("wb") as log:
            node.process = subprocess.Popen(
                [*with_us, *self._java("kafka.Kafka", str(node.folder / "server.properties"))],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _wait_until_ready(self, number: int) -> None:
        node = self._nodes[number]
        give_up = time.monotonic() + READY_WITHIN
        while READY not in self.log_of(number):
            if not node.running or time.monotonic() > give_up:
                raise NoKafka(f"broker {number} does not start: {self.log_of(number).strip()[-1000:]}")
            time.sleep(0.02)

    def _server_properties(self, number: int, node: _Node) -> str:
        several = len(self._nodes) >= 3
        replicas, in_sync = ("3", "2") if several else ("1", "1")
        voters = ",".join(f"{each}@127.0.0.1:{other.ports['controller']}" for each, other in self._nodes.items())
        listeners = [("PLAINTEXT", "127.0.0.1", "plain"), ("CONTROLLER", "127.0.0.1", "controller")]
        if self.secure:
            listeners += [("SASL", "localhost", "sasl"), ("MTLS", "localhost", "mtls")]
        properties = {
            "process.roles": "broker,controller",
            "node.id": str(number),
            "controller.quorum.voters": voters,
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAINTEXT",
            "listeners": ",".join(f"{name}://127.0.0.1:{node.ports[kind]}" for name, _, kind in listeners),
            "advertised.listeners": ",".join(
                f"{name}://{host}:{node.ports[kind]}" for name, host, kind in listeners if kind != "controller"
            ),
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL:SASL_SSL,MTLS:SSL",
            "log.dirs": str(node.folder / "data"),
            "default.replication.factor": replicas,
            "min.insync.replicas": in_sync,
            "auto.create.topics.enable": "false",
            # one that was killed may come back only when its old session has ended
            "broker.session.timeout.ms": "4000",
            "broker.heartbeat.interval.ms": "500",
            "group.initial.rebalance.delay.ms": "0",
            "group.min.session.timeout.ms": "1000",
            "log.cleaner.threads": "1",
            "log.cleaner.dedupe.buffer.size": "16777216",
            "log.cleaner.backoff.ms": "1000",
            "log.initial.task.delay.ms": "1000",
            "log.retention.check.interval.ms": "5000",
            "log.segment.delete.delay.ms": "1000",
            "log.index.size.max.bytes": "1048576",
            "num.network.threads": "2",
            "num.io.threads": "4",
        }
        for internal in ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic"):
            properties[f"{internal}.replication.factor"] = replicas
            properties[f"{internal}.num.partitions"] = "4"
        for internal in ("transaction.state.log", "share.coordinator.state.topic"):
            properties[f"{internal}.min.isr"] = in_sync
        if self.secure:
            properties |= self._security()
        return "".join(f"{name}={value}\n" for name, value in {**properties, **self._properties}.items())

    def _security(self) -> dict[str, str]:
        server = self.authority.certificate("localhost")
        store = self.folder / "tls" / "server.pem"
        store.write_bytes(server.key.read_bytes() + server.cert.read_bytes())
        store.chmod(0o600)
        scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        oauth = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule"
        bearer = f'{oauth} required unsecuredLoginStringClaim_sub="kafka";'
        plain = " ".join(f'user_{user}="{password}"' for user, password in self._users.items())
        module = "org.apache.kafka.common.security.plain.PlainLoginModule"
        return {
            "listener.name.sasl.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512,SCRAM-SHA-256,OAUTHBEARER",
            "listener.name.sasl.plain.sasl.jaas.config": f"{module} required {plain};",
            "listener.name.sasl.scram-sha-512.sasl.jaas.config": scram,
            "listener.name.sasl.scram-sha-256.sasl.jaas.config": scram,
            # takes unsigned tokens at their word: enough to see that clients fetch and send them
            "listener.name.sasl.oauthbearer.sasl.jaas.config": bearer,
            "listener.name.mtls.ssl.client.auth": "required",
            "listener.name.mtls.ssl.principal.mapping.rules": "RULE:^CN=([^,]+).*$/$1/,DEFAULT",
            "ssl.keystore.type": "PEM",
            "ssl.truststore.type": "PEM",
            "ssl.keystore.location": str(store),
            "ssl.truststore.location": str(self.authority.ca_file),
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "allow.everyone.if.no.acl.found": "false",
            "super.users": "User:ANONYMOUS",
        }


def make_archive() -> None:
    """Run a broker once so that those to come find its classes loaded: they start in a third of the time."""
    archive = archive_of(jars())
    if archive.is_file():
        return
    aside = archive.with_suffix(f".{secrets.token_hex(4)}")
    cluster = _Recording(aside)
    with cluster:
        cluster.stop(1)
    if aside.is_file():
        aside.rename(archive)


class _Recording(KafkaCluster):
    """A broker that writes down, when it ends, the classes that it loaded."""

    def __init__(self, archive: Path) -> None:
        super().__init__()
        self._archive = archive

    def _java(self, *arguments: str) -> list[str]:
        recorded = (f"-XX:ArchiveClassesAtExit={self._archive}",) if arguments[0] == "kafka.Kafka" else ()
        java, *others = super()._java(*arguments)
        return [java, *recorded, *others]


def main(arguments: Sequence[str]) -> None:
    """Run a cluster until Ctrl-C or SIGTERM."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    parser = argparse.ArgumentParser(prog="make kafka", description=main.__doc__)
    parser.add_argument("--nodes", type=int, choices=(1, 3), default=1)
    chosen = parser.parse_args(arguments)
    make_archive()
    with KafkaCluster(chosen.nodes, heap="1g", fast_start=False) as cluster:
        print(f"FIREBREAK_KAFKA_BROKERS={cluster.bootstrap}", flush=True)  # noqa: T201 - what it is run for
        print(f"Kafka {kafka_version()}, {chosen.nodes} broker(s); Ctrl-C ends it", file=sys.stderr)  # noqa: T201
        try:
            signal.pause()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except NoKafka as missing:
        sys.exit(str(missing))
