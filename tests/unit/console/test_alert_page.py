"""What the page of an alert says that it rests on."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from regions.folders import write_pack
from support.alerts import opened
from support.consoles import alert, rendered

from consumers.console.access.people import Person, Role
from consumers.console.words import Eyes
from consumers.gazetteer import Gazetteer
from schemas.events import Alert, AlertEvent

DOUBT = {"least_certain": "met|2", "doubt": "PLACE_IMPRECISE", "stands_without_least_certain": False}


@pytest.fixture(scope="module")
def gazetteer(tmp_path_factory: pytest.TempPathFactory) -> Gazetteer:
    return Gazetteer.load([str(write_pack(tmp_path_factory.mktemp("pack")))])


def page(gazetteer: Gazetteer, event: AlertEvent, role: Role = Role.OPERATOR) -> str:
    shown: Alert = alert(region="toytown", area="B1", areas=("B1",), group=event.group)
    person = Person(name="ola", role=role)
    eyes = Eyes(person=person, gazetteer=gazetteer, now=event.clock)
    given = {"events": [event], "sent": [], "chart": "", "counts": [], "similar": [], "outcomes": (), "actions": ()}
    text = rendered(
        "alert.html",
        eyes,
        alert=shown,
        card=SimpleNamespace(place="West", sentence="12 in 6 h", since="20:00", status="open"),
        event=event,
        incidents=eyes.incidents(shown),
        protected=event.group == "sexual_violence",
        **given,
    )
    return " ".join(text.split())


def test_it_says_which_incident_is_least_certain_and_that_the_alert_rests_on_it(gazetteer: Gazetteer) -> None:
    told = page(gazetteer, opened(region="toytown", **DOUBT))

    assert "It rests on its least certain incident (its position may be a kilometre off or more)" in told
    assert "rests on the newest" not in told
    assert told.count("(least certain: its position may be a kilometre off or more)") == 1
    assert 'value="met|2"> met 2 <span class="quiet">(least certain' in told


def test_it_says_both_where_it_rests_on_the_newest_too(gazetteer: Gazetteer) -> None:
    told = page(gazetteer, opened(region="toytown", stands_without_newest=False, **DOUBT))

    assert told.index("It rests on the newest incident") < told.index("It rests on its least certain incident")


def test_an_alert_that_stands_without_it_says_no_more_than_which_it_is(gazetteer: Gazetteer) -> None:
    standing = page(gazetteer, opened(region="toytown", **{**DOUBT, "stands_without_least_certain": True}))
    certain = page(gazetteer, opened(region="toytown"))

    assert "It rests on" not in standing
    assert "(least certain:" in standing
    assert "least certain" not in certain


@pytest.mark.parametrize(("group", "role"), [("robbery", Role.VIEWER), ("sexual_violence", Role.OPERATOR)])
def test_who_may_not_read_incidents_reads_why_but_not_which(gazetteer: Gazetteer, group: str, role: Role) -> None:
    told = page(gazetteer, opened(region="toytown", group=group, **DOUBT), role)

    assert "It rests on its least certain incident (its position" in told
    assert "met 2" not in told
    assert "met|2" not in told
