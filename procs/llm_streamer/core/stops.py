"""Ends a text at the first stop string, wherever its pieces are cut. Pure.

Holds back only the tail that might become a stop string, nothing else, so no word comes later than needed.
"""


class StopFilter:
    """Takes pieces of text, gives them back up to the first stop string.

    Invariant: what was given is the text so far, less the longest tail that begins a stop string.
    """

    def __init__(self, stops: tuple[str, ...]) -> None:
        self.stopped = False
        """Whether a stop string was met; from then on nothing is given."""
        self._stops = tuple(stop for stop in stops if stop)
        self._prefixes = {stop[:n] for stop in self._stops for n in range(1, len(stop))}
        self._longest = max((len(prefix) for prefix in self._prefixes), default=0)
        self._held = ""

    def feed(self, piece: str) -> str:
        """Take a piece in; gives what certainly belongs to the text."""
        if self.stopped:
            return ""
        text = self._held + piece
        met = [at for stop in self._stops if (at := text.find(stop)) >= 0]
        if met:
            self.stopped = True
            self._held = ""
            return text[: min(met)]
        keep = len(text) - self._n_tail(text)
        self._held = text[keep:]
        return text[:keep]

    def finish(self) -> str:
        """The text has ended: what was held back belongs to it after all."""
        held, self._held = self._held, ""
        return held

    def _n_tail(self, text: str) -> int:
        """Length of the longest tail that begins a stop string."""
        for n in range(min(self._longest, len(text)), 0, -1):
            if text[-n:] in self._prefixes:
                return n
        return 0
