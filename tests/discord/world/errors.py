"""Refusals of the API: HTTP status, Discord's JSON error code and its text."""

from typing import Any

TABLE: dict[int, tuple[int, str]] = {
    0: (401, "401: Unauthorized"),
    10003: (404, "Unknown Channel"),
    10004: (404, "Unknown Guild"),
    10007: (404, "Unknown Member"),
    10008: (404, "Unknown Message"),
    10009: (404, "Unknown Overwrite"),
    10011: (404, "Unknown Role"),
    10013: (404, "Unknown User"),
    10014: (400, "Unknown Emoji"),
    10015: (404, "Unknown Webhook"),
    10062: (404, "Unknown interaction"),
    10065: (404, "Unknown Voice State"),
    30010: (403, "Maximum number of reactions reached (20)"),
    40032: (400, "Target user is not connected to voice."),
    40060: (400, "Interaction has already been acknowledged."),
    50001: (403, "Missing Access"),
    50005: (403, "Cannot edit a message authored by another user"),
    50006: (400, "Cannot send an empty message"),
    50007: (403, "Cannot send messages to this user"),
    50013: (403, "Missing Permissions"),
    50024: (400, "Cannot execute action on this channel type"),
    50027: (401, "Invalid Webhook Token"),
    50035: (400, "Invalid Form Body"),
    50109: (400, "The request body contains invalid JSON."),
}


class Refused(Exception):
    """The API answers with this error instead of doing what was asked."""

    def __init__(self, code: int, errors: dict[str, Any] | None = None) -> None:
        self.code = code
        self.status, self.text = TABLE[code]
        self.errors = errors
        super().__init__(f"{self.status} {self.code}: {self.text}")

    def json(self) -> dict[str, Any]:
        """The answer's body."""
        body: dict[str, Any] = {"message": self.text, "code": self.code}
        return body | {"errors": self.errors} if self.errors else body


def bad_field(field: str, code: str, message: str) -> Refused:
    """50035 for one field, shaped as Discord shapes it; a dot in `field` is one level deeper."""
    errors: dict[str, Any] = {"_errors": [{"code": code, "message": message}]}
    for part in reversed(field.split(".")):
        errors = {part: errors}
    return Refused(50035, errors)
