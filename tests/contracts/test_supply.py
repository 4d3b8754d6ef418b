"""What is installed with firebreak: accepted licences only, a fresh page of them, and a bill that names all of it."""

from __future__ import annotations

import re

from support.supply import ACCEPTED, LOCK, PAGE, bill, parts, words


def test_every_package_has_an_accepted_licence() -> None:
    assert [each for each in parts() if not set(words(each.licence)) <= ACCEPTED] == []


def test_a_licence_that_is_not_accepted_is_seen() -> None:
    assert not set(words("MIT OR GPL-3.0-only")) <= ACCEPTED
    assert not set(words("not told")) <= ACCEPTED


def test_the_page_of_licences_names_every_package() -> None:
    # versions differ between versions of Python, names do not
    told = set(re.findall(r"^\| ([A-Za-z0-9_.-]+) \|", PAGE.read_text("utf-8"), re.MULTILINE))
    assert {each.name for each in parts()} <= told, "support.supply licences"


def test_the_bill_names_every_package_with_its_version_and_hashes() -> None:
    components = bill()["components"]
    assert isinstance(components, list)
    pinned = set(re.findall(r"^([A-Za-z0-9_.-]+)==([^ ;\\]+)", LOCK.read_text("utf-8"), re.MULTILINE))
    assert len(components) > 40
    for each in components:
        assert (each["name"], each["version"]) in pinned
        assert each["hashes"]


def test_locks_hold_hashes_and_no_addresses() -> None:
    for lock in sorted(LOCK.parent.glob("requirements*.lock")):
        text = lock.read_text("utf-8")
        assert "://" not in text
        assert len(re.findall(r"^[A-Za-z0-9_.-]+==", text, re.MULTILINE)) <= text.count("--hash=sha256:")
