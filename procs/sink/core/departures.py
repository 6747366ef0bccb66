"""What became of the 20 ms that a sink was given, one after the other. Pure."""


class Departures:
    """Frames with sound and frames of silence that left.

    A sink says afterwards that a frame did not leave, so each one counts only when the next step comes:
    counters that fall would look like those of a sink that was born again.
    """

    def __init__(self) -> None:
        self.sent = 0
        """With sound."""
        self.nulled = 0
        """Of silence that stood in for missing sound."""
        self._given = ""

    def give_sound(self) -> None:
        """The sink has a frame with sound."""
        self.settle()
        self._given = "sound"

    def give_silence(self) -> None:
        """The sink has a frame of silence."""
        self.settle()
        self._given = "silence"

    def missed(self) -> None:
        """The frame given last did not leave."""
        self._given = ""

    def settle(self) -> None:
        """The frame given last has left, since nothing else was said of it."""
        self.sent += self._given == "sound"
        self.nulled += self._given == "silence"
        self._given = ""
