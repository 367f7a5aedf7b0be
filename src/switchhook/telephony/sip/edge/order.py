"""RTP packets in the order in which they were sent, each once (RFC 3550, 5.1). Pure; times are seconds."""

HOLD_SECONDS = 0.06
"""How long what came too early waits for what it has overtaken."""

MOST = 50
"""How many may wait; a whole second of a telephone's."""

_NEAR = 1000  # numbers that far apart belong to one row; else the sender has begun anew


def is_sound(packet: bytes) -> bool:
    """Whether it is RTP, and not RTCP on the same port (RFC 5761) or something else."""
    return len(packet) >= 12 and packet[0] >> 6 == 2 and not 192 <= packet[1] <= 223


class Order:
    """One sender's packets."""

    def __init__(self) -> None:
        self._source = b""
        self._next: int | None = None  # the number that is due
        self._held: dict[int, tuple[float, bytes]] = {}

    @property
    def due_at(self) -> float | None:
        """When `due` is to be asked; None when nothing waits."""
        return min(at for at, _ in self._held.values()) + HOLD_SECONDS if self._held else None

    def put(self, packet: bytes, now: float) -> list[bytes]:
        """Take a packet (see `is_sound`); what goes on now."""
        number, source = int.from_bytes(packet[2:4]), packet[8:12]
        ahead = 0 if self._next is None else (number - self._next + 0x8000 & 0xFFFF) - 0x8000
        if source != self._source or not -_NEAR < ahead < _NEAR:
            gone = self._flush()
            self._source, self._next = source, number + 1 & 0xFFFF
            return [*gone, packet]
        if ahead == 0 and not self._held:
            self._next = number + 1 & 0xFFFF
            return [packet]  # as nearly always
        if ahead < 0 or number in self._held:
            return []  # it was here before, or is too late
        self._held[number] = (now, packet)
        return self._row() if ahead == 0 else self._flush() if len(self._held) > MOST else []

    def due(self, now: float) -> list[bytes]:
        """What has waited for long enough goes on without what is missing."""
        gone: list[bytes] = []
        while (at := self.due_at) is not None and at <= now:
            self._next = self._first()
            gone += self._row()
        return gone

    def _first(self) -> int:
        due = self._next or 0
        return min(self._held, key=lambda number: number - due & 0xFFFF)

    def _row(self) -> list[bytes]:
        gone: list[bytes] = []
        while self._next in self._held:
            gone.append(self._held.pop(self._next)[1])
            self._next = self._next + 1 & 0xFFFF
        return gone

    def _flush(self) -> list[bytes]:
        gone: list[bytes] = []
        while self._held:
            self._next = self._first()
            gone += self._row()
        return gone
