"""Addresses of servers, as operators write them. Pure."""

from urllib.parse import SplitResult, urlsplit


def http_address(text: str) -> SplitResult | None:
    """The parts of an http or https address, http where no scheme is named; None if it is no address."""
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        is_fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return parts if is_fine else None
