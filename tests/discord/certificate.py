"""A certificate authority for one run: clients trust it by the file that `SSL_CERT_FILE` names."""

import ssl
from pathlib import Path

import trustme


class Authority:
    """The authority, and the server's certificate for loopback names."""

    def __init__(self) -> None:
        self._authority = trustme.CA()

    def write(self, path: Path) -> None:
        """The authority's certificate as PEM, for clients."""
        self._authority.cert_pem.write_to_path(str(path))

    def server_context(self) -> ssl.SSLContext:
        """For listening on localhost."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
        return context

    def client_context(self) -> ssl.SSLContext:
        """For clients in this process."""
        context = ssl.create_default_context()
        self._authority.configure_trust(context)
        return context
