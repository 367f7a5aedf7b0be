"""A call of the exchange: its state machine, and what that has at the stack, at the clock and on the disk."""

from dataclasses import dataclass, field

from switchhook.clock import Timer
from switchhook.telephony.sip.bridge import Media
from switchhook.telephony.sip.control import CallControl
from switchhook.telephony.sip.tape import Tape


@dataclass
class Live:
    """One call. `handles` are the legs that were dialled or came in, by their names."""

    control: CallControl
    handles: dict[str, int] = field(default_factory=dict)
    unborn: dict[str, bool] = field(default_factory=dict)  # legs being dialled; True: drop once dialled
    timers: dict[str, Timer] = field(default_factory=dict)
    media: Media | None = None
    tape: Tape | None = None
    refusal: int = 0  # the status that the caller hears when nobody answers

    def wait(self, name: str, timer: Timer) -> None:
        """A timer of that name in place of the one there was."""
        if name in self.timers:
            self.timers[name].cancel()
        self.timers[name] = timer

    def end(self) -> None:
        """Nothing of it is waited for any more."""
        for timer in self.timers.values():
            timer.cancel()
        if self.media is not None:
            self.media.done.set()
