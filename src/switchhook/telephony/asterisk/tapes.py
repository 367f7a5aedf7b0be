"""Which recording is of which call. Pure.

    channel:ID   that channel alone: what whoever is there says
    channel:ID   of a channel that listens in (`Snoop/1795436317.0-00000000`): the channel that it listens to
    bridge:ID    everybody in that bridge

Recordings are told of by their names, in any order with the channels that they are of.
"""

from collections.abc import Iterable, Mapping

from switchhook.telephony.asterisk import happenings as h
from switchhook.telephony.asterisk.recorder import OURS
from switchhook.telephony.asterisk.tree import Leg, Recording

MOST = 2_000  # recordings that are remembered
SNOOP = "Snoop/"


class Tapes:
    """The recordings of one Asterisk that are not forgotten."""

    def __init__(self) -> None:
        self._all: dict[str, Recording] = {}
        self._nobodys: dict[str, Recording] = {}  # those of which it is not known whose they are

    def take(self, happening: h.RecordingOn | h.RecordingOver) -> Iterable[str]:
        """Note what happened; nothing is changed by it before it is known whose it is."""
        found = self._all.get(happening.name)
        began_at = happening.at
        if isinstance(happening, h.RecordingOver):
            began_at -= happening.seconds * 1000
        if found is None or self._is_another(found, happening):
            found = Recording(happening.name, happening.format, happening.target, began_at)
            self._all.pop(happening.name, None)
            self._all[happening.name] = self._nobodys[happening.name] = found
            for name in list(self._all)[: len(self._all) - MOST]:
                del self._all[name]
                self._nobodys.pop(name, None)
        if isinstance(happening, h.RecordingOver):
            found.kept = happening.kept if found.kept is None else found.kept
        else:
            found.began_at = began_at
        return ()

    def place(self, legs: Mapping[str, Leg], bridges: Mapping[str, set[str]]) -> list[str]:
        """Find out whose recordings those are of which it was not known; the channels that it is known of now."""
        placed = []
        for one in list(self._nobodys.values()):
            kind, _, id_ = one.target.partition(":")
            if kind == "bridge":
                inside = sorted(bridges.get(id_, ()))
                one.bridge, one.leg = True, inside[0] if inside else ""
            elif id_ in legs:
                name = legs[id_].name
                listens = name.startswith(SNOOP)
                heard = name.removeprefix(SNOOP).rpartition("-")[0] if listens else id_
                one.snooped = listens and not one.name.startswith(OURS)
                one.leg = heard if heard in legs else ""
            if one.leg:
                placed.append(one.leg)
                del self._nobodys[one.name]
        return placed

    def of(self, legs: Iterable[str]) -> list[Recording]:
        """Those of these channels of which there is, or may be, a file."""
        mine = set(legs)
        found = [one for one in self._all.values() if one.leg in mine and one.kept is not False]
        return sorted(found, key=lambda one: one.name)

    def forget(self, leg: str) -> None:
        """Forget those of a channel."""
        for name in [name for name, one in self._all.items() if one.leg == leg]:
            del self._all[name]

    @staticmethod
    def _is_another(found: Recording, happening: h.RecordingOn | h.RecordingOver) -> bool:
        """Whether a name is used again, for another recording."""
        return bool(happening.target) and found.target != happening.target
