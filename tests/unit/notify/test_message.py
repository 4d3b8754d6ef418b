"""What messages say: the first line, the text, what may not leave, and CAP by its own schema."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import xmlschema
from hypothesis import given
from hypothesis import strategies as st
from support.alerts import opened

from consumers.gazetteer import Gazetteer, Words
from consumers.notify.cap import cap
from consumers.notify.cases import Held, What
from consumers.notify.channels.base import Parcel
from consumers.notify.message import FIRST_LINE, Composer, Subject
from schemas.events import AlertEvent

RESTS = "It would not stand without its least certain incident"
LINK = "https://desk.example.org/alerts/{alert_id}"
TOWN = Gazetteer(
    {
        "london": Words(
            zone=ZoneInfo("Europe/London"),
            levels=("borough", "ward"),
            names={"H": "Hackney", "H1": "Dalston", "H2": "Stoke Newington", "C": "Camden"},
            parents={"H": "", "H1": "H", "H2": "H", "C": ""},
        )
    }
)
SCHEMA = xmlschema.XMLSchema(str(Path(__file__).parents[2] / "contracts" / "cap" / "CAP-v1.2.xsd"))


def event(**given: Any) -> AlertEvent:
    return opened(**{"alert_id": "3f9c2a7be1d04c55", "area": "H", "areas": ("H",), "tense": "ACTUAL", **given})


def subject(what: What = What.ORIGINAL, *, why: str = "FIRST", repeat: bool = False, **given_: Any) -> Subject:
    return Subject(what=what, why=why, event=event(**given_), number=2, repeat=repeat)


def first(of: Subject, link: str = "") -> str:
    return Composer(TOWN, link).text(of).first_line


@pytest.mark.parametrize(
    ("of", "line"),
    [
        (subject(), "ALERT Hackney: robbery 12 in 6 h, expected 2.0, since Mon 02 Mar 23:00, 3f9c2a7b"),
        (
            subject(What.UPDATE),
            "UPDATE ALERT Hackney: robbery 12 in 6 h, expected 2.0, since Mon 02 Mar 23:00, 3f9c2a7b",
        ),
        (
            subject(What.RETRACTION),
            "RETRACTED Hackney: robbery 12 in 6 h, expected 2.0, since Mon 02 Mar 23:00, 3f9c2a7b",
        ),
        (subject(What.END), "ENDED Hackney: robbery 12 in 6 h, expected 2.0, since Mon 02 Mar 23:00, 3f9c2a7b"),
        (
            subject(tense="EXERCISE", repeat=True),
            "REPEAT EXERCISE ALERT Hackney: robbery 12 in 6 h, expected 2.0, since Mon 02 Mar 23:00, 3f9c2a7b",
        ),
        (
            subject(areas=("H1",), level="ward", group="knife_crime"),
            "ALERT Dalston (Hackney): knife crime 12 in 6 h, expected 2.0, since Mon 02 Mar 23:00, 3f9c2a7b",
        ),
    ],
)
def test_the_first_line_has_a_fixed_order(of: Subject, line: str) -> None:
    assert first(of) == line


def test_the_link_is_in_the_first_line_if_there_is_room() -> None:
    assert first(subject(), "https://x.org/{alert_id}").endswith("3f9c2a7b https://x.org/3f9c2a7be1d04c55")
    assert "https" not in first(subject(), "https://" + "x" * 60 + "/{alert_id}")


@given(
    st.text(alphabet="Aé ž", min_size=1, max_size=200),
    st.integers(0, 10**6),
    st.floats(0, 1e6),
    st.sampled_from(list(What)[:-1]),
    st.booleans(),
    st.sampled_from(["robbery", "a_group_with_a_long_name", "domestic_abuse"]),
    st.integers(0, 60),
)
def test_no_first_line_is_longer_than_140_characters(
    name: str, observed: int, expected: float, what: What, repeat: bool, group: str, link: int
) -> None:
    words = Words(zone=ZoneInfo("Europe/London"), levels=("borough",), names={"H": name}, parents={"H": ""})
    composer = Composer(Gazetteer({"london": words}), "x" * link + "{alert_id}")
    told = event(observed=observed, expected=expected, group=group, tense="EXERCISE")

    line = composer.text(Subject(what=what, why="FIRST", event=told, repeat=repeat)).first_line

    assert len(line) <= FIRST_LINE
    assert "3f9c2a7b" in line
    assert f"{observed} in 6 h" in line


def test_the_text_says_what_a_reader_needs_to_judge() -> None:
    told = subject(incidents=("met|1", "las|2"), stands_without_newest=False, completeness=0.9, changed="C joined")

    text = Composer(TOWN, LINK).text(told).body

    for needed in (
        *("By chance about once in 90 days", "complete to about 90%", "would not stand without its newest"),
        *("met|1, las|2", "What changed: C joined", "normal 0 to 5", LINK.replace("{alert_id}", "3f9c2a7be1d04c55")),
        *("OFFICIAL-SENSITIVE", "message 2", "Mon 02 Mar 23:00 GMT"),
    ):
        assert needed in text


@pytest.mark.parametrize(
    ("given_", "line"),
    [
        ({}, ""),
        ({"least_certain": "las|2", "doubt": "TIME_IMPRECISE"}, ""),
        (
            {"least_certain": "las|2", "doubt": "TIME_IMPRECISE", "stands_without_least_certain": False},
            f"{RESTS} las|2: counted when it was reported, not when it happened",
        ),
        (
            {"least_certain": "las|2", "doubt": "NEW_CODE", "stands_without_least_certain": False},
            f"{RESTS} las|2: new code",
        ),
        (
            {
                "least_certain": "s|2",
                "doubt": "SUSPECTED",
                "stands_without_least_certain": False,
                "group": "sexual_violence",
            },
            f"{RESTS}: suspected, not confirmed",
        ),
    ],
)
def test_the_text_says_what_is_doubtful_where_the_alert_rests_on_it(given_: dict[str, Any], line: str) -> None:
    body = Composer(TOWN).text(subject(**given_)).body

    assert [each for each in body.splitlines() if "least certain" in each] == [line] * bool(line)


@pytest.mark.parametrize(
    ("nominal", "realised", "said"),
    [
        (7.0, 6.125, "Promised: about 7.0 alerts a week by chance alone; 6.1 a week opened lately\n"),
        (0.5, None, "Promised: about 0.5 alerts a week by chance alone\n"),
        (None, None, ""),
    ],
)
def test_what_was_promised_and_what_came_stand_side_by_side(
    nominal: float | None, realised: float | None, said: str
) -> None:
    told = subject(nominal_alerts_per_week=nominal, realised_alerts_per_week=realised)

    text = Composer(TOWN, LINK).text(told).body

    assert said in text
    assert ("Promised" in text) == bool(said)


def test_an_exercise_says_so_before_all_else() -> None:
    text = Composer(TOWN).text(subject(tense="EXERCISE"))

    assert text.first_line.startswith("EXERCISE ")
    assert text.body.startswith("EXERCISE EXERCISE EXERCISE")


@pytest.mark.parametrize("group", ["domestic_abuse", "sexual_violence"])
def test_of_protected_groups_neither_ward_nor_hour_nor_incident_leaves(group: str) -> None:
    told = subject(
        group=group,
        level="ward",
        area="H1",
        areas=("H1", "H2"),
        incidents=("met|secret",),
        least_certain="met|secret",
        doubt="SUSPECTED",
        stands_without_least_certain=False,
        changed="met|secret withdrawn",
        text="at the corner shop",
    )
    parcel = Parcel(delivery_id="d", address="x", subject=told, composer=Composer(TOWN, LINK), made_at=0, sent_at=0)

    said = parcel.text.first_line + parcel.text.body.replace("as of Mon 02 Mar 23:00", "") + repr(parcel.events)
    said += cap(parcel).decode()

    assert "Hackney" in said
    for leak in ("Dalston", "H1", "H2", "Stoke Newington", "secret", "corner shop", "23:00, 3f9c"):
        assert leak not in said


def test_a_digest_names_each_alert_in_a_line() -> None:
    entries = (Held(event=event(severity="CRITICAL"), why="STORM"), Held(event=event(alert_id="b" * 16), why="EXPIRED"))

    text = Composer(TOWN).text(Subject(what=What.DIGEST, why="DIGEST", event=None, entries=entries))

    assert text.first_line == "DIGEST 2 alerts, worst CRITICAL: robbery"
    assert "many at once, they could not be sent in time" in text.body
    assert len([line for line in text.body.splitlines() if "robbery 12 in 6 h" in line]) == 2


@pytest.mark.parametrize("what", list(What)[:-1])
@pytest.mark.parametrize("tense", ["ACTUAL", "EXERCISE"])
def test_cap_is_what_its_schema_says(what: What, tense: str) -> None:
    parcel = Parcel(
        delivery_id="3f9c2a7be1d04c55|2|hub",
        address="",
        subject=subject(what, tense=tense, areas=("C", "H")),
        composer=Composer(TOWN, LINK),
        made_at=1_772_481_600_123,
        sent_at=0,
    )

    told = cap(parcel).decode()

    SCHEMA.validate(told)
    parsed: Any = SCHEMA.to_dict(told)
    alert = {key.partition(":")[2] or key: value for key, value in parsed.items()}
    assert alert["status"] == ("Exercise" if tense == "EXERCISE" else "Actual")
    assert alert["scope"] == "Restricted"
    assert alert["msgType"] == {"ORIGINAL": "Alert", "RETRACTION": "Cancel"}.get(what, "Update")
    assert ("references" in alert) is (what is not What.ORIGINAL)


def test_a_digest_in_cap_is_what_its_schema_says() -> None:
    entries = tuple(Held(event=event(alert_id=each), why="STORM") for each in "ab")
    digest = Subject(what=What.DIGEST, why="DIGEST", event=None, entries=entries)
    parcel = Parcel(
        delivery_id="digest|1|hub", address="", subject=digest, composer=Composer(TOWN), made_at=0, sent_at=0
    )

    SCHEMA.validate(cap(parcel).decode())
