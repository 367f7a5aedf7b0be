"""Where a message came from and goes to."""

import msgspec

UDP, TCP, TLS = "udp", "tcp", "tls"


class Flow(msgspec.Struct, frozen=True):
    """A peer and the way to it. `number` is that of a connection that somebody else has opened, 0 when there is none.

    `host` may be a name where we are the ones who begin.
    """

    kind: str
    host: str
    port: int
    number: int = 0

    @property
    def reliable(self) -> bool:
        """Whether what is sent arrives or the connection ends."""
        return self.kind != UDP
