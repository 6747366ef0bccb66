"""Tables of words are written as running text, which reads and reviews better than lists of literals."""


def words(text: str) -> tuple[str, ...]:
    """The blank-separated words of a table, in order, each once."""
    return tuple(dict.fromkeys(text.split()))
