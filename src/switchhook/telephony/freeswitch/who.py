"""Who is who in a call: whose telephone, which trunk, who called whom. Pure."""

from switchhook.telephony.freeswitch.names import Kind, Plan, number_of, resource
from switchhook.telephony.freeswitch.picture import Picture
from switchhook.telephony.freeswitch.tree import Call, Leg
from switchhook.workspace.facts import Direction, LegKind


class Who:
    """What the settings make of the channels of a picture."""

    def __init__(self, plan: Plan, picture: Picture) -> None:
        self.plan = plan
        self.picture = picture

    def kind(self, leg: Leg) -> Kind | None:
        """What a channel is; None before it has begun."""
        return self.plan.kind(leg.created) if leg.created is not None else None

    def somebody(self, leg: Leg) -> bool:
        """Whether a person, a trunk or an AI agent is at its end."""
        return self.kind(leg) in {Kind.TRUNK, Kind.USER, Kind.AI}

    def is_leg(self, call: Call, leg: Leg) -> bool:
        """Whether facts are told of it by itself: not of the one that the call began with."""
        if leg.id == call.leg:
            # A trunk that FreeSWITCH itself called is both the beginning and whoever answers.
            return call.direction is Direction.OUTBOUND and self.kind(leg) is Kind.TRUNK
        return self.somebody(leg)

    def talked_at(self, call: Call, leg: Leg) -> int | None:
        """When somebody was first talked to there.

        It is enough that a trunk answers that FreeSWITCH itself called: it may be connected with a program. Whoever is
        called is connected as soon as there is something to hear (183), and talked to once it has answered too.
        """
        if leg.id == call.leg:
            return leg.answered_at
        if leg.created is None or not leg.created.outbound or leg.joined_at is None:
            return leg.joined_at
        return max(leg.joined_at, leg.answered_at) if leg.answered_at is not None else None

    def leg_kind(self, call: Call, leg: Leg) -> LegKind:
        """The kind of a leg in facts."""
        match self.kind(leg):
            case Kind.AI:
                return LegKind.AI
            case Kind.TRUNK:
                passed_on = call.direction is Direction.INBOUND or self._after_transfer(call, leg)
                return LegKind.FORWARD if passed_on else LegKind.OUTSIDE
        return LegKind.USER

    def target(self, leg: Leg) -> str:
        """The number or address of a leg in facts."""
        channel = leg.created
        if channel is None:
            return leg.id
        if self.kind(leg) is not Kind.TRUNK:
            return self.plan.address(channel)
        if not channel.outbound:
            return number_of(channel.number) or resource(channel.name)
        return number_of(channel.exten) or number_of(resource(channel.name)) or resource(channel.name)

    def who_calls(self, call: Call, trunk: Leg) -> Leg | None:
        """The user's telephone that calls out by `trunk`; None when it is none, or that cannot be said yet."""
        by = self.picture.legs.get(trunk.by)
        if by is not None and self.kind(by) is Kind.USER:
            return by
        root = self.picture.legs.get(call.id)
        if root is None or root.created is None or root.id == trunk.id or self.kind(root) is Kind.TRUNK:
            return None
        users = [leg for leg in self.picture.legs_of(call) if self.kind(leg) is Kind.USER]
        return min(users, key=lambda leg: (leg.began_at, leg.id), default=None)

    def _after_transfer(self, call: Call, leg: Leg) -> bool:
        """Whether a trunk was called after a user had left an outbound call to others."""
        return any(
            entry.kind == "bl_xfer" and other.id == leg.by and leg.began_at >= entry.at
            for other in self.picture.legs_of(call)
            if other.joined_at is not None
            for entry in other.entries.values()
            if entry.at >= other.joined_at
        )
