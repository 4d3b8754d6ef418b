"""README and docs say what is there: commands, options, links, make targets, settings and files."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import fields
from importlib.metadata import entry_points
from pathlib import Path
from typing import NamedTuple

import click
import pytest
from support.pages import metrics_table

from schemas.catalogue import Catalogue
from schemas.events import AlertEvent
from streams.cli import GROUP, firebreak
from streams.harvest import HOURS_HEADER, Harvest, Totals
from streams.settings import settings_table

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
DOCS = ROOT / "docs"
PAGES = (README, *sorted(DOCS.glob("*.md")))
ANCHORED = re.compile(r"(?<!`)\[[^\]]*\]\(([^)\s]+)\)")
FENCED = re.compile(r"^```[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
SPANS = re.compile(r"(?<!`)`(?!`)([^`]+)`(?!`)")
OF_OTHERS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
"""Beginning of a link that leads away from here."""


class Typed(NamedTuple):
    """A command as a page tells it; ``whole`` if it could be typed as it stands."""

    page: str
    text: str
    whole: bool


def _fenced(page: Path) -> Iterator[Typed]:
    for block in FENCED.findall(page.read_text("utf-8")):
        for line in block.replace("\\\n", " ").splitlines():
            words = line.strip()
            found = re.fullmatch(r"(?:\$ )?(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?(firebreak .+?)(?: &)?", words)
            if found:
                yield Typed(page.name, found[1], whole="..." not in words)


def _spans(page: Path) -> Iterator[Typed]:
    text = FENCED.sub("", page.read_text("utf-8"))
    for span in SPANS.findall(text):
        words = " ".join(span.split())
        if words.startswith("firebreak "):
            yield Typed(page.name, words, whole=False)


def _typed() -> list[Typed]:
    return [typed for page in PAGES for typed in (*_fenced(page), *_spans(page))]


def _command_of(words: Sequence[str]) -> tuple[click.Command, str, list[str]]:
    """The command that *words* name, its full name, and what is left of them."""
    command: click.Command = firebreak
    name, left = "firebreak", list(words)
    while isinstance(command, click.Group) and left and not left[0].startswith("-"):
        found = command.get_command(click.Context(command), left[0])
        if found is None:
            pytest.fail(f"{name} has no command {left[0]!r}")
        command, name, left = found, f"{name} {left[0]}", left[1:]
    return command, name, left


def _options(command: click.Command) -> set[str]:
    context = click.Context(command, help_option_names=["-h", "--help"])
    return {text for each in command.get_params(context) for text in (*each.opts, *each.secondary_opts)}


def _targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


def _table_of_commands() -> list[str]:
    text = README.read_text("utf-8")
    section = text[text.index("## Commands") :].split("\n## ", 2)[0]
    return re.findall(r"^\| `([a-z]+)` \|", section, re.MULTILINE)


def test_the_readme_tells_every_command_and_no_other() -> None:
    assert sorted(_table_of_commands()) == sorted(entry_points(group=GROUP).names)


def test_the_readme_names_every_sub_command_of_a_group() -> None:
    text = README.read_text("utf-8")
    for name in entry_points(group=GROUP).names:
        command = firebreak.get_command(click.Context(firebreak), name)
        row = next(line for line in text.splitlines() if line.startswith(f"| `{name}` |"))
        if isinstance(command, click.Group):
            assert set(re.findall(r"`([a-z-]+)`", row)) == {name, *command.commands}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_something(page: Path) -> None:
    prose = FENCED.sub("", page.read_text("utf-8"))
    links = [link for link in ANCHORED.findall(prose) if not OF_OTHERS.match(link)]
    gone = [link for link in links if not (page.parent / link.partition("#")[0]).exists()]
    assert not gone


def test_the_index_names_every_page() -> None:
    index = DOCS / "README.md"
    named = {link for link in ANCHORED.findall(index.read_text("utf-8")) if "/" not in link}
    assert named == {page.name for page in DOCS.glob("*.md")} - {index.name}


def test_pages_that_show_no_command_would_test_nothing() -> None:
    assert {"README.md", "operate.md", "replay.md", "add-a-city.md"} <= {typed.page for typed in _typed()}


@pytest.mark.parametrize("typed", _typed(), ids=lambda typed: f"{typed.page}: {typed.text[:60]}")
def test_a_command_on_a_page_has_the_options_that_it_has_there(typed: Typed) -> None:
    command, name, left = _command_of(shlex.split(typed.text, comments=True)[1:])
    told = {word.partition("=")[0] for word in left if re.match(r"--?[a-z]", word)}
    assert told <= _options(command), name


@pytest.mark.parametrize(
    "typed", [typed for typed in _typed() if typed.whole], ids=lambda typed: f"{typed.page}: {typed.text[:60]}"
)
def test_a_command_in_a_block_could_be_typed(typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command, name, left = _command_of(shlex.split(typed.text, comments=True)[1:])
    monkeypatch.chdir(tmp_path)
    for word in left:
        if re.search(r"\.(csv|gz|geojson|toml|json)$", word):
            Path(word).parent.mkdir(parents=True, exist_ok=True)
            Path(word).touch()

    answers_and_ends = suppress(click.exceptions.Exit)  # as `--profiles` does
    with answers_and_ends:
        command.make_context(name, list(left))


def _all_options(command: click.Command) -> set[str]:
    if not isinstance(command, click.Group):
        return _options(command)
    context = click.Context(command)
    inner = [command.get_command(context, name) for name in command.list_commands(context)]
    return _options(command).union(*(_all_options(each) for each in inner if each is not None))


def test_an_option_that_is_named_alone_is_one_of_some_command() -> None:
    spans = [span for page in PAGES for span in SPANS.findall(FENCED.sub("", page.read_text("utf-8")))]
    told = {span.split()[0] for span in spans if span.startswith("--")}
    assert told
    assert told <= _all_options(firebreak)


def test_make_targets_on_the_pages_exist() -> None:
    told = {
        target
        for page in PAGES
        for text in (*FENCED.findall(page.read_text("utf-8")), *SPANS.findall(page.read_text("utf-8")))
        for target in re.findall(r"^make ([a-z-]+)", text, re.MULTILINE)
    }
    assert {"demo", "test"} <= told
    assert told <= _targets()


def test_variables_on_the_pages_are_settings() -> None:
    known = set(re.findall(r"`(FIREBREAK_[A-Z_]+)`", settings_table()))
    told = {
        name.removesuffix("_FILE") if name not in known else name
        for page in PAGES
        for name in re.findall(r"FIREBREAK_[A-Z]+(?:_[A-Z]+)*\b(?!_)", page.read_text("utf-8"))
    }
    assert told <= known


def test_the_page_of_settings_is_the_table_of_the_object() -> None:
    page = (DOCS / "settings.md").read_text("utf-8")
    assert page[page.index("| variable") :] == settings_table(), "renew it: make pages"


def test_the_picture_of_flows_has_topics_of_the_catalogue() -> None:
    told = re.findall(r"\[\(([a-z.]+)\)\]", README.read_text("utf-8"))
    assert told
    assert set(told) <= set(Catalogue.load())


def test_public_topics_are_those_of_the_catalogue() -> None:
    text = " ".join((DOCS / "architecture.md").read_text("utf-8").split())
    told = re.search(r"are public: (.*?) The rest", text)
    assert told
    public = {spec.id for spec in Catalogue.load().values() if spec.audience.value == "public"}
    assert set(re.findall(r"`([a-z.]+)`", told[1])) == public


def test_the_page_on_replays_names_the_columns_and_keys_that_are_written() -> None:
    page = (DOCS / "replay.md").read_text("utf-8")
    totals = Totals(read=0, accepted=0, duplicates=0, incidents=0, first=None, last=None, seconds=0.0)
    keys = re.findall(r"^\| ((?:`[a-z]+`(?:, )?)+) \|", page[page.index("**`summary.json`**") :], re.MULTILINE)

    assert f"`{','.join(HOURS_HEADER)}`" in page
    assert [key for cell in keys for key in re.findall(r"[a-z]+", cell)] == list(Harvest().summary(totals))
    told = re.search(r"keys always in this order:\s+`([^`]+)`", page)
    assert told
    assert re.split(r",\s+", told[1]) == [each.name for each in fields(AlertEvent)]


def test_the_page_of_metrics_is_fresh() -> None:
    assert metrics_table() in (DOCS / "metrics.md").read_text("utf-8"), "run: make pages"
