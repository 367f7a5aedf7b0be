"""How the lines to the outside stand, and since when."""

from typing import Protocol

from switchhook.clock import Clock

LOOK = 1.0  # seconds between two looks


class Watched(Protocol):
    """What a line, or what keeps several, tells of itself."""

    def status(self) -> dict[str, str]:
        """How what it looks after stands, by name."""


class Standing:
    """Notes when a word changes. The reason after a colon may change while it is the same trouble."""

    def __init__(self, clock: Clock, *watched: Watched) -> None:
        self._clock = clock
        self._watched = watched
        self._noted: dict[str, tuple[str, int]] = {}

    def told(self) -> dict[str, str]:
        """What each says now."""
        said = {name: word for one in self._watched for name, word in one.status().items()}
        now = self._clock.now()
        noted = {}
        for name, word in said.items():
            kind = word.partition(":")[0]
            was = self._noted.get(name)
            noted[name] = was if was is not None and was[0] == kind else (kind, now)
        self._noted = noted
        return said

    def since(self) -> dict[str, int]:
        """Since when each says what it says, wall ms; a number is a count, and has no such time."""
        self.told()
        return {name: at for name, (kind, at) in self._noted.items() if not kind.isdecimal()}

    async def watch(self) -> None:
        """Look again and again, also when nobody asks, for as long as it is not cancelled."""
        while True:
            self.told()
            await self._clock.sleep(LOOK)
