"""Menus and announcements of one call: what the caller hears, and what the keys that are pressed lead to.

OPENING ──caller is up──▶ PROMPT ──over──▶ LISTENING ──a choice──▶ the step it stands for
   (only at first)          ▲ │ a key          │
                            │ └───────────────▶┤
                            └── nothing, or no choice, while there are tries left
"""

from collections.abc import Callable, Mapping

from switchhook.telephony.keys import Heard, settle, understand
from switchhook.telephony.sip import moves as m
from switchhook.telephony.sip.legs import MENU, Legs, Stage
from switchhook.telephony.sip.plan import Menu, Reject, Step
from switchhook.workspace.facts import Chose, EndCause, LegKind


class Desk:
    """Speaks to the caller; what follows is handed to `follow`."""

    def __init__(self, legs: Legs, follow: Callable[[Step], None], *, max_seconds: float) -> None:
        self.menus: Mapping[str, Menu] = {}
        self._legs = legs
        self._follow = follow
        self._max_seconds = max_seconds
        self._menu: Menu | None = None
        self._then: Step = Reject()  # after an announcement
        self._sounds: tuple[str, ...] = ()
        self._typed = ""
        self._tries = 0
        self._choices = 0

    def enter(self, name: str) -> None:
        """Ask what the menu of that name has to ask."""
        menu = self.menus.get(name)
        if menu is None:  # the plan is not one of ours
            self._legs.close(EndCause.FAILED)
            return
        self._menu, self._tries = menu, 0
        self._say(menu.greeting)

    def announce(self, sound: str, then: Step) -> None:
        """Say something, and go on."""
        self._menu, self._then = None, then
        self._say(sound)

    def _say(self, *sounds: str) -> None:
        legs = self._legs
        self._sounds, self._typed = sounds, ""
        if legs.caller.up:
            self.speak()
        else:
            legs.stage = Stage.OPENING
            legs.tell_ours(MENU, LegKind.MENU)
            legs.do(m.SetTimer("limit", self._max_seconds))

    def speak(self) -> None:
        """Say it now: the caller is up."""
        self._legs.stage = Stage.PROMPT
        self._legs.do(m.Prompt(self._sounds))

    def on_played(self) -> None:
        """It has been said to its end."""
        if self._menu is None:
            self._follow(self._then)
        else:
            self._legs.stage = Stage.LISTENING
            self._legs.do(m.SetTimer("keys", self._menu.seconds))

    def on_digit(self, digit: str) -> None:
        """The caller pressed a key."""
        menu, legs = self._menu, self._legs
        if menu is None:
            return
        if legs.stage is Stage.PROMPT:
            legs.stage = Stage.LISTENING
            legs.do(m.Hush())
        self._typed += digit
        heard = understand(self._typed, menu.choices)
        if heard is Heard.MORE:
            legs.do(m.SetTimer("keys", menu.digit_seconds))
        else:
            self._take(menu, heard)

    def on_silence(self) -> None:
        """No more keys came in time."""
        if self._menu is not None and self._legs.stage is Stage.LISTENING:
            self._take(self._menu, settle(self._typed, self._menu.choices))

    def _take(self, menu: Menu, heard: str | Heard) -> None:
        if isinstance(heard, str):
            choice = menu.choices[heard]
            legs = self._legs
            self._choices += 1
            legs.tell(Chose(**legs.base(f"chose:{self._choices}"), key=heard, label=choice.label))
            self._follow(choice.then)
            return
        self._tries += 1
        if self._tries >= menu.tries:
            self._follow(menu.otherwise)
        elif self._typed and menu.wrong is not None:
            self._say(menu.wrong, menu.greeting)
        else:
            self._say(menu.greeting)
