"""How a verb says no: one sentence with the remedy, and an exit code. Never a traceback."""

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
"""Wrong words or wrong settings: nothing was tried."""
EXIT_INTERRUPTED = 130
"""As shells report Ctrl-C."""


class Refusal(Exception):
    """Ends a verb.

    Args:
        sentence: what is wrong and what to do about it.
        exit_code: of the command.
    """

    def __init__(self, sentence: str, exit_code: int = EXIT_FAILED) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code
