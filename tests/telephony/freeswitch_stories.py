"""Calls as FreeSWITCH tells of them, by what happens in them, and what becomes of each."""

from collections.abc import Callable

from switchhook.events import CallResult
from tests.telephony.freeswitch_world import BEGAN, FRIEND, Switch

ATTENDED = {"variable_endpoint_disposition": "ATTENDED_TRANSFER"}
BLIND = {"variable_endpoint_disposition": "BLIND_TRANSFER"}
MESSAGE = {"Event-Calling-File": "switch_ivr_play_say.c"}
ROOM = {"Conference-Name": "100", "Conference-Unique-ID": "r1"}

ANSWERED, FAILED = CallResult.ANSWERED, CallResult.FAILED
OUTSIDE = CallResult.TRANSFERRED_EXTERNAL
JANE, OMAR = "jane@example.com", "omar@example.com"


def ended(a: str, b: str) -> dict[str, str]:
    return {"Bridge-A-Unique-ID": a, "Bridge-B-Unique-ID": b}


def early(switch: Switch) -> Switch:
    """A network plays something before it answers."""
    switch.phone("a", "101", FRIEND).at(1).calls_out("a", "b").at(3).says("CHANNEL_PROGRESS_MEDIA", "b")
    switch.bridges("a", "b").at(12).answers("b").answers("a").at(22).hangs_up("b").hangs_up("a")
    return switch.says("CHANNEL_UNBRIDGE", "a", **ended("a", "b"))


def early_and_given_up(switch: Switch) -> Switch:
    switch.inbound().at(1).calls("a", "b", "101").at(3).says("CHANNEL_PROGRESS_MEDIA", "b").bridges("a", "b")
    return switch.at(30).hangs_up("a", "ORIGINATOR_CANCEL").hangs_up("b")


def together(switch: Switch) -> Switch:
    switch.inbound().calls("a", "b", "101").calls("a", "c", "102").at(1).rings("b").rings("c")
    return switch.at(5).talk("a", "c").hangs_up("b", "LOSE_RACE").at(30).hangs_up("c").hangs_up("a")


def in_turn(switch: Switch) -> Switch:
    switch.inbound().calls("a", "b", "101").at(1).rings("b").at(20).hangs_up("b", "NO_ANSWER")
    switch.at(20.2).calls("a", "c", "102").at(25).talk("a", "c")
    return switch.at(40).hangs_up("c").hangs_up("a")


def declined(switch: Switch) -> Switch:
    switch.inbound().calls("a", "b", "101").at(1).rings("b").at(5).hangs_up("b", "DECLINE")
    return switch.at(7).hangs_up("a", "DECLINE")


def sent_on(switch: Switch) -> Switch:
    switch.inbound().sent("a", "101", "r").calls("a", "b", "101").at(2).talk("a", "b")
    switch.at(10).hangs_up("b", **BLIND).sent("a", "102").at(10.5).calls("a", "c", "102")
    return switch.at(14).talk("a", "c").at(30).hangs_up("c").hangs_up("a")


def sent_on_by_who_called_out(switch: Switch) -> Switch:
    switch.phone("a", "101", FRIEND).calls_out("a", "b").at(2).talk("a", "b")
    switch.at(10).hangs_up("a", "BLIND_TRANSFER").sent("b", "102").calls("b", "c", "102")
    return switch.at(12).talk("b", "c").at(30).hangs_up("c").hangs_up("b")


def handed_over(switch: Switch) -> Switch:
    """After a word with the colleague. Only the consultation is marked, as it is with WebRTC telephones."""
    switch.inbound().calls("a", "b", "101").at(2).talk("a", "b")
    switch.at(5).phone("c", "101", "102").calls("c", "d", "102").at(7).talk("c", "d")
    switch.at(10).joined("a", "d", f"{BEGAN // 1000 + 10}:h:att_xfer:101@example.com/102@example.com")
    return switch.hangs_up("b").hangs_up("c", **ATTENDED).at(30).hangs_up("d").hangs_up("a")


def handed_over_while_it_rings(switch: Switch) -> Switch:
    """The caller hears music until the colleague answers; nothing in its history says who did it."""
    switch.inbound().calls("a", "b", "101").at(2).talk("a", "b")
    switch.at(5).phone("c", "101", "102").calls("c", "d", "102").at(6).rings("d")
    switch.at(8).sent("a", "endless_playback:local_stream://moh,park").hangs_up("b").hangs_up("c", **ATTENDED)
    return switch.at(11).answers("d").joined("a", "d").at(30).hangs_up("d").hangs_up("a")


def queue(switch: Switch) -> Switch:
    switch.inbound().at(1).calls("", "b", "101").rings("b").at(5).answers("b").at(5.1).joined("a", "b")
    return switch.at(15).hangs_up("a").hangs_up("b")


def picked_up(switch: Switch) -> Switch:
    switch.inbound().calls("a", "b", "101").at(1).rings("b").at(3).phone("c", "102", "*8")
    switch.at(3.3).hangs_up("b", "PICKED_OFF").answers("c").answers("a").joined("c", "a")
    return switch.at(13).hangs_up("a").hangs_up("c")


def by_itself(switch: Switch) -> Switch:
    """By a call of FreeSWITCH to itself, whose halves step aside when everybody talks."""
    switch.inbound()
    halves = ("variable_other_loopback_leg_uuid", "variable_originator")
    switch.new("la", "loopback/101-a", "outbound", **dict(zip(halves, ("lb", "a"), strict=True)))
    switch.new("lb", "loopback/101-b", **{halves[0]: "la", "Caller-Context": "default"})
    switch.calls("lb", "b", "101").at(1).rings("la").rings("b").at(4).talk("lb", "b").talk("a", "la")
    switch.becomes("a", **{halves[0]: "lb"}).at(5.2).joined("a", "b").hangs_up("la", "BOWOUT")
    return switch.hangs_up("lb", "BOWOUT").at(24).hangs_up("b").hangs_up("a")


def conference(switch: Switch) -> Switch:
    name = "conference::maintenance"
    switch.inbound().answers("a").custom(name, "a", Action="add-member", **ROOM)
    switch.at(4).phone("b", "102", "100").answers("b").custom(name, "b", Action="add-member", **ROOM)
    switch.at(14).custom(name, "b", Action="del-member", **ROOM).hangs_up("b")
    return switch.at(15).hangs_up("a")


def mailbox(switch: Switch) -> Switch:
    switch.inbound().calls("a", "b", "101").at(9).hangs_up("b", "NO_ANSWER").at(12).answers("a")
    switch.records("a", "/vm/1.wav", "RECORD_START", **MESSAGE).at(20)
    return switch.records("a", "/vm/1.wav", variable_record_ms="7900", **MESSAGE).hangs_up("a")


def begun_by_a_program(switch: Switch) -> Switch:
    switch.calls("", "a", "101").at(2).answers("a").at(3).calls_out("a", "b")
    return switch.at(8).talk("a", "b").at(20).hangs_up("b").hangs_up("a")


def forwarded(switch: Switch) -> Switch:
    switch.inbound().calls_out("a", "b").at(1).says("CHANNEL_PROGRESS_MEDIA", "b").bridges("a", "b")
    return switch.at(6).answers("b").answers("a").at(16).hangs_up("b").hangs_up("a")


Story = Callable[[Switch], Switch]

STORIES: dict[Story, tuple[CallResult, str, str, str | None]] = {
    # the result, the length, the user, and whom they passed it on to
    early: (ANSWERED, "10s", JANE, None),
    early_and_given_up: (FAILED, "0s", JANE, None),
    together: (ANSWERED, "25s", OMAR, None),
    in_turn: (ANSWERED, "15s", OMAR, None),
    declined: (FAILED, "0s", JANE, None),
    sent_on: (ANSWERED, "28s", JANE, OMAR),
    sent_on_by_who_called_out: (ANSWERED, "28s", JANE, OMAR),
    handed_over: (ANSWERED, "28s", JANE, OMAR),
    handed_over_while_it_rings: (ANSWERED, "28s", JANE, OMAR),
    queue: (ANSWERED, "10s", JANE, None),
    picked_up: (ANSWERED, "10s", OMAR, None),
    by_itself: (ANSWERED, "20s", JANE, None),
    conference: (ANSWERED, "11s", OMAR, None),
    mailbox: (FAILED, "0s", JANE, None),
    begun_by_a_program: (ANSWERED, "12s", JANE, None),
    forwarded: (OUTSIDE, "10s", JANE, None),
}
