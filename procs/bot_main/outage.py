"""How a foreign service is, for the log and for health: one line when it fails, one when it works again."""

from bus.errors import BackendError
from bus.interface import Log


class Outage:
    """One service of one feature.

    Args:
        feature: name in the log.
    """

    def __init__(self, log: Log, feature: str) -> None:
        self._log = log
        self._feature = feature
        self.code = ""
        """Error code while it does not work, else empty."""

    def begins(self, error: BackendError) -> None:
        """It failed; told once until it works again or fails for another reason."""
        if error.code != self.code:
            self._log.warning("feature degraded", feature=self._feature, code=error.code, detail=error.detail)
        self.code = error.code

    def ends(self) -> None:
        """It works."""
        if self.code:
            self._log.info("feature restored", feature=self._feature)
        self.code = ""
