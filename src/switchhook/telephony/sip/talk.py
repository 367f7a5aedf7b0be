"""The talking part of a call: two who hear each other, from the bridge to the hang-up."""

from switchhook.telephony.sip import moves as m
from switchhook.telephony.sip.legs import CALLER, Legs, Stage
from switchhook.workspace.facts import EndCause


class Talk:
    """What happens once somebody has the call (`Legs.winner`) and the caller is up."""

    def __init__(self, legs: Legs, *, record: bool, max_seconds: float) -> None:
        self._legs = legs
        self._record = record
        self._max_seconds = max_seconds

    def begin(self, winner: str) -> None:
        """Let the two hear each other."""
        legs = self._legs
        legs.stage = Stage.TALKING
        legs.do(m.Bridge(winner))
        if self._record:
            legs.recording = True
            legs.do(m.Record(voicemail=False))
        legs.do(m.SetTimer("limit", self._max_seconds))

    def on_digit(self, name: str, digit: str) -> None:
        """A key was pressed at one end: it is pressed at the other, since only sound is bridged."""
        winner = self._legs.winner
        if winner is not None and name in {CALLER, winner}:
            self._legs.do(m.Press(winner if name == CALLER else CALLER, digit))

    def on_limit(self) -> None:
        """The longest time that a conversation may take is over."""
        self._legs.close(EndCause.HANGUP)
