"""E-mail: plain text over SMTP."""

from __future__ import annotations

import hashlib
import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr, parseaddr
from pathlib import Path

from consumers.notify.channels.base import Delivered, Later, Parcel, Refused, Result
from schemas.environment import Secret
from schemas.errors import UsageError

STEP_WITHIN = 7.0
"""Seconds that the server has for each step."""
PORTS = {"plain": 25, "starttls": 587, "tls": 465}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailer:
    """
    A mail server and a sender.

    ``security`` is ``starttls``, ``tls`` or ``plain``; a password never goes over ``plain``.
    """

    host: str
    port: int
    security: str
    sender: str
    user: str
    password: Secret
    ca_file: Path | None

    def __post_init__(self) -> None:
        if self.security not in PORTS:
            raise UsageError(f"security of e-mail is {self.security!r}, none of {', '.join(PORTS)}")
        if self.user and self.security == "plain":
            raise UsageError("a password over plain SMTP can be read by all on the way: use starttls or tls")
        if "@" not in parseaddr(self.sender)[1]:
            raise UsageError(f"sender {self.sender!r} is no e-mail address")

    def send(self, parcel: Parcel) -> Result:
        """Make one attempt."""
        message = letter(parcel, self.sender)
        try:
            server = self._connected()
        except (smtplib.SMTPException, OSError) as error:
            return Later(f"mail server {self.host}: {_said(error)}")
        try:
            return _handed_over(server, message, parseaddr(self.sender)[1], parcel.address)
        finally:
            _farewell(server)

    def _connected(self) -> smtplib.SMTP:
        context = ssl.create_default_context(cafile=self.ca_file) if self.security != "plain" else None
        if self.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(self.host, self.port, timeout=STEP_WITHIN, context=context)
        else:
            server = smtplib.SMTP(self.host, self.port, timeout=STEP_WITHIN)
        try:
            if self.security == "starttls":
                server.starttls(context=context)
            server.ehlo_or_helo_if_needed()
            if self.user:
                server.login(self.user, self.password.reveal())
        except (smtplib.SMTPException, OSError):
            server.close()
            raise
        return server


def letter(parcel: Parcel, sender: str) -> EmailMessage:
    """The message; a repeat has the same Message-ID, and all about one alert are one conversation."""
    text, domain = parcel.text, parseaddr(sender)[1].rpartition("@")[2]
    message = EmailMessage()
    message["From"] = formataddr(parseaddr(sender))
    message["To"] = parcel.address
    message["Subject"] = text.first_line
    message["Date"] = format_datetime(parcel.composer.gazetteer.local("", parcel.sent_at))
    message["Message-ID"] = f"<{_digest(parcel.delivery_id)}@{domain}>"
    if parcel.subject.event is not None:
        message["References"] = f"<alert-{parcel.subject.event.alert_id}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message["X-Firebreak-Delivery"] = parcel.delivery_id
    if parcel.subject.repeat:
        message["X-Firebreak-Repeat"] = "yes"
    message.set_content(f"{text.first_line}\n\n{text.body}")
    return message


def _digest(delivery_id: str) -> str:
    return hashlib.sha256(delivery_id.encode()).hexdigest()[:32]


def _handed_over(server: smtplib.SMTP, message: EmailMessage, sender: str, address: str) -> Result:
    """Step by step, because only the last one leaves it open whether the message arrived."""
    try:
        for code, said in (server.mail(sender), server.rcpt(address)):
            if code >= 400:
                return _answered(code, said)
    except (smtplib.SMTPException, OSError) as error:
        return Later(_said(error))
    try:
        code, said = server.data(message.as_bytes(policy=SMTP))
    except smtplib.SMTPDataError as error:
        return _answered(error.smtp_code, error.smtp_error)
    except (smtplib.SMTPException, OSError) as error:
        return Later(f"while it was handed over: {_said(error)}", unsure=True)
    return Delivered() if code < 400 else _answered(code, said)


def _answered(code: int, said: bytes | str) -> Result:
    words = said.decode(errors="replace") if isinstance(said, bytes) else said
    why = f"mail server said {code} {' '.join(words.split())[:200]}"
    return Refused(why) if code >= 500 else Later(why)


def _said(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        words = error.smtp_error
        return f"{error.smtp_code} {words.decode(errors='replace') if isinstance(words, bytes) else words}"[:200]
    return str(error)[:200] or type(error).__name__


def _farewell(server: smtplib.SMTP) -> None:
    try:
        server.quit()
    except (smtplib.SMTPException, OSError):
        server.close()
