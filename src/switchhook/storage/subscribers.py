"""Who an event goes to, in a store of one process; a shared one decides it in `accept_event`."""

from switchhook.storage.store import Row

Targets = tuple[tuple[str, ...], tuple[str, ...]]
"""What an event goes to, and those of them that want their events in order."""


class Subscribers:
    """Who has subscribed to a topic: rows of id, whether in order, and the number it is bound to.

    `whole` is what an event goes to, and that as text, as long as nobody is bound to a number.
    """

    __slots__ = ("_rows", "whole")

    def __init__(self, rows: list[Row]) -> None:
        self._rows = rows
        self.whole = None if any(row[2] is not None for row in rows) else self.of(None)

    def of(self, own_number: str | None) -> tuple[Targets, str]:
        """The same of an event about this number."""
        rows = [row for row in self._rows if row[2] is None or row[2] == own_number]
        ids = tuple(row[0] for row in rows)
        return (ids, tuple(row[0] for row in rows if row[1])), " ".join(ids)
