"""A certificate authority of the tests, by OpenSSL; everything is PEM."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple


class Certificate(NamedTuple):
    """A certificate and its key."""

    cert: Path
    key: Path


class Authority:
    """
    Signs certificates.

    Parameters
    ----------
    folder
        Where they are put.
    name
        Of the authority; two of one name are strangers all the same.

    """

    def __init__(self, folder: Path, name: str = "test-ca") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.ca_file = folder / f"{name}.pem"
        self._key = folder / f"{name}.key"
        _openssl(
            *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", f"/CN={name}"),
            *("-keyout", str(self._key), "-out", str(self.ca_file)),
        )

    def certificate(self, name: str, hosts: str = "DNS:localhost,IP:127.0.0.1", days: int = 30) -> Certificate:
        """Sign a certificate for a server or client; *days* of 0 gives one that has expired."""
        request, cert, key = (self._folder / f"{name}.{kind}" for kind in ("csr", "crt", "p8"))
        extensions = self._folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={hosts}\n", "utf-8")
        _openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", str(key))
        _openssl("req", "-new", "-key", str(key), "-subj", f"/CN={name}", "-out", str(request))
        _openssl(
            *("x509", "-req", "-in", str(request), "-CA", str(self.ca_file), "-CAkey", str(self._key)),
            *("-CAcreateserial", "-days", str(days), "-extfile", str(extensions), "-out", str(cert)),
        )
        key.chmod(0o600)
        return Certificate(cert, key)


def _openssl(*arguments: str) -> None:
    subprocess.run(("openssl", *arguments), check=True, capture_output=True)
