"""
The embedded broker: librdkafka's mock cluster in a process of its own, for the demo, quick starts and fast tests.

It speaks Kafka's protocol on a free loopback port, needs neither Java nor containers, and keeps everything in memory.
What it is not: it keeps the newest 5 MB of a partition (older records vanish), makes no topic on request, compacts
nothing, deletes nothing by time, checks no password, and answers the calls of a transaction without fencing or hiding
anything. It holds an empty fetch for as long as the client allows, so clients should allow little
(``FETCH_WAIT``). Exactness under kills is a matter for a real Kafka.

``python -m streams.broker TOPIC:PARTITIONS ...`` prints the address, obeys the commands on its standard input and ends
with it.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import confluent_kafka
from confluent_kafka import KafkaError

from schemas.errors import FirebreakError

FETCH_WAIT = "20ms"
END_WITHIN = 5.0
"""Seconds."""
REBALANCE_DELAY = 100
"""Milliseconds that a new group waits for more members."""

_POINTER = ctypes.c_void_p
_INT = ctypes.c_int
_INT32 = ctypes.c_int32
_TEXT = ctypes.c_char_p
_PRODUCER = 0
_CONF_OK = 0
_FAILED = "failed: "


class NoEmbeddedBroker(FirebreakError):
    """The librdkafka at hand has no mock cluster, or it did not start."""


class MockCluster:
    """
    The mock cluster inside this process.

    Parameters
    ----------
    brokers
        Number of brokers.

    Raises
    ------
    NoEmbeddedBroker
        librdkafka can't be found, or lacks a function.

    """

    def __init__(self, brokers: int = 1) -> None:
        self._library = _librdkafka()
        reason = ctypes.create_string_buffer(512)
        conf = self._function("rd_kafka_conf_new", _POINTER)()
        keep_quiet = self._function("rd_kafka_conf_set", _INT, _POINTER, _TEXT, _TEXT, _TEXT, ctypes.c_size_t)
        if keep_quiet(conf, b"log_level", b"0", reason, len(reason)) != _CONF_OK:
            raise NoEmbeddedBroker(f"librdkafka refuses a setting: {reason.value.decode()}")
        make_client = self._function("rd_kafka_new", _POINTER, _INT, _POINTER, _TEXT, ctypes.c_size_t)
        self._client = make_client(_PRODUCER, conf, reason, len(reason))
        if not self._client:
            raise NoEmbeddedBroker(f"librdkafka gives no client: {reason.value.decode()}")
        self._cluster = self._function("rd_kafka_mock_cluster_new", _POINTER, _POINTER, _INT)(self._client, brokers)
        if not self._cluster:
            raise NoEmbeddedBroker("librdkafka makes no mock cluster: no free port on the loopback address?")
        self._create = self._function("rd_kafka_mock_topic_create", _INT, _POINTER, _TEXT, _INT, _INT)
        self._down = self._function("rd_kafka_mock_broker_set_down", _INT, _POINTER, _INT32)
        self._up = self._function("rd_kafka_mock_broker_set_up", _INT, _POINTER, _INT32)
        self._rtt = self._function("rd_kafka_mock_broker_set_rtt", _INT, _POINTER, _INT32, _INT)
        self._errors = self._function(
            "rd_kafka_mock_push_request_errors_array",
            None,
            _POINTER,
            ctypes.c_int16,
            ctypes.c_size_t,
            ctypes.POINTER(_INT),
        )
        delay = self._function("rd_kafka_mock_group_initial_rebalance_delay_ms", None, _POINTER, _INT32)
        delay(self._cluster, REBALANCE_DELAY)

    @property
    def bootstrap(self) -> str:
        """Addresses, ``host:port`` separated by commas."""
        address = self._function("rd_kafka_mock_cluster_bootstraps", _TEXT, _POINTER)(self._cluster)
        assert isinstance(address, bytes)  # noqa: S101 - for a text ctypes gives bytes
        return address.decode()

    def create(self, topic: str, partitions: int) -> None:
        """Make a topic."""
        _checked(f"topic {topic}", self._create(self._cluster, topic.encode(), partitions, 1))

    def down(self, broker: int) -> None:
        """Cut a broker off; what it holds stays."""
        _checked(f"broker {broker}", self._down(self._cluster, broker))

    def up(self, broker: int) -> None:
        """Bring a broker back."""
        _checked(f"broker {broker}", self._up(self._cluster, broker))

    def rtt(self, broker: int, milliseconds: int) -> None:
        """Let every answer of a broker take this long."""
        _checked(f"broker {broker}", self._rtt(self._cluster, broker, milliseconds))

    def fail(self, api: int, error: int, times: int) -> None:
        """Answer the next *times* requests of a kind (Kafka's API key) with an error (librdkafka's code)."""
        self._errors(self._cluster, api, times, (_INT * times)(*([error] * times)))

    def _function(self, name: str, result: type | None, *arguments: type) -> Callable[..., object]:
        try:
            found = getattr(self._library, name)
        except AttributeError as error:
            version = confluent_kafka.libversion()[0]
            raise NoEmbeddedBroker(f"librdkafka {version} has no {name}: install the pinned confluent-kafka") from error
        found.restype, found.argtypes = result, arguments
        return found  # type: ignore[no-any-return]  # ctypes knows no better


class EmbeddedBroker:
    """
    The embedded broker, from outside: a child process that ends with this one.

    Parameters
    ----------
    topics
        Partition counts by name.
    brokers
        Number of brokers.

    """

    def __init__(self, topics: Mapping[str, int] | None = None, *, brokers: int = 1) -> None:
        self._topics = dict(topics or {})
        self._brokers = brokers
        self._process: subprocess.Popen[str] | None = None
        self.bootstrap = ""
        """Addresses, ``host:port`` separated by commas."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """Of the child process."""
        return self._running().pid

    def start(self) -> None:
        """
        Start it and make the topics.

        Raises
        ------
        NoEmbeddedBroker
            It does not start; its last words say why.

        """
        wanted = [f"{topic}:{partitions}" for topic, partitions in self._topics.items()]
        self._process = subprocess.Popen(  # noqa: S603 - our own module, run by our own interpreter
            [sys.executable, "-m", "streams.broker", "--brokers", str(self._brokers), *wanted],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # Ctrl-C is for who uses the broker, and he ends it when he has finished
            start_new_session=True,
        )
        try:
            self.bootstrap = self._answer()
        except NoEmbeddedBroker:
            self.close()
            raise

    def close(self) -> None:
        """End it; what it held is gone."""
        process, self._process = self._process, None
        if process is None:
            return
        # the end of its input is the end of the broker
        try:
            process.communicate(timeout=END_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()

    def environment(self) -> dict[str, str]:
        """Give the settings of a firebreak process that uses this broker."""
        return {
            "FIREBREAK_KAFKA_BROKERS": self.bootstrap,
            "FIREBREAK_FETCH_WAIT": FETCH_WAIT,
            # the marks that it writes at the end of a transaction have a wrong checksum
            "FIREBREAK_CHECK_CRCS": "false",
        }

    def create(self, topic: str, partitions: int) -> None:
        """Make a topic."""
        self._ask(f"create {topic} {partitions}")

    def down(self, broker: int = 1) -> None:
        """Cut a broker off; what it holds stays."""
        self._ask(f"down {broker}")

    def up(self, broker: int = 1) -> None:
        """Bring a broker back."""
        self._ask(f"up {broker}")

    def rtt(self, milliseconds: int, broker: int = 1) -> None:
        """Let every answer of a broker take this long."""
        self._ask(f"rtt {broker} {milliseconds}")

    def fail(self, api: int, error: int, times: int = 1) -> None:
        """Answer the next *times* requests of a kind (Kafka's API key) with an error (librdkafka's code)."""
        self._ask(f"fail {api} {error} {times}")

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            raise NoEmbeddedBroker("the embedded broker is not running")
        return self._process

    def _ask(self, command: str) -> None:
        stdin = self._running().stdin
        assert stdin is not None  # noqa: S101 - it is a pipe
        stdin.write(command + "\n")
        stdin.flush()
        self._answer()

    def _answer(self) -> str:
        process = self._running()
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        line = process.stdout.readline().strip()
        if line.startswith(_FAILED):
            raise NoEmbeddedBroker(line.removeprefix(_FAILED))
        if not line:
            raise NoEmbeddedBroker(f"the embedded broker ended with code {process.wait(END_WITHIN)}")
        return line


def serve(arguments: list[str], commands: Iterable[str], say: Callable[[str], None]) -> None:
    """
    Run the cluster until *commands* end.

    Parameters
    ----------
    arguments
        ``--brokers N`` or nothing, then ``TOPIC:PARTITIONS`` ...
    commands
        ``create TOPIC PARTITIONS``, ``down N``, ``up N``, ``rtt N MS``, ``fail API ERROR TIMES``.
    say
        Told the address, then one answer a command: ``done``, or what is wrong.

    """
    brokers = int(arguments[1]) if arguments[:1] == ["--brokers"] else 1
    cluster = MockCluster(brokers)
    for wanted in arguments[2:] if arguments[:1] == ["--brokers"] else arguments:
        topic, _, partitions = wanted.rpartition(":")
        cluster.create(topic, int(partitions))
    say(cluster.bootstrap)
    for command in commands:
        words = command.split()
        say(_obeyed(cluster, words))


def _obeyed(cluster: MockCluster, words: list[str]) -> str:
    try:
        match words:
            case ["create", topic, partitions]:
                cluster.create(topic, int(partitions))
            case ["down", broker]:
                cluster.down(int(broker))
            case ["up", broker]:
                cluster.up(int(broker))
            case ["rtt", broker, milliseconds]:
                cluster.rtt(int(broker), int(milliseconds))
            case ["fail", api, error, times]:
                cluster.fail(int(api), int(error), int(times))
            case _:
                return f"{_FAILED}there are create, down, up, rtt and fail"
    except (NoEmbeddedBroker, ValueError) as error:
        return f"{_FAILED}{error}"
    return "done"


def _checked(what: str, code: object) -> None:
    if isinstance(code, int) and code != 0:
        raise NoEmbeddedBroker(f"{what}: {KafkaError(code).str()}")


def _librdkafka() -> ctypes.CDLL:
    package = Path(confluent_kafka.__file__).parent
    inside_wheel = (
        *package.parent.glob("confluent_kafka.libs/librdkafka-*"),
        *package.glob(".dylibs/librdkafka*"),
    )
    found = str(inside_wheel[0]) if inside_wheel else ctypes.util.find_library("rdkafka")
    if found is None:
        raise NoEmbeddedBroker("librdkafka can't be found: install confluent-kafka as a wheel")
    return ctypes.CDLL(found)


def main() -> None:
    """Run the broker in this process."""
    try:
        serve(sys.argv[1:], sys.stdin, _say)
    except NoEmbeddedBroker as error:
        _say(f"{_FAILED}{error}")
        sys.exit(1)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
