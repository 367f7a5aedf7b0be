"""What a receiver asks of the store that notes its messages. Each call is atomic, also between processes.

                claim                          finish
    unknown ───────────▶ claimed, until … ───────────────▶ done, until … ──▶ unknown
       ▲                   │      │   ▲
       └───────────────────┘      └───┘
        release, or the time of     release(after=…): kept for then
        the claim has run out

A claim belongs to a token, a text that nobody else has. Whoever lost a claim (its time ran out and another one took it)
changes nothing any more: `finish` and `release` of another token do nothing.
"""

from enum import Enum
from typing import NamedTuple, Protocol


class State(Enum):
    """What is known of a message when it is claimed."""

    CLAIMED = "claimed"
    """It is the claimer's now, to work on until the time is over."""
    UNDER_WAY = "under way"
    """Another one has it."""
    DONE = "done"
    """The work has been done."""


class Claim(NamedTuple):
    """What came of a claim. `attempt` counts the claims of this message since it was last unknown, from 1; 0 when it
    was not given."""

    state: State
    attempt: int = 0


class Waiting(NamedTuple):
    """A message that was kept with its body and that nobody is working on."""

    id: str
    body: bytes


class Dedupe(Protocol):
    """A store for plain calls. `blocking` says whether they wait for a disk or a network: a loop then uses a thread."""

    @property
    def blocking(self) -> bool:
        """Whether a call may wait."""

    @property
    def keeps(self) -> bool:
        """Whether bodies given to `claim` outlive the process, so that `waiting` can tell of them after a crash."""

    def claim(self, msg_id: str, token: str, seconds: float, body: bytes | None = None) -> Claim:
        """Take the message for `seconds`, and keep its body when there is one. The holder may claim again."""

    def finish(self, msg_id: str, token: str, seconds: float) -> bool:
        """The work is done; remember that for `seconds` and drop the body. Whether the claim was still the token's."""

    def release(self, msg_id: str, token: str, after: float | None = None) -> bool:
        """Give the message back: forget it, or keep it to be claimed `after` seconds. Whether it was held."""

    def waiting(self, limit: int) -> list[Waiting]:
        """Messages kept with a body whose claim has run out, the oldest first."""


class AsyncDedupe(Protocol):
    """The same for stores whose client is asynchronous."""

    @property
    def keeps(self) -> bool:
        """See `Dedupe`."""

    async def claim(self, msg_id: str, token: str, seconds: float, body: bytes | None = None) -> Claim:
        """See `Dedupe`."""

    async def finish(self, msg_id: str, token: str, seconds: float) -> bool:
        """See `Dedupe`."""

    async def release(self, msg_id: str, token: str, after: float | None = None) -> bool:
        """See `Dedupe`."""

    async def waiting(self, limit: int) -> list[Waiting]:
        """See `Dedupe`."""
