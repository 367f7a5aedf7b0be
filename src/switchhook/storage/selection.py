"""Which deliveries of an endpoint are meant: by what became of them, topic, and how the last attempt ended. Pure."""

import msgspec


class Tried(msgspec.Struct, frozen=True):
    """A delivery as its last attempt left it. `topic` is None when its event is gone, or expunged."""

    event: str
    number: int
    state: str
    kind: str
    status: int | None
    topic: str | None
    waits: bool

    @property
    def became(self) -> str:
        """What became of it so far: `pending`, `succeeded` or `failed`."""
        return "pending" if self.waits or self.state == "retrying" else self.state


class Selection(msgspec.Struct, frozen=True, omit_defaults=True):
    """A filter: every part that is not empty must fit.

    `results` are kinds of attempts (`exchange.Kind`), `answers` status codes (`404`) and classes of them (`5xx`).
    """

    became: tuple[str, ...] = ("failed",)
    topics: tuple[str, ...] = ()
    results: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()

    def takes(self, tried: Tried) -> bool:
        """Whether a delivery is meant. One whose event is gone never is: there is nothing to send."""
        return (
            tried.topic is not None
            and (not self.became or tried.became in self.became)
            and (not self.topics or tried.topic in self.topics)
            and (not self.results or tried.kind in self.results)
            and (not self.answers or _answered(tried.status, self.answers))
        )


FAILED = Selection()


def _answered(status: int | None, wanted: tuple[str, ...]) -> bool:
    return status is not None and (str(status) in wanted or f"{status // 100}xx" in wanted)
