from __future__ import annotations

import pickle
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from schemas.environment import DURATION, SECRET, Secret, read, setting
from schemas.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class _Few:
    token: Secret = setting(SECRET, "", "A token.")
    pause: timedelta = setting(DURATION, "5s", "A pause.")


@pytest.mark.parametrize(
    ("text", "milliseconds"), [("100ms", 100), ("5s", 5_000), ("1.5 s", 1_500), ("15m", 900_000), ("2h", 7_200_000)]
)
def test_a_duration_is_a_number_and_its_unit(text: str, milliseconds: int) -> None:
    assert read(_Few, {"FIREBREAK_PAUSE": text}).pause == timedelta(milliseconds=milliseconds)


@pytest.mark.parametrize("text", ["5", "5 sec", "-1s", "0s", "s", "1e3s", "5s 3ms"])
def test_what_is_no_duration_is_refused_by_name(text: str) -> None:
    with pytest.raises(UsageError, match=r"FIREBREAK_PAUSE: '.*' is no duration"):
        read(_Few, {"FIREBREAK_PAUSE": text})


def test_an_empty_variable_counts_as_not_set() -> None:
    assert read(_Few, {"FIREBREAK_PAUSE": ""}) == _Few()


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("pass word\n", "utf-8")

    few = read(_Few, {"FIREBREAK_TOKEN_FILE": str(file)})

    assert few.token.reveal() == "pass word"


def test_a_secret_can_not_be_given_twice(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="FIREBREAK_TOKEN and FIREBREAK_TOKEN_FILE are both set"):
        read(_Few, {"FIREBREAK_TOKEN": "a", "FIREBREAK_TOKEN_FILE": str(tmp_path / "b")})


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"FIREBREAK_TOKEN_FILE: .*absent can't be read: No such file"):
        read(_Few, {"FIREBREAK_TOKEN_FILE": str(tmp_path / "absent")})


def test_an_empty_file_holds_no_secret(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n", "utf-8")

    with pytest.raises(UsageError, match=r"FIREBREAK_TOKEN_FILE: .*empty is empty"):
        read(_Few, {"FIREBREAK_TOKEN_FILE": str(tmp_path / "empty")})


def test_only_secrets_have_files() -> None:
    with pytest.raises(UsageError, match=r"FIREBREAK_PAUSE_FILE is no setting .* FIREBREAK_PAUSE\?"):
        read(_Few, {"FIREBREAK_PAUSE_FILE": "x"})


def test_an_unknown_variable_is_refused_with_the_nearest_known_one() -> None:
    with pytest.raises(UsageError, match=r"FIREBREAK_PUASE is no setting of firebreak; did you mean FIREBREAK_PAUSE\?"):
        read(_Few, {"FIREBREAK_PUASE": "1s"})


def test_variables_of_others_are_left_alone() -> None:
    environ = {"PATH": "/bin", "FIREBREAKER": "x", "FIREBREAK_OTHER_THING": "x"}

    assert read(_Few, environ, others=("FIREBREAK_OTHER_",)) == _Few()


def test_a_secret_never_shows_itself() -> None:
    secret = Secret("hush-hush")

    shown = (repr(secret), str(secret), f"{secret}", f"{secret!r:>20}", repr(_Few(token=secret)), repr([secret]))

    assert not any("hush" in each for each in shown)
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(secret)
