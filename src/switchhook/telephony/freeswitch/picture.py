"""What is there: channels, who is connected with whom, and which of them are one call. Pure.

A channel belongs to the call of the channel for which it was called, else to one of its own. One of no call of ours
that is connected to such a call is adopted by it: an agent of a queue, whoever picks a call up or has it handed over.
"""

import msgspec

from switchhook.telephony.freeswitch import happenings as h
from switchhook.telephony.freeswitch.tree import Call, Leg

TRANSFERS = frozenset({"BLIND_TRANSFER", "ATTENDED_TRANSFER"})  # dispositions, and causes of a hang-up


class Picture:
    """The channels of one FreeSWITCH, as far as it has told of them."""

    def __init__(self) -> None:
        self.legs: dict[str, Leg] = {}
        self.calls: dict[str, Call] = {}
        self.complete = False  # all that is there was told at least once
        self._rooms: dict[str, set[str]] = {}

    def take(self, happening: h.Happening, now: float) -> set[str]:
        """Note what happened; the calls that it may have changed, by their ids."""
        match happening:
            case h.Lost():
                for leg in self.legs.values():
                    leg.fresh = False
                return set()
            case h.Everything():
                self.complete = True
                return self._compare(happening, now)
            case h.Entered(at, channels, room):
                touched: set[str] = set()
                for channel in channels:
                    touched |= self._note(channel)
                for channel in channels:
                    touched |= self._enter(self.legs[channel.id], room, at)
                return touched
        touched = self._note(happening.channel)
        leg = self.legs[happening.channel.id]
        match happening:
            case h.Began(at, channel):
                if leg.created is None:
                    leg.created, leg.began_at = channel, at
            case h.Rang(at):
                leg.rang_at = at if leg.rang_at is None else min(leg.rang_at, at)
            case h.PickedUp(at):
                leg.answered_at = at if leg.answered_at is None else min(leg.answered_at, at)
            case h.Left(at, _, room, all_):
                self._left(leg, room, at, all_)
            case h.Taped():
                self._taped(leg, happening)
            case h.Gone(at, _, cause):
                self._gone(leg, at, cause, now)
        return touched | {leg.call}

    def legs_of(self, call: Call) -> list[Leg]:
        """The channels of a call, always in the same order."""
        return [self.legs[id_] for id_ in sorted(call.legs)]

    def call_of(self, channel: str) -> Call | None:
        """The call that a channel is part of."""
        leg = self.legs.get(channel)
        return self.calls[leg.call] if leg is not None else None

    def gather(self, call: Call) -> None:
        """Adopt whoever was connected with a call before it was known to be one of ours."""
        for leg in self.legs_of(call):
            if leg.room:
                self._adopt(leg.room)

    def forget(self, call: Call) -> None:
        """Remove a call and its channels."""
        for id_ in call.legs:
            leg = self.legs.pop(id_)
            self._leave(leg, leg.room)
        del self.calls[call.id]

    def _note(self, channel: h.Channel) -> set[str]:
        """What any event says of a channel."""
        leg = self._leg(channel.id)
        touched = {leg.call}
        if not channel.name:
            return touched  # it was only named
        leg.fresh = True
        if channel.answered_at is not None:
            leg.answered_at = min(channel.answered_at, leg.answered_at or channel.answered_at)
        if channel.by and not leg.by and channel.by != leg.id:
            leg.by = channel.by
            touched |= self._merge(leg, self._leg(channel.by))
        if channel.twin and channel.twin != leg.id:
            other = self._leg(channel.twin)
            touched |= self._merge(other, leg) if channel.outbound else self._merge(leg, other)
        if channel.disposition in TRANSFERS:
            leg.disposition = channel.disposition
        for entry in channel.history:
            known = leg.entries.get(entry.id)
            if known is None or (entry.exact and not known.exact):
                leg.entries[entry.id] = entry
        return touched | {leg.call}

    def _compare(self, all_: h.Everything, now: float) -> set[str]:
        """Catch up with what is there. A channel that is missing has gone since we last heard."""
        here = {channel.id for channel in all_.channels}
        touched: set[str] = set()
        for leg in list(self.legs.values()):
            if leg.id not in here and leg.gone_at is None and not leg.fresh:
                self._gone(leg, all_.at if all_.heard_at is None else all_.heard_at, "", now)
                touched.add(leg.call)
        for channel in all_.channels:
            touched |= self._note(channel)
            leg = self.legs[channel.id]
            if leg.gone_at is not None:
                continue
            if leg.created is None:
                leg.created, leg.began_at = channel, channel.created_at or all_.at
            if channel.outbound and leg.rang_at is None:
                leg.rang_at = channel.rang_at
            if leg.answered_at is None:
                leg.answered_at = channel.answered_at
        for channel in all_.channels:
            if channel.bridged_at is not None and channel.partner in here:
                room = "|".join(sorted({channel.id, channel.partner}))
                for id_ in sorted({channel.id, channel.partner}):
                    touched |= self._enter(self.legs[id_], room, channel.bridged_at)
        return touched

    def _leg(self, id_: str) -> Leg:
        leg = self.legs.get(id_)
        if leg is None:
            leg = self.legs[id_] = Leg(id_, id_)
            self.calls.setdefault(id_, Call(id_)).legs.add(id_)
        return leg

    def _merge(self, leg: Leg, into: Leg) -> set[str]:
        """The call of `leg`, unless it is known to be one by itself, is part of that of `into`."""
        leg.adopted = False
        before, call = self.calls[leg.call], self.calls[into.call]
        if before is not call and before.direction is None:
            for id_ in sorted(before.legs):
                self._move(self.legs[id_], call)
        return {before.id, call.id}

    def _move(self, leg: Leg, call: Call) -> None:
        self.calls[leg.call].legs.discard(leg.id)
        call.legs.add(leg.id)
        leg.call = call.id

    def _gone(self, leg: Leg, at: int, cause: str, now: float) -> None:
        if leg.gone_at is None:
            leg.gone_at, leg.cause, leg.gone_heard = at, cause, now
        leg.gone_at = min(leg.gone_at, at)  # that it is complete is told later than that it was hung up
        if cause in TRANSFERS:
            leg.disposition = leg.disposition or cause
        self._leave(leg, leg.room)

    def _enter(self, leg: Leg, room: str, at: int) -> set[str]:
        joined = at if leg.gone_at is None else min(at, leg.gone_at)
        if not leg.adopted:
            leg.joined_at = joined if leg.joined_at is None else min(leg.joined_at, joined)
        if leg.gone_at is not None or at < leg.room_at:
            return {leg.call}  # that is over
        if leg.room and leg.room != room:
            self._leave(leg, leg.room)
        leg.room, leg.room_at = room, at
        self._rooms.setdefault(room, set()).add(leg.id)
        return self._adopt(room)

    def _adopt(self, room: str) -> set[str]:
        inside = [self.legs[id_] for id_ in sorted(self._rooms.get(room, ()))]
        calls = {leg.call for leg in inside}
        ours = sorted(
            id_ for id_ in calls if self.calls[id_].direction is not None and not self.calls[id_].ended
        )
        if ours:
            for leg in inside:
                if self.calls[leg.call].direction is None:
                    self._move(leg, self.calls[ours[0]])
                    leg.adopted, leg.joined_at = True, leg.room_at
        return calls

    def _left(self, leg: Leg, room: str, at: int, all_: bool) -> None:
        if room and not all_:
            self._leave(leg, room)
        elif room or at >= leg.room_at:  # of two that were connected, neither is
            room = room or leg.room
            for id_ in sorted(self._rooms.get(room, ())):
                self._leave(self.legs[id_], room)

    def _leave(self, leg: Leg, room: str) -> None:
        inside = self._rooms.get(room)
        if inside is not None:
            inside.discard(leg.id)
            if not inside:
                del self._rooms[room]
        if leg.room == room:
            leg.room = ""

    @staticmethod
    def _taped(leg: Leg, tape: h.Taped) -> None:
        known = leg.tapes.get(tape.path)
        if known is None:
            leg.tapes[tape.path] = tape
        else:  # its beginning says when it began, and its end how long it is
            first, last = (known, tape) if tape.complete else (tape, known)
            if first.complete is not last.complete:
                leg.tapes[tape.path] = msgspec.structs.replace(last, began_at=first.at)
        if tape.message and not tape.complete:
            leg.spoke_at = tape.at if leg.spoke_at is None else min(leg.spoke_at, tape.at)
