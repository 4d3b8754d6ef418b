"""What a profile may say, and what is said of its mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.files import PLAIN, PLAIN_FIELDS, profile, told_apart

from schemas.errors import UsageError
from schemas.events import Notification
from schemas.jsonform import instant
from streams.core.taxonomy import Taxonomy
from streams.ingest.loading import built_in, load_profile, profile_from
from streams.ingest.profile import Form
from streams.regions.loader import load

RULE = {"column": "c"}


def mistake(**changed: object) -> str:
    with pytest.raises(UsageError) as error:
        profile(**changed)  # type: ignore[arg-type]  # fields among them
    return str(error.value)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"colour": 1}, "unknown key colour"),
        ({"zone": "Europe/Londn"}, "zone: Europe/Londn is no IANA time zone such as Europe/London"),
        ({"zone": 1}, "zone: Expected str, got int"),
        ({"delimiter": ",,"}, "delimiter: write one character"),
        ({"format": "xml"}, "format: Invalid enum value 'xml'"),
        ({"format": "notifications"}, "fields: notifications come in our own fields; use format jsonl to name others"),
        ({"fields": {"catgory": RULE}}, "fields.catgory: no field of a notification; did you mean category?"),
        ({"fields": {"source_ref": RULE}}, "fields.source_ref: is told by [identity], [revision] or [known_at]"),
        ({"fields": {"published_at": RULE}}, "fields.published_at: is told by [identity], [revision] or [known_at]"),
        ({"fields": {"weapon": "KNIFE"}}, "fields.weapon: Expected object, got str"),
        ({"fields": {"weapon": {}}}, "fields.weapon: needs one of value, column and template"),
        ({"fields": {"weapon": {"value": "KNIFE", **RULE}}}, "fields.weapon: needs one of value, column and template"),
        ({"fields": {"weapon": {"columns": "c"}}}, "fields.weapon: unknown key columns"),
        ({"fields": {"weapon": {"value": "SPOON"}}}, "fields.weapon: 'SPOON': weapon is none of UNKNOWN, KNIFE,"),
        ({"fields": {"weapon": {**RULE, "map": {"a": "SPOON"}}}}, "fields.weapon: 'SPOON': weapon (column c) is none"),
        (
            {"fields": {"weapon": {**RULE, "match": {"a": "SPOON"}}}},
            "fields.weapon: 'SPOON': weapon (column c) is none",
        ),
        ({"fields": {"weapon": {**RULE, "map": {}, "otherwise": "SPOON"}}}, "fields.weapon: 'SPOON': weapon"),
        ({"fields": {"weapon": {**RULE, "otherwise": "KNIFE"}}}, "fields.weapon: otherwise is of no use without map"),
        ({"fields": {"weapon": {**RULE, "map": {}, "match": {}}}}, "fields.weapon: has both map and match"),
        ({"fields": {"kind": {"value": "HEARTBEAT"}}}, "fields.kind: 'HEARTBEAT': kind is none of REPORTED, UPDATED,"),
        (
            {"fields": {"domestic": {**RULE, "match": {"(": True}}}},
            "fields.domestic.match: '(' is no regular",
        ),
        ({"fields": {"occurred_at": {**RULE, "pattern": "["}}}, "fields.occurred_at.pattern: '[' is no regular"),
        (
            {"fields": {"occurred_at": {**RULE, "format": "ISO"}}},
            "fields.occurred_at.format: 'ISO' is none of auto, iso",
        ),
        ({"fields": {"occurred_at": {**RULE, "zone": "Mars"}}}, "fields.occurred_at.zone: Mars is no IANA time zone"),
        ({"fields": {"category": {"template": "{A}/{"}}}, "fields.category.template: "),
        ({"fields": {"category": {"template": "{}/{}"}}}, "fields.category.template: name columns in braces"),
        ({"fields": {"victims": {"value": 20_000}}}, "fields.victims: 20000: victims is not from 0 to 10000"),
        ({"fields": {"source": {"value": "a|b"}}}, "fields.source: 'a|b': source holds a vertical bar"),
        ({"known_at": {}}, "known_at: say when a row became known"),
        ({"known_at": {"first_of": ["reported_at"]}}, "known_at.first_of: reported_at is no time among the fields"),
        ({"known_at": {"first_of": ["victims"]}}, "known_at.first_of: victims is no time among the fields"),
        ({"known_at": {"first_of": ["occurred_at"], "delay": "long"}}, "known_at.delay: write a number and its unit"),
        ({"known_at": {"template": "{a}", "column": "b"}}, "known_at: takes column or first_of"),
        ({"identity": {}}, "identity: name the column with the reference, or the columns"),
        ({"identity": {"colum": "x"}}, "identity: unknown key colum"),
        ({"revision": {"told_by": "column"}}, 'revision: column goes with told_by = "column"'),
        ({"revision": {"told_by": "order", "column": "v"}}, 'revision: column goes with told_by = "column"'),
    ],
)
def test_a_mistake_in_a_profile_is_one_line_with_file_and_key(changed: dict[str, object], message: str) -> None:
    found = mistake(**changed)

    assert found.startswith(f"test.toml: {message}")
    assert "\n" not in found


@pytest.mark.parametrize("field", ["source", "scheme", "category"])
def test_what_every_notification_needs_must_be_told(field: str) -> None:
    fields = {name: rule for name, rule in PLAIN_FIELDS.items() if name != field}

    with pytest.raises(UsageError, match=rf"f.toml: fields.{field}: missing: every notification needs it"):
        profile_from({**PLAIN, "fields": fields}, "f.toml", "f")


def test_a_profile_that_can_not_be_found_or_read_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("[fields\n", "utf-8")
    (tmp_path / "latin.toml").write_bytes(b"# caf\xe9")

    for name, message in (
        ("montgomry-911", "no profile montgomry-911: did you mean montgomery-911?"),
        ("zzz", "no profile zzz: there are chicago-assaults, .* or write FILE.toml"),
        (str(tmp_path / "none.toml"), "none.toml can't be read: No such file or directory"),
        (str(tmp_path / "bad.toml"), r"bad.toml: no TOML: .* line 1"),
        (str(tmp_path / "latin.toml"), "latin.toml: byte 5 is not UTF-8"),
    ):
        with pytest.raises(UsageError, match=message):
            load_profile(name)


def test_every_profile_that_comes_with_us_says_what_it_is_for() -> None:
    assert set(built_in()) == {
        *("montgomery-911", "chicago-assaults", "chicago-crimes", "philadelphia-revisions", "police-uk"),
        *("csv", "jsonl"),
    }
    assert all(len(description) > 20 for description in built_in().values())


def test_the_generic_table_has_all_fields_of_a_notification() -> None:
    assert set(load_profile("csv").columns()) == set(Notification._fields)


@pytest.mark.parametrize("name", ["montgomery-911", "chicago-assaults", "chicago-crimes", "philadelphia-revisions"])
def test_schemes_of_the_profiles_are_known_to_every_region(name: str) -> None:
    taxonomy: Taxonomy = load("london").taxonomy
    scheme = load_profile(name).fields["scheme"].value

    assert taxonomy.classify(str(scheme), "no such code", None, None, None) is not None
    assert str(scheme) in taxonomy.schemes


FIELDS_FILE = """\
when,what,text,flag,n,lon,lat
2020-01-01,a,stabbed with a KNIFE (HANDGUN seen),Yes,3.0,nan,inf
2020-01-01,a,shot; HANDGUN,0,,"",-0
2020-01-01,a,nothing,,0,1e2,51.5
"""


def test_fields_are_told_by_maps_matches_and_patterns(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text(FIELDS_FILE, "utf-8")
    rules = {
        "weapon": {"column": "text", "match": {"KNIFE": "KNIFE", "HAND.UN": "FIREARM"}},
        "injury": {"column": "n", "map": {"0": "NONE", "": "MINOR"}, "otherwise": "SERIOUS"},
        "firearm": {"column": "text", "match": {"HANDGUN": True}, "otherwise": False},
        "domestic": {"column": "flag"},
        "victims": {"column": "n"},
        "longitude": {"column": "lon"},
        "latitude": {"column": "lat"},
        "area_code": {"column": "text", "pattern": r"^(\w+).*?([A-Z]{5,})"},
        "merged_into": {"template": "<{n}>{{}}{flag}"},
        "location_type": {"value": "street"},
        "hate": {"column": "absent", "optional": True},
        "tense": {"column": "flag", "map": {"Yes": "EXERCISE", "0": "TEST"}},
    }

    arrivals, bad = told_apart([path], profile(rules, identity={"columns": ["text"]}))

    assert bad == []
    found = [arrival.notification for arrival in arrivals]
    assert [n.weapon for n in found] == ["KNIFE", "FIREARM", "UNKNOWN"]
    assert [n.injury for n in found] == ["SERIOUS", "MINOR", "NONE"]
    assert [n.firearm for n in found] == [True, True, False]
    assert [n.domestic for n in found] == [True, False, None]
    assert [n.victims for n in found] == [3, None, 0]
    assert [str(n.longitude) for n in found] == ["nan", "None", "100.0"]
    assert [str(n.latitude) for n in found] == ["inf", "-0.0", "51.5"]
    assert [n.area_code for n in found] == ["stabbed KNIFE", "shot HANDGUN", None]
    assert [n.merged_into for n in found] == ["<3.0>{}Yes", "<>{}0", "<0>{}"]
    assert [n.location_type for n in found] == ["STREET"] * 3
    assert [n.hate for n in found] == [None] * 3
    assert [n.tense for n in found] == ["EXERCISE", "TEST", "ACTUAL"]


@pytest.mark.parametrize(
    ("field", "text", "reason"),
    [
        ("longitude", "west", "bad_coordinates"),
        ("victims", "1.5", "bad_value"),
        ("victims", "-1", "bad_value"),
        ("victims", "10001", "bad_value"),
        ("victims", "9" * 30, "bad_value"),
        ("domestic", "maybe", "bad_value"),
        ("weapon", "spoon", "bad_value"),
        ("kind", "HEARTBEAT", "bad_value"),
        ("area_code", "x" * 65, "bad_value"),
        ("reported_at", "yesterday", "bad_value"),
        ("source", "a|b", "bad_value"),
        ("source", "", "missing_field"),
        ("scheme", "", "missing_field"),
    ],
)
def test_a_value_that_a_field_can_not_hold_refuses_the_row(tmp_path: Path, field: str, text: str, reason: str) -> None:
    path = tmp_path / "f.csv"
    path.write_text(f"when,what,where,cell\n2020-01-01,a,x,{text}\n", "utf-8")

    _, bad = told_apart([path], profile({field: {"column": "cell"}}))

    assert [row.reason for row in bad] == [reason]
    assert bad[0].detail.startswith(f"{field} (column cell) ")
    assert text not in bad[0].detail or not text


def test_what_has_no_content_needs_no_category(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text("when,what,where\n2020-01-01,,x\n", "utf-8")

    arrivals, _ = told_apart([path], profile({"kind": {"value": "CANCELLED"}}))

    assert [(a.notification.kind, a.notification.category) for a in arrivals] == [("CANCELLED", "")]


@pytest.mark.parametrize(
    ("rule", "known"),
    [
        ({"column": "k", "first_of": ["occurred_at"], "delay": "90m"}, ["2020-01-05T00:00", "2020-01-01T01:30"]),
        ({"first_of": ["reported_at", "occurred_at"]}, ["2020-01-01T00:00", "2020-01-03T00:00"]),
        ({"first_of": ["occurred_at"], "delay": "61d"}, ["2020-03-02T00:00", "2020-03-02T00:00"]),
    ],
)
def test_when_a_row_became_known_is_told_or_derived(tmp_path: Path, rule: dict[str, object], known: list[str]) -> None:
    path = tmp_path / "f.csv"
    path.write_text("when,what,where,k,r\n2020-01-01,a,x,2020-01-05,\n2020-01-01,b,x,,2020-01-03\n", "utf-8")

    arrivals, _ = told_apart([path], profile({"reported_at": {"column": "r"}}, known_at=rule))

    found = {a.notification.category: a.known_at_ms for a in arrivals}
    assert found == {what: instant(f"{at}Z") for what, at in zip("ab", known, strict=True)}
    assert all(a.notification.published_at == a.known_at_ms for a in arrivals)


def test_our_own_words_come_as_a_table_and_as_json_lines(tmp_path: Path) -> None:
    table, lines = tmp_path / "f.csv", tmp_path / "f.jsonl"
    table.write_text(
        "source,source_ref,scheme,category,revision,kind,occurred_at,published_at,longitude,latitude,victims,knife,tense\n"
        "met.cad,1,firebreak,knife_injury,4,UPDATED,2025-07-01T12:00:00+01:00,1751371200000,-0.1,51.5,2,true,TEST\n",
        "utf-8",
    )
    lines.write_text(
        '{"source": "met.cad", "source_ref": "1", "scheme": "firebreak", "category": "knife_injury", "revision": 4,'
        ' "kind": "UPDATED", "occurred_at": "2025-07-01T11:00:00Z", "published_at": 1751371200000, "longitude": -0.1,'
        ' "latitude": 51.5, "victims": 2, "knife": true, "tense": "TEST"}\n',
        "utf-8",
    )

    one, bad = told_apart([table], load_profile("csv"))
    other, also_bad = told_apart([lines], load_profile("jsonl"))

    assert bad == also_bad == []
    assert one == other
    assert one[0].known_at_ms == 1_751_371_200_000


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ('"kind": "HEARTBEAT", "occurred_at": 1751371200000', "bad_value"),
        ('"source": "a|b"', "bad_value"),
        ('"source_ref": ""', "bad_value"),
        ('"published_at": 0', "placeholder_time"),
        ('"published_at": null', "no_time"),
        ('"name": "Jane"', "bad_value"),
        ('"category": null', "missing_field"),
    ],
)
def test_json_lines_are_refused_with_the_reason_of_the_gateway(tmp_path: Path, changed: str, reason: str) -> None:
    path = tmp_path / "f.jsonl"
    path.write_text(
        '{"source": "s", "source_ref": "1", "scheme": "firebreak", "category": "other", "revision": 1,'
        f' "kind": "REPORTED", "published_at": 1751371200000, {changed}}}\n',
        "utf-8",
    )

    arrivals, bad = told_apart([path], load_profile("jsonl"))

    assert arrivals == []
    assert [(row.reason, row.line) for row in bad] == [(reason, 1)]


def test_a_format_of_json_lines_of_ones_own_names_its_columns() -> None:
    assert load_profile("jsonl").format is Form.NOTIFICATIONS
    assert profile(format="jsonl").format is Form.JSONL
