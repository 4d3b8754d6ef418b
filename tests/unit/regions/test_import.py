from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from regions.folders import collection, feature, ring, write_pack

from schemas.errors import UsageError
from streams.core.geography import Locator, Place
from streams.regions.cli import region
from streams.regions.loader import load

DISTRICTS = collection(
    feature("x", ring(-87.8, 41.7, -87.7, 41.8), no=1, title="North"),
    feature("y", ring(-87.7, 41.7, -87.6, 41.8), no=2.0, title="South"),
    feature("z", ring(-87.5, 41.7, -87.4, 41.8), no=2, title="South"),
)

INCIDENTS = """\
when,beat,x,y
1,Oak,-87.1,41.1
2,OAK ,-87.2,41.2
3,OAK,-87.9,41.9
4,,-87.0,41.0
5,Elm,0,0
6,Elm,,
7,Ash,-87.5,41.5
8,Ash,unknown,41.5
9,Once,-87.5,41.5
10,Ash,-87.5,41.7
"""


def run(*arguments: str | Path) -> str:
    """Output of ``firebreak region ...``; a mistake is raised."""
    result = CliRunner().invoke(region, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def import_pack(out: Path, *arguments: str | Path) -> str:
    return run("import", "--name", "windy", "--zone", "America/Chicago", "--out", out, *arguments)


@pytest.fixture
def polygons(tmp_path: Path) -> Path:
    file = tmp_path / "districts.geojson"
    file.write_text(DISTRICTS)
    return file


@pytest.fixture
def incidents(tmp_path: Path) -> Path:
    file = tmp_path / "incidents.csv.gz"
    file.write_bytes(gzip.compress(INCIDENTS.encode()))
    return file


def test_polygons_become_areas_and_parts_with_one_code_one_area(tmp_path: Path, polygons: Path) -> None:
    out = tmp_path / "pack"

    said = import_pack(out, "--boundaries", polygons, "--code", "no", "--name-property", "title", "--level", "district")

    made = load(out)
    assert [(area.code, area.name, area.level) for area in made.areas] == [
        ("1", "North", "district"),
        ("2", "South", "district"),
    ]
    assert made.boundaries["2"].area == pytest.approx(0.02)
    assert made.neighbours == {"1": ("2",), "2": ("1",)}
    assert Locator(made).locate(-87.45, 41.75) == Place("2", "", "")
    assert Locator(made).locate(-87.55, 41.75) is None
    assert "level district: 2 areas, 2 with a position, 2 with a polygon" in said


def test_incidents_with_an_area_column_become_areas_at_the_median_of_their_places(
    tmp_path: Path, incidents: Path
) -> None:
    out = tmp_path / "pack"

    import_pack(out, "--areas-from", incidents, "--code-column", "beat", "--lon", "x", "--lat", "y", "--at-least", "2")

    made = {area.code: (area.longitude, area.latitude) for area in load(out).areas}
    assert made == {"OAK": (-87.2, 41.2), "Elm": (None, None), "Ash": (-87.5, 41.6)}


def test_a_table_adds_a_coarser_level_names_and_residents(tmp_path: Path, polygons: Path) -> None:
    table = tmp_path / "more.csv"
    table.write_text(
        "code,name,level,parent,population\n1,,,SIDE,500\n2,Deep South,,SIDE,\nSIDE,South Side,side,,900\n"
    )
    out = tmp_path / "pack"

    import_pack(out, "--boundaries", polygons, "--code", "no", "--level", "district", "--areas", table)

    made = load(out)
    assert made.levels == ("side", "district")
    assert {area.code: (area.name, area.parent, area.population) for area in made.areas} == {
        "SIDE": ("South Side", "", 900),
        "1": ("1", "SIDE", 500),
        "2": ("Deep South", "SIDE", None),
    }
    assert Locator(made).locate(-87.75, 41.75) == Place("SIDE", "1", "")


def test_options_reach_the_pack(tmp_path: Path, polygons: Path) -> None:
    out = tmp_path / "pack"

    import_pack(
        out,
        *("--boundaries", polygons, "--code", "no", "--day-starts", "04:00", "--alerts-per-week", "2.5"),
        *("--group", "robbery", "--group", "homicide", "--vintage", "2020"),
        *("--holidays", "united-states", "--years", "2024", "2025"),
    )

    made = load(out)
    assert (made.day_starts, made.budget.alerts_per_week) == (4, 2.5)
    assert (made.groups, made.sentinels) == (("robbery", "homicide"), ("homicide",))
    assert {area.vintage for area in made.areas} == {"2020"}
    assert len([occasion for occasion in made.occasions if occasion.kind == "new_year"]) == 2


def test_simplified_borders_stay_shared(tmp_path: Path) -> None:
    wavy = [[-87.7 + 0.0001 * (n % 2), 41.7 + n / 1000] for n in range(101)]
    left = [[-87.8, 41.7], *wavy, [-87.8, 41.8], [-87.8, 41.7]]
    right = [[-87.6, 41.7], [-87.6, 41.8], *reversed(wavy), [-87.6, 41.7]]
    file = tmp_path / "wavy.geojson"
    file.write_text(collection(feature("l", left), feature("r", right)))

    said = import_pack(tmp_path / "pack", "--boundaries", file, "--simplify", "50")

    drawn = json.loads((tmp_path / "pack" / "boundaries.geojson").read_text())["features"]
    assert sum(len(each["geometry"]["coordinates"][0]) for each in drawn) < 100
    assert "gaps 0.000 km2, overlaps 0.000 km2" in said


def test_an_existing_folder_is_kept_unless_told_otherwise(tmp_path: Path, polygons: Path) -> None:
    out = write_pack(tmp_path / "pack", boundaries="not even JSON")
    arguments = ("--boundaries", polygons, "--code", "no")
    with pytest.raises(UsageError, match="is not empty; give another folder, or --overwrite"):
        import_pack(out, *arguments)

    (out / "calendar.csv").write_text("start,end,kind\n2026-01-01,2026-01-02,fixture\n")
    import_pack(out, *arguments, "--overwrite")

    made = load(out)
    assert (made.name, sorted(made.boundaries)) == ("windy", ["1", "2"])
    assert "cad" in made.taxonomy.schemes
    assert [occasion.kind for occasion in made.occasions] == ["fixture"]


def test_polygons_of_an_earlier_import_do_not_stay(tmp_path: Path, polygons: Path, incidents: Path) -> None:
    out = tmp_path / "pack"
    import_pack(out, "--boundaries", polygons, "--code", "no")

    import_pack(out, "--areas-from", incidents, "--code-column", "beat", "--overwrite")

    assert load(out).boundaries == {}


SWAPPED = collection(feature("a", [[y, x] for x, y in ring(-87.8, 41.7, -87.7, 41.8)]))
ORPHANS = "code,level,parent\nW,ward,NOWHERE\nB,borough,\n"

MISTAKES: dict[str, tuple[list[str], str]] = {
    "nothing": ([], "nothing to import: give --boundaries, --areas or --areas-from"),
    "property": (
        ["--boundaries", "districts.geojson", "--code", "id"],
        "feature 1: property 'id' is missing or empty; it has",
    ),
    "name": (["--boundaries", "districts.geojson", "--name-property", "nom"], "feature 1: property 'nom' is missing"),
    "swapped": (
        ["--boundaries", "swapped.geojson"],
        "swapped.geojson: longitude 41.8 does not fit zone America/Chicago",
    ),
    "none": (["--boundaries", "none.geojson"], "none.geojson has no features"),
    "column": (
        ["--areas-from", "incidents.csv.gz", "--code-column", "ward"],
        "incidents.csv.gz, row 1: column ward is missing",
    ),
    "no-column": (["--areas-from", "incidents.csv.gz"], "--areas-from needs --code-column"),
    "half": (
        ["--areas-from", "incidents.csv.gz", "--code-column", "beat", "--lon", "x"],
        "--lon and --lat go together",
    ),
    "few": (
        ["--areas-from", "incidents.csv.gz", "--code-column", "beat", "--at-least", "9"],
        "no code is on 9 rows or more",
    ),
    "parent": (["--areas", "orphans.csv"], "areas.csv, row 3, column parent: NOWHERE is no area"),
    "years": (["--areas", "orphans.csv", "--years", "2025", "2024"], "--years 2025 2024: the first is after the last"),
    "zone": (["--areas", "orphans.csv", "--zone", "Mars/Base"], "--zone Mars/Base: not an IANA time zone"),
    "label": (["--areas", "orphans.csv", "--name", "Windy City"], "region.toml, key name: 'Windy City' is not a word"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_writes_nothing_and_says_why(
    tmp_path: Path, polygons: Path, incidents: Path, monkeypatch: pytest.MonkeyPatch, mistake: str
) -> None:
    (tmp_path / "swapped.geojson").write_text(SWAPPED)
    (tmp_path / "none.geojson").write_text(collection())
    (tmp_path / "orphans.csv").write_text(ORPHANS)
    monkeypatch.chdir(tmp_path)
    before = sorted(path.name for path in tmp_path.iterdir())
    arguments, expected = MISTAKES[mistake]

    with pytest.raises(UsageError) as raised:
        import_pack(Path("pack"), *arguments)

    assert expected in str(raised.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_check_prints_the_report_and_list_the_packs() -> None:
    assert "level borough: 33 areas" in run("check", "london")
    assert run("list") == "london\n"


@pytest.mark.parametrize("command", ["check", "import", "list"])
def test_help_shows_an_example(command: str) -> None:
    assert f"Example:\n    firebreak region {command}" in run(command, "--help")
