"""Every metric that a process of ours tells, by the code that tells it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric

from consumers.console.server import Console
from consumers.injection.injector import Meter
from consumers.notify.metrics import NotifierMetrics
from consumers.observe.groups import GroupCollector, Groups
from consumers.observe.watcher import StandingCollector, Watcher
from schemas.events import Notification
from schemas.settings import from_env
from schemas.wire import Wire
from streams.gateway.server import Gateway
from streams.gateway.sources import Senders
from streams.metrics import StageMetrics

_SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "info": ("_info",)}


def families() -> Iterator[tuple[str, Metric]]:
    """Families by the process that tells them."""
    yield from (("worker", each) for each in _worker().collect())
    yield from (("observer", each) for each in _observer().collect())
    yield from (("notifier", each) for each in _notifier().collect())
    yield from (("injector", each) for each in _injector().collect())
    yield from (("console", each) for each in _console().collect())
    yield from (("gateway", each) for each in _gateway().collect())


def labels(family: Metric) -> list[str]:
    """Names of the labels of a family; those of a metric without samples are asked of the object that it comes from."""
    declared = getattr(family, "_labelnames", ())
    for registry in (_worker(), _observer(), _notifier(), _injector(), _console(), _gateway()):
        made = registry._names_to_collectors.get(family.name)
        declared = declared or getattr(made, "_labelnames", ())
    return sorted(declared)


def series() -> set[str]:
    """Names as they are asked for."""
    return {each.name + suffix for _, each in families() for suffix in _SUFFIXES.get(each.type, ("",))}


def _worker() -> CollectorRegistry:
    return StageMetrics("enrich", "incidents.raw", lambda: 0.0).registry


def _notifier() -> CollectorRegistry:
    registry = CollectorRegistry()
    NotifierMetrics(registry, ["mail"])
    return registry


def _injector() -> CollectorRegistry:
    registry = CollectorRegistry()
    Meter(registry, ["x2"])
    return registry


def _console() -> CollectorRegistry:
    return Console(from_env({"FIREBREAK_REDIS_URL": "redis://127.0.0.1:1"})).registry


def _gateway() -> CollectorRegistry:
    return Gateway(Senders({}), NoLog()).registry


class NoLog:
    """Takes nothing."""

    async def send(self, notifications: Sequence[Notification]) -> None:
        """Take nothing."""


def _observer() -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(StandingCollector(Watcher(registry, 0, Wire.builtin()), lambda: 0))
    # no broker is there, and none is needed: the names are told all the same
    registry.register(GroupCollector(Groups(from_env({"FIREBREAK_KAFKA_BROKERS": "127.0.0.1:1"}))))
    return registry
