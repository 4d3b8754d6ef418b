"""Ways to tell, each against a real server: what arrives, and what every failure means."""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from support.alerts import opened
from support.ports import free_ports
from support.sinks import SECRET, MailSink, WebSink, mail_sink, web_sink

from consumers.gazetteer import Gazetteer
from consumers.notify.cases import Held, What
from consumers.notify.channels import email, http
from consumers.notify.channels.alertmanager import Alertmanager, AlertmanagerWebhook
from consumers.notify.channels.base import Delivered, Later, Parcel, Refused
from consumers.notify.channels.email import Mailer
from consumers.notify.channels.extras import Apprise, GovukNotify, apprise, govuk_notify
from consumers.notify.channels.files import Console, File
from consumers.notify.channels.webhook import Webhook, signature
from consumers.notify.message import Composer, Subject
from schemas.environment import Secret
from schemas.errors import UsageError

COMPOSER = Composer(Gazetteer({}), "https://x/{alert_id}")


def parcel(what: What = What.ORIGINAL, *, repeat: bool = False, **given: Any) -> Parcel:
    event = opened(**{"alert_id": "a1", "tense": "ACTUAL", **given})
    return Parcel(
        delivery_id="a1|1|mail:ana@x.org",
        address="ana@x.org",
        subject=Subject(what=what, why="FIRST", event=event, repeat=repeat),
        composer=COMPOSER,
        made_at=1_772_481_600_000,
        sent_at=1_772_481_601_000,
    )


@pytest.fixture
def mail() -> Iterator[MailSink]:
    with mail_sink() as sink:
        yield sink


@pytest.fixture
def web() -> Iterator[WebSink]:
    with web_sink() as sink:
        yield sink


def mailer(address: str, **given: Any) -> Mailer:
    host, _, port = address.partition(":")
    options = {
        "security": "plain",
        "sender": "firebreak <f@x.org>",
        "user": "",
        "password": Secret(""),
        "ca_file": None,
    }
    return Mailer(host=host, port=int(port), **{**options, **given})


@pytest.fixture
def silent() -> Iterator[str]:
    """A server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_a_mail_arrives_as_plain_text_with_the_first_line_as_its_subject(mail: MailSink) -> None:
    assert mailer(mail.address).send(parcel()) == Delivered()

    (one,) = mail.arrived
    letter = one.whole
    assert isinstance(letter, EmailMessage)
    assert letter["Subject"] == parcel().text.first_line
    assert letter.get_content_type() == "text/plain"
    assert parcel().text.body.splitlines()[0] in letter.get_content()
    assert letter["Auto-Submitted"] == "auto-generated"
    assert not one.repeat


def test_a_repeat_has_the_same_message_id_and_says_what_it_is(mail: MailSink) -> None:
    mailer(mail.address).send(parcel())
    mailer(mail.address).send(parcel(repeat=True))

    first, again = mail.arrived
    assert (first.whole["Message-ID"], again.repeat) == (again.whole["Message-ID"], True)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [("450 later", Later), ("452 full", Later), ("550 no such user", Refused), ("554 no", Refused)],
)
def test_what_a_mail_server_says_decides_whether_to_try_again(mail: MailSink, answer: str, kind: type) -> None:
    mail.answers.append(answer)

    result = mailer(mail.address).send(parcel())

    assert isinstance(result, kind)
    assert isinstance(result, Later | Refused)
    assert answer.split()[1] in result.why
    assert not getattr(result, "unsure", False)


def test_a_mail_server_that_is_away_is_tried_again() -> None:
    (port,) = free_ports(1)

    result = mailer(f"127.0.0.1:{port}").send(parcel())

    assert isinstance(result, Later)
    assert not result.unsure


def test_a_mail_server_that_says_nothing_holds_up_for_its_time_only(
    silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(email, "STEP_WITHIN", 0.2)

    result = mailer(silent).send(parcel())

    assert isinstance(result, Later)
    assert not result.unsure


def test_a_mail_server_that_falls_silent_after_the_message_leaves_it_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(email, "STEP_WITHIN", 0.5)

    def serve(server: socket.socket) -> None:
        with server.accept()[0] as line, line.makefile("rb") as said:
            line.sendall(b"220 x\r\n")
            for reply in (b"250 x\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"):
                said.readline()
                line.sendall(reply)
            while said.readline().strip() != b".":
                pass
            said.readline()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, args=(server,))
        thread.start()
        result = mailer(f"127.0.0.1:{server.getsockname()[1]}").send(parcel())
        thread.join()

    assert isinstance(result, Later)
    assert result.unsure


def test_the_signature_is_that_of_the_example_of_the_standard() -> None:
    """Example of https://www.standardwebhooks.com and the libraries that implement it."""
    signed = signature(
        Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )

    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_webhook_is_signed_and_says_what_happened(web: WebSink) -> None:
    assert Webhook(url=web.url, secret=Secret(SECRET)).send(parcel(What.RETRACTION)) == Delivered()

    ((_, told),) = web.posts
    assert web.forged == 0
    assert told["type"] == "alert.retraction"
    assert told["timestamp"] == "2026-03-02T20:00:00.000Z"
    assert told["data"]["alerts"][0]["alert_id"] == "a1"
    assert told["data"]["link"] == "https://x/a1"
    assert told["data"]["first_line"].startswith("RETRACTED")


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (204, {}, Delivered()),
        (400, {}, Refused("answer 400")),
        (401, {}, Refused("answer 401")),
        (410, {}, Refused("answer 410")),
        (302, {"location": "http://elsewhere"}, Refused("answer 302")),
        (408, {}, Later("answer 408")),
        (429, {"retry-after": "30"}, Later("answer 429", after=30.0)),
        (500, {}, Later("answer 500")),
        (503, {"retry-after": "nonsense"}, Later("answer 503")),
        (502, {}, Later("answer 502", unsure=True)),
        (504, {}, Later("answer 504", unsure=True)),
    ],
)
def test_what_a_web_server_answers_decides_whether_to_try_again(
    web: WebSink, status: int, headers: dict[str, str], expected: object
) -> None:
    web.answers.append((status, headers))

    assert http.post(web.url, b"{}", {}) == expected


def test_a_web_server_that_is_away_is_tried_again() -> None:
    (port,) = free_ports(1)

    result = http.post(f"http://127.0.0.1:{port}/", b"{}", {})

    assert isinstance(result, Later)
    assert not result.unsure


def test_a_web_server_that_hangs_holds_up_for_its_time_only_and_leaves_it_open(silent: str) -> None:
    result = http.post(f"http://{silent}/", b"{}", {}, deadline=0.3)

    assert isinstance(result, Later)
    assert result.unsure


def test_an_alertmanager_is_told_with_an_end_that_is_put_off_again_and_again(web: WebSink) -> None:
    manager = Alertmanager(url=f"http://127.0.0.1:{web.port}/", keep=480_000)
    event = opened(alert_id="a1", tense="ACTUAL")

    results = [
        manager.send(parcel()),
        manager.refresh([event], COMPOSER, 1_772_481_700_000),
        manager.send(parcel(What.END)),
    ]

    assert results == [Delivered()] * 3
    assert {path for path, _ in web.posts} == {"/api/v2/alerts"}
    (first,), (again,), (last,) = (posted for _, posted in web.posts)
    assert first["labels"] == again["labels"] == last["labels"]
    assert first["labels"]["severity"] == "alert"
    assert (first["endsAt"], again["endsAt"]) == ("2026-03-02T20:08:01.000Z", "2026-03-02T20:09:40.000Z")
    assert last["endsAt"] == "2026-03-02T20:00:01.000Z"


def test_alertmanagers_webhook_shape_is_spoken(web: WebSink) -> None:
    channel = AlertmanagerWebhook(url=web.url)

    assert [channel.send(parcel()), channel.send(parcel(What.RETRACTION))] == [Delivered()] * 2

    (_, firing), (_, resolved) = web.posts
    assert (firing["version"], firing["status"], resolved["status"]) == ("4", "firing", "resolved")
    assert firing["alerts"][0]["endsAt"] == "0001-01-01T00:00:00Z"
    assert firing["alerts"][0]["fingerprint"] == resolved["alerts"][0]["fingerprint"]
    needed = {"version", "groupKey", "truncatedAlerts", "status", "receiver", "groupLabels", "commonLabels"}
    assert needed | {"commonAnnotations", "externalURL", "alerts"} == set(firing)


def test_a_digest_tells_an_alertmanager_of_each_of_its_alerts(web: WebSink) -> None:
    entries = tuple(Held(event=opened(alert_id=each), why="STORM") for each in "ab")
    digest = Subject(what=What.DIGEST, why="DIGEST", event=None, entries=entries)
    whole = Parcel(delivery_id="d", address="", subject=digest, composer=COMPOSER, made_at=0, sent_at=0)

    Alertmanager(url=f"http://127.0.0.1:{web.port}", keep=1000).send(whole)

    ((_, posted),) = web.posts
    assert [alert["labels"]["alert_id"] for alert in posted] == ["a", "b"]


def test_a_file_grows_by_a_line_a_message(tmp_path: Path) -> None:
    file = File(path=tmp_path / "told.jsonl")

    assert [file.send(parcel()), file.send(parcel(What.END))] == [Delivered()] * 2

    told = [json.loads(line) for line in (tmp_path / "told.jsonl").read_text("utf-8").splitlines()]
    assert [line["what"] for line in told] == ["ORIGINAL", "END"]


def test_a_folder_gets_a_document_a_message(tmp_path: Path) -> None:
    assert File(path=tmp_path / "out", format="cap").send(parcel()) == Delivered()

    (document,) = (tmp_path / "out").iterdir()
    assert document.read_text("utf-8").startswith("<?xml")


def test_a_file_that_can_not_be_written_is_tried_again(tmp_path: Path) -> None:
    assert isinstance(File(path=tmp_path / "no" / "told.jsonl").send(parcel()), Later)


def test_the_terminal_shows_the_message(capsys: pytest.CaptureFixture[str]) -> None:
    Console().send(parcel())

    assert parcel().text.first_line in capsys.readouterr().out


class _Govuk:
    def __init__(self, fails: Exception | None = None) -> None:
        self.fails, self.sent = fails, list[tuple[str, str, dict[str, str], str]]()

    def send_email_notification(
        self, email_address: str, template_id: str, personalisation: dict[str, str], reference: str
    ) -> object:
        if self.fails is not None:
            raise self.fails
        self.sent.append((email_address, template_id, personalisation, reference))
        return {}

    def send_sms_notification(
        self, phone_number: str, template_id: str, personalisation: dict[str, str], reference: str
    ) -> object:
        return self.send_email_notification(phone_number, template_id, personalisation, reference)


class _StatusError(Exception):
    def __init__(self, status_code: int) -> None:
        self.status_code = status_code


def test_gov_uk_notify_gets_template_words_and_a_reference_that_stays() -> None:
    client = _Govuk()

    for medium in ("email", "sms"):
        assert GovukNotify(client=client, template="t", medium=medium).send(parcel()) == Delivered()

    (to, template, words, reference), (_, _, short, again) = client.sent
    assert (to, template, reference) == ("ana@x.org", "t", again)
    assert set(words) == {"first_line", "text"}
    assert set(short) == {"first_line"}


@pytest.mark.parametrize(
    ("failure", "expected", "unsure"),
    [
        (_StatusError(400), Refused, None),
        (_StatusError(403), Refused, None),
        (_StatusError(429), Later, False),
        (_StatusError(500), Later, False),
        (OSError("cut"), Later, True),
    ],
)
def test_what_gov_uk_notify_answers_decides_whether_to_try_again(
    failure: Exception, expected: type, unsure: bool | None
) -> None:
    result = GovukNotify(client=_Govuk(failure), template="t", medium="email").send(parcel())

    assert isinstance(result, expected)
    assert getattr(result, "unsure", None) is unsure


GOVUK_KEY = Secret("desk-" + "1" * 8 + "-1111-1111-1111-" + "1" * 12 + "-" + "2" * 8 + "-2222-2222-2222-" + "2" * 12)


def test_gov_uk_notifys_own_client_is_understood(web: WebSink) -> None:
    channel = govuk_notify(GOVUK_KEY, "t", "email", f"http://127.0.0.1:{web.port}")

    told = channel.send(parcel())
    web.answers.append((400, {}))
    refused = channel.send(parcel())
    web.answers.append((503, {}))
    later = channel.send(parcel())

    ((path, posted),) = web.posts
    assert (told, path) == (Delivered(), "/v2/notifications/email")
    assert posted["personalisation"]["first_line"] == parcel().text.first_line
    assert posted["email_address"] == "ana@x.org"
    assert isinstance(refused, Refused)
    assert isinstance(later, Later)


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
def test_apprise_itself_is_understood(web: WebSink) -> None:
    channel = apprise(Secret(f"json://127.0.0.1:{web.port}/chat\n"))

    told = channel.send(parcel())
    web.answers.append((500, {}))
    later = channel.send(parcel())

    ((path, posted),) = web.posts
    assert (told, path) == (Delivered(), "/chat")
    assert posted["title"] == parcel().text.first_line
    assert isinstance(later, Later)
    assert later.unsure


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
def test_an_address_that_apprise_does_not_know_is_named_by_its_line() -> None:
    with pytest.raises(UsageError, match="line 2"):
        apprise(Secret("json://x\nnonsense"))


def test_a_way_whose_library_is_missing_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "notifications_python_client.notifications", None)

    with pytest.raises(UsageError, match=r"pip install 'firebreak-streams\[govuk\]'"):
        govuk_notify(GOVUK_KEY, "t", "email", "")


@pytest.mark.parametrize(("told", "expected"), [(True, Delivered), (False, Later)])
def test_apprise_has_told_all_or_is_tried_again(told: bool, expected: type) -> None:
    class Client:
        add: Callable[[str], bool]

        def notify(self, body: str, title: str) -> object:
            assert body
            assert len(title) <= 140
            return told

    assert isinstance(Apprise(client=Client()).send(parcel()), expected)
