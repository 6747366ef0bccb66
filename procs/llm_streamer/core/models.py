"""A server's list of models. Pure. Source: `/v1/models` of the OpenAI API."""

from bus.foreign_json import read_json


def names(listing: str) -> list[str]:
    """Names in the body of `/v1/models`; none if it is no such list."""
    try:
        answer = read_json(listing)
    except ValueError:
        return []
    models = answer.get("data") if isinstance(answer, dict) else None
    found = [m.get("id") for m in models if isinstance(m, dict)] if isinstance(models, list) else []
    return [name for name in found if isinstance(name, str) and name]


def first_chat_model(models: list[str]) -> str:
    """The first that can talk, empty if there is none; embedding models, known by their names, can't."""
    return next((name for name in models if "embed" not in name.lower()), "")
