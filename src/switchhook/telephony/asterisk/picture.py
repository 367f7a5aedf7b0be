"""What is there: channels, who is connected with whom, and which of them are one call. Pure.

A channel belongs to the call it was created in. One of no call of ours that is connected to such a call is adopted by
it: whoever picks a call up, fetches it out of a car park, or has it handed over.
"""

from switchhook.telephony.asterisk import happenings as h
from switchhook.telephony.asterisk.names import Kind, Plan, is_dialled, is_outside, number_of, resource
from switchhook.telephony.asterisk.tapes import Tapes
from switchhook.telephony.asterisk.tree import Call, Leg, Move, Recording


class Picture:
    """The channels of one Asterisk, as far as it has told of them."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.legs: dict[str, Leg] = {}
        self.calls: dict[str, Call] = {}
        self.complete = False  # all that is there was told at least once
        self._bridges: dict[str, set[str]] = {}
        self._tapes = Tapes()

    def take(self, happening: h.Happening, now: float) -> set[str]:
        """Note what happened; the calls that it may have changed, by their ids."""
        if isinstance(happening, h.RecordingOn | h.RecordingOver):
            touched = set(self._tapes.take(happening))
        elif isinstance(happening, h.Everything):
            self.complete = True
            touched = self._compare(happening, now)
        else:
            touched = self._note(happening, now)
        return touched | {self.legs[id_].call for id_ in self._tapes.place(self.legs, self._bridges)}

    def recordings_of(self, call: Call) -> list[Recording]:
        """The recordings of a call that there is, or may be, a file of; always in the same order."""
        return self._tapes.of(call.legs)

    def legs_of(self, call: Call) -> list[Leg]:
        """The channels of a call, always in the same order."""
        return [self.legs[id_] for id_ in sorted(call.legs)]

    def call_of(self, channel: h.Channel) -> Call:
        """The call that a channel is part of."""
        return self.calls[self._leg(channel).call]

    def forget(self, call: Call) -> None:
        """Remove a call and its channels."""
        for id_ in call.legs:
            leg = self.legs.pop(id_)
            self._leave(leg, leg.bridge)
            self._tapes.forget(id_)
        del self.calls[call.id]

    def talking(self) -> list[str]:
        """The channels of our calls that are connected with somebody."""
        found = []
        for call in self.calls.values():
            if call.direction is not None and not call.ended:
                mine = [leg.id for leg in self.legs_of(call) if leg.bridge and self._is_somebody(leg.name)]
                found += mine if len(mine) > 1 else []
        return found

    def _is_somebody(self, name: str) -> bool:
        return self._plan.kind(name) in {Kind.TRUNK, Kind.USER, Kind.AI}

    def _note(self, happening: "h.Happening", now: float) -> set[str]:
        assert not isinstance(happening, h.Everything | h.RecordingOn | h.RecordingOver)
        leg = self._leg(_about(happening))
        touched = {leg.call}
        match happening:
            case h.Created(at, channel):
                if leg.created is None:
                    leg.created, leg.created_at = channel, at
            case h.Dialled(at, by, _, string):
                if leg.dialled_at is None:
                    leg.dialled_at, leg.by, leg.string, leg.dialled_heard = at, by, string, now
                if by is not None:
                    touched |= self._belongs(leg, by)
            case h.Linked(_, _, to):
                touched |= self._belongs(leg, to)
            case h.Changed(at, channel):
                if channel.state == "Ringing" and leg.rang_at is None:
                    leg.rang_at = at
            case h.DialOver(_, _, status):
                leg.status = leg.status or status
            case h.Entered(at, _, bridge):
                touched |= self._enter(leg, bridge, at)
            case h.Left(_, _, bridge):
                self._leave(leg, bridge)
            case h.PassedOn(at, by, whom, exten):
                touched |= self._passed_on(at, by, whom, exten)
            case h.Introduced():
                touched |= self._introduced(happening)
            case h.Gone(at, _, cause, tech):
                self._gone(leg, at, cause, tech, now)
        return touched

    def _compare(self, all_: h.Everything, now: float) -> set[str]:
        """Catch up with what is there. A channel that is missing has gone since we last heard."""
        here = {channel.id for channel in all_.channels}
        touched: set[str] = set()
        for leg in list(self.legs.values()):
            if leg.id not in here and leg.gone_at is None:
                self._gone(leg, all_.at if all_.heard_at is None else all_.heard_at, 0, 0, now)
                touched.add(leg.call)
        for channel in all_.channels:
            leg = self._leg(channel)
            touched.add(leg.call)
            if leg.gone_at is not None:
                continue
            if leg.created is None:
                state = "Down" if is_dialled(channel.application) else "Ring"
                leg.created = _with_state(channel, state)
                leg.created_at = channel.since or _born(channel.id) or all_.at
            if is_dialled(channel.application) and leg.dialled_at is None:
                leg.dialled_at = leg.created_at
            if channel.state == "Ringing" and leg.rang_at is None:
                leg.rang_at = all_.at
            if channel.bridge != leg.bridge and leg.bridge:
                self._leave(leg, leg.bridge)
        for channel in all_.channels:
            if channel.bridge and self.legs[channel.id].gone_at is None:
                touched |= self._enter(self.legs[channel.id], channel.bridge, all_.at)
        return touched

    def _leg(self, channel: h.Channel) -> Leg:
        leg = self.legs.get(channel.id)
        if leg is None:
            call = channel.link or channel.id
            leg = self.legs[channel.id] = Leg(channel.id, channel.name, call, bool(channel.link))
            self.calls.setdefault(call, Call(call)).legs.add(leg.id)
        return leg

    def _gone(self, leg: Leg, at: int, cause: int, tech: int, now: float) -> None:
        if leg.gone_at is None:
            leg.gone_at, leg.cause, leg.tech, leg.gone_heard = at, cause, tech, now
        self._leave(leg, leg.bridge)

    def _enter(self, leg: Leg, bridge: str, at: int) -> set[str]:
        if leg.gone_at is not None:
            leg.joined_at = leg.joined_at or min(at, leg.gone_at)
            return {leg.call}
        if leg.bridge and leg.bridge != bridge:
            self._leave(leg, leg.bridge)
        leg.bridge = bridge
        leg.joined_at = at if leg.joined_at is None else min(leg.joined_at, at)
        inside = self._bridges.setdefault(bridge, set())
        inside.add(leg.id)
        return self._gather(inside, at)

    def gather(self, call: Call) -> None:
        """Adopt who is connected with a call of which it is known only now that it is one of ours."""
        for leg in self.legs_of(call):
            if leg.bridge and leg.joined_at is not None:
                inside = self._bridges.get(leg.bridge, set())
                self._gather(inside, max(self.legs[id_].joined_at or 0 for id_ in inside))

    def _gather(self, inside: set[str], at: int) -> set[str]:
        calls = {self.legs[id_].call for id_ in inside}
        theirs = sorted(id_ for id_ in calls if self.calls[id_].direction is not None)
        if theirs:
            for id_ in sorted(inside):
                if self.calls[self.legs[id_].call].direction is None:
                    self._adopt(self.legs[id_], self.calls[theirs[0]], at)
        return calls

    def _belongs(self, leg: Leg, to: h.Channel) -> set[str]:
        """Whom a channel dials is part of its call, also where Asterisk does not link the two."""
        call = self.calls[self._leg(to).call]
        if leg.adopted and leg.call == call.id:
            leg.adopted = False
        before = self.calls[leg.call]
        if before.id == leg.id != call.id and before.direction is None:
            for one in self.legs_of(before):
                self._move(one, call)
        return {before.id, call.id}

    def _move(self, leg: Leg, call: Call) -> None:
        self.calls[leg.call].legs.discard(leg.id)
        call.legs.add(leg.id)
        leg.call = call.id

    def _adopt(self, leg: Leg, call: Call, at: int) -> None:
        self._move(leg, call)
        leg.adopted, leg.joined_at = True, at

    def _leave(self, leg: Leg, bridge: str) -> None:
        inside = self._bridges.get(bridge)
        if inside is not None:
            inside.discard(leg.id)
            if not inside:
                del self._bridges[bridge]
        if leg.bridge == bridge:
            leg.bridge = ""

    # -- passing on

    def _passed_on(self, at: int, by: h.Channel, whom: h.Channel | None, exten: str) -> set[str]:
        found = [self._leg(channel).call for channel in (whom, by) if channel is not None]
        call = self.calls[next((id_ for id_ in found if self.calls[id_].direction is not None), found[0])]
        move = Move(
            f"transfer:{by.id}:{exten}", at, self._plan.address(by.name), exten, self._plan.extension(exten)
        )
        call.moves.setdefault(move.id, move)
        return {call.id}

    def _introduced(self, said: h.Introduced) -> set[str]:
        def offered(channel: h.Channel | None) -> bool:
            return channel is not None and self.calls[self._leg(channel).call].direction is not None

        whom, target = said.whom, said.target
        if whom is None:
            whom = self._partner(said.by)
        if target is None:
            target = self._partner(said.second)
        if not offered(whom) and offered(target):
            whom, target = target, whom
        if whom is None or target is None:
            return set()
        call = self.calls[self._leg(whom).call]
        kind = self._plan.kind(target.name)
        outside = kind is Kind.TRUNK
        if outside:
            to = number_of(self._leg(target).string) or target.number or resource(target.name)
        elif kind is Kind.LOCAL and is_outside(resource(target.name)):
            outside, to = True, resource(target.name)
        else:
            to = self._plan.address(target.name)
        by = self._plan.address(said.by.name)
        move = Move(f"transfer:{said.by.id}:{target.id}", said.at, by, "", to, outside, True)
        call.moves.setdefault(move.id, move)
        return {call.id}

    def _partner(self, channel: h.Channel) -> h.Channel | None:
        """Who else is in the bridge of `channel`, and is somebody."""
        inside = self._bridges.get(self._leg(channel).bridge, set()) - {channel.id}
        for id_ in sorted(inside):
            leg = self.legs[id_]
            if self._is_somebody(leg.name):
                return h.Channel(leg.id, leg.call, leg.name)
        return None


def _about(happening: h.Happening) -> h.Channel:
    """The channel that a happening is about."""
    if isinstance(happening, h.PassedOn | h.Introduced):
        return happening.by
    assert not isinstance(happening, h.Everything | h.RecordingOn | h.RecordingOver)
    return happening.channel


def _with_state(channel: h.Channel, state: str) -> h.Channel:
    """The same channel in another state."""
    return h.Channel(
        channel.id, channel.link, channel.name, channel.number, channel.exten, channel.context, state
    )


def _born(id_: str) -> int | None:
    """When a channel began, by its id: `1795436378.8`, or `name-1795436378.8`; to the second."""
    seconds = id_.rpartition("-")[2].partition(".")[0]
    return int(seconds) * 1000 if seconds.isascii() and seconds.isdigit() and len(seconds) == 10 else None
