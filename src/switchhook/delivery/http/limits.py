"""The bounds of the client, all in one place."""

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds on what a receiver can make us hold or wait for. Sizes in bytes, times in seconds.

    * `header_bytes`: of an answer, up to its body; also between two pieces of a body, against endless chunk extensions.
    * `response_bytes`: of a whole answer as it comes over the line; one byte more and the attempt has failed.
    * `body_kept`: how much of the answer's body is kept.
    * `write_slice`: how much of a request is given to the transport at once; the rest waits until the receiver reads.
    * `idle_seconds`: after which an unused connection is closed. Below the 60 s and more that servers commonly use, so
      that it is mostly us who close and a request seldom meets a connection that is just going away.
    * `lifetime_seconds`: after which a connection is not used again, so that a change in the DNS is noticed.
    * `dns_seconds`: for one name look-up.
    * `address_seconds`: for a connection to one address while there are others to try.
    * `tick_seconds`: how coarse the one timer is; a time-out comes at most so much late, never early.
    """

    header_bytes: int = 64 * 1024
    response_bytes: int = 1024 * 1024
    body_kept: int = 16 * 1024
    write_slice: int = 64 * 1024
    idle_seconds: float = 45.0
    lifetime_seconds: float = 600.0
    dns_seconds: float = 10.0
    address_seconds: float = 4.0
    tick_seconds: float = 0.25
