"""The calls: who rings whom, who says what, and what has to be told of it."""

from dataclasses import dataclass, field
from typing import Any

MARIE, PAUL, OUTSIDE, SECOND = "+33612345678", "+33698765432", "+33611223344", "+33611223355"


@dataclass(frozen=True)
class Phone:
    """A telephone of one of our users. `does` are options of the scripted telephone; `say` a sentence, after silence.

    `off`: it is not there at all.
    """

    does: tuple[str, ...] = ("--answer", "0.3")
    say: str = ""
    after: float = 0.0
    off: bool = False


@dataclass(frozen=True)
class Caller:
    """Who rings us, or the user's telephone that rings out. `number` is who they are."""

    number: str = MARIE
    does: tuple[str, ...] = ("--hang-up",)
    say: str = ""
    after: float = 0.0
    sipp: str = ""  # a scenario of sipp in place of a scripted telephone
    foreign: bool = False  # a stack of other people in place of ours
    order: bool = False  # nobody: the call is ordered over HTTP, and the first user's telephone rings


@dataclass(frozen=True)
class Script:
    """A call. `phones` are those of the number's users in order, `trunk` what is at the other end of the trunk."""

    name: str
    result: str | None
    caller: Caller = field(default_factory=Caller)
    phones: tuple[Phone, ...] = ()
    number: str = ""  # settings of the number, as TOML
    more: str = ""  # of the configuration
    trunk: Phone | None = None
    outbound: str = ""  # the number that the first user rings
    extension: str = ""  # of the second user
    to: str = ""  # what is rung in place of the number
    sides: tuple[
        tuple[str, str, float], ...
    ] = ()  # who said which sentence, after so many seconds of their talk
    expect: dict[str, Any] = field(default_factory=dict)  # fields of call.completed
    ivr: tuple[tuple[str, str], ...] = ()
    received: bool = True  # whether call.received, or call.triggered, is told


def both(external: str = "phone", user: str = "service") -> tuple[tuple[str, str, float], ...]:
    """Two who talk one after the other."""
    return (("EXTERNAL", external, 0.0), ("USER", user, 0.0))


TALK = Caller(does=("--talk", "13"), say="phone")
ANSWERS = Phone(say="service", after=5.0)
MESSAGE = Caller(does=("--talk", "14"), say="leader", after=8.0)  # after the greeting and the beep
NOBODY = Phone(does=("--ring-only",))
BUSY = Phone(does=("--refuse",))
OFF = Phone(off=True)
MENU = """
[[menus]]
name = "NAME"
greeting = "say For sales press one, for support press two."
seconds = 2
tries = 2
KEYS
"""


def menu(name: str, **keys: str) -> str:
    """A menu, as TOML; keys are given as `k1`."""
    lines = [
        f'{key[1:]} = {{ label = "{key.upper()}", do = {do} }}' for key, do in keys.items() if key[0] == "k"
    ]
    more = "".join(f"{key} = {do}\n" for key, do in keys.items() if key[0] != "k")
    return MENU.replace("NAME", name).replace("KEYS", more + "[menus.keys]\n" + "\n".join(lines))


def presses(keys: str, **more: Any) -> Caller:
    """Somebody who hears a menu, presses keys, and says a sentence later."""
    return Caller(does=("--press", keys, "--press-after", "1.5", "--talk", "14"), **more)


SCRIPTS: tuple[Script, ...] = (
    Script("answered", "ANSWERED", TALK, (ANSWERS,), sides=both()),
    Script(
        "answered, our side hangs up",
        "ANSWERED",
        Caller(does=("--talk", "40"), say="person"),
        (Phone(does=("--answer", "0.3", "--hang-up"), say="only", after=7.0),),
        sides=both("person", "only"),
    ),
    Script("answered on the second telephone", "ANSWERED", TALK, (NOBODY, ANSWERS), sides=both()),
    Script(
        "answered, one busy and one off",
        "ANSWERED",
        TALK,
        (BUSY, OFF, Phone(say="sorry", after=5.0)),
        sides=both("phone", "sorry"),
    ),
    Script(
        "in turn, the second answers",
        "ANSWERED",
        TALK,
        (NOBODY, ANSWERS),
        number='ring = "in turn"\nring_seconds = 2',
        sides=both(),
    ),
    Script(
        "answered, a stack of other people calls",
        "ANSWERED",
        Caller(does=("13",), say="leader", foreign=True),
        (Phone(say="busy", after=5.0),),
        sides=both("leader", "busy"),
    ),
    Script(
        "Opus calls G.711",
        "ANSWERED",
        Caller(does=("--talk", "13", "--codecs", "opus"), say="phone"),
        (ANSWERS,),
        sides=both(),
    ),
    Script(
        "held and resumed",
        "ANSWERED",
        Caller(does=("--talk", "16"), say="phone"),
        (Phone(does=("--answer", "0.3", "--then", "5", "--hold", "3"), say="service", after=9.0),),
        sides=(("EXTERNAL", "phone", 0.0),),
    ),
    Script(
        "not answered",
        "FAILED",
        Caller(does=("--talk", "20")),
        (NOBODY,),
        number="ring_seconds = 2\nvoicemail = false",
    ),
    Script("busy", "FAILED", Caller(does=("--talk", "20")), (BUSY,), number="voicemail = false"),
    Script("all off", "FAILED", Caller(does=("--talk", "20")), (OFF,), number="voicemail = false"),
    Script(
        "given up by the caller",
        "FAILED",
        Caller(sipp="caller_cancels"),
        (NOBODY,),
        number="ring_seconds = 20",
    ),
    Script(
        "voicemail",
        "VOICEMAIL",
        MESSAGE,
        (NOBODY,),
        number="ring_seconds = 2",
        sides=(("EXTERNAL", "leader", 0.0),),
    ),
    Script("voicemail, busy", "VOICEMAIL", MESSAGE, (BUSY,), sides=(("EXTERNAL", "leader", 0.0),)),
    Script("voicemail, nothing said", "FAILED", Caller(does=("--talk", "4.5")), (BUSY,)),
    Script(
        "blocked",
        "BLOCKED",
        Caller(number="+33899123456", does=("--talk", "20")),
        (ANSWERS,),
        number='block = ["+33899*"]',
        received=False,
    ),
    Script(
        "blocked, without a number",
        "BLOCKED",
        Caller(number="anonymous", does=("--talk", "20")),
        (ANSWERS,),
        number='block = ["anonymous"]',
        received=False,
    ),
    Script(
        "not blocked, since it is allowed",
        "ANSWERED",
        TALK,
        (ANSWERS,),
        number='block = ["*"]\nallow = ["+336*"]',
        sides=both(),
    ),
    Script("a number that is not ours", "FAILED", Caller(does=("--talk", "20")), to="+33199999999"),
    Script(
        "closed, announced",
        "FAILED",
        Caller(does=("--talk", "20")),
        (ANSWERS,),
        number='closed = "say We are closed."\n[numbers.hours]\nzone = "Europe/Paris"\nopen = ["mon 00:00-00:01"]',
    ),
    Script(
        "closed, voicemail",
        "VOICEMAIL",
        MESSAGE,
        (ANSWERS,),
        number='closed = "voicemail"\n[numbers.hours]\nzone = "Europe/Paris"\nopen = ["mon 00:00-00:01"]',
        sides=(("EXTERNAL", "leader", 0.0),),
    ),
    Script(
        "menu, first choice",
        "ANSWERED",
        presses("1"),
        (Phone(say="service", after=1.0), OFF),
        number='answer = "menu one"',
        more=menu("one", k1='"ring U0"', k2='"ring U1"'),
        ivr=(("1", "K1"),),
        sides=(("USER", "service", 0.0),),
    ),
    Script(
        "menu, second choice",
        "ANSWERED",
        presses("2"),
        (OFF, Phone(say="only", after=1.0)),
        number='answer = "menu two"',
        more=menu("two", k1='"ring U0"', k2='"ring U1"'),
        ivr=(("2", "K2"),),
        sides=(("USER", "only", 0.0),),
    ),
    Script(
        "menu in a menu",
        "ANSWERED",
        presses("21"),
        (Phone(say="sorry", after=1.0),),
        number='answer = "menu three"',
        more=menu("three", k2='"menu four"') + menu("four", k1='"ring U0"'),
        ivr=(("2", "K2"), ("1", "K1")),
        sides=(("USER", "sorry", 0.0),),
    ),
    Script(
        "menu, hung up",
        "FAILED",
        Caller(does=("--talk", "1.5")),
        (ANSWERS,),
        number='answer = "menu five"',
        more=menu("five", k1='"ring U0"'),
    ),
    Script(
        "menu, no such choice, then rings",
        "ANSWERED",
        presses("9"),
        (Phone(say="service", after=1.0),),
        number='answer = "menu six"',
        more=menu("six", k1='"hang up"', otherwise='"ring"'),
        sides=(("USER", "service", 0.0),),
    ),
    Script(
        "menu, voicemail",
        "VOICEMAIL",
        Caller(does=("--press", "1", "--press-after", "1.5", "--talk", "16"), say="leader", after=9.0),
        (ANSWERS,),
        number='answer = "menu seven"',
        more=menu("seven", k1='"voicemail"'),
        ivr=(("1", "K1"),),
    ),
    Script(
        "menu, hang up",
        "FAILED",
        presses("1"),
        (ANSWERS,),
        number='answer = "menu eight"',
        more=menu("eight", k1='"hang up"'),
        ivr=(("1", "K1"),),
    ),
    Script(
        "forwarded when nobody answers",
        "TRANSFERRED_EXTERNAL",
        TALK,
        (NOBODY,),
        number=f'ring_seconds = 2\nno_answer = "forward {OUTSIDE}"',
        trunk=Phone(say="hold", after=5.0),
        expect={"transfer_to.number": OUTSIDE},
        sides=(("EXTERNAL", "phone", 0.0),),
    ),
    Script(
        "forwarded when busy",
        "TRANSFERRED_EXTERNAL",
        TALK,
        (BUSY,),
        number=f'busy = "forward {OUTSIDE}"',
        trunk=Phone(say="hold", after=5.0),
        expect={"transfer_to.number": OUTSIDE},
        sides=(("EXTERNAL", "phone", 0.0),),
    ),
    Script(
        "forwarded, nobody there either",
        "VOICEMAIL",
        Caller(does=("--talk", "18"), say="leader", after=9.0),
        (BUSY,),
        number=f'busy = ["forward {OUTSIDE}", "voicemail"]',
        trunk=BUSY,
        sides=(("EXTERNAL", "leader", 0.0),),
    ),
    Script(
        "an AI agent",
        "TRANSFERRED_AI",
        TALK,
        (OFF,),
        number='answer = "agent robot"',
        more='[[agents]]\nname = "robot"\nuri = "sip:robot@TRUNK"\n',
        trunk=Phone(say="next", after=5.0),
    ),
    Script(
        "passed on to a colleague",
        "ANSWERED",
        Caller(does=("--talk", "18"), say="phone"),
        (Phone(does=("--answer", "0.3", "--then", "4", "--refer", "sip:P1")), Phone(say="only", after=2.0)),
        number='ring_seconds = 10\nusers = ["U0"]',
        expect={"transfer_to.user_email": "U1", "transfer_from.user_email": "U0"},
        sides=both("phone", "only"),
    ),
    Script(
        "passed on to an outside number",
        "TRANSFERRED_EXTERNAL",
        Caller(does=("--talk", "18"), say="phone"),
        (Phone(does=("--answer", "0.3", "--then", "4", "--refer", f"sip:{SECOND}@LINE")),),
        trunk=Phone(say="hold", after=2.0),
        expect={"transfer_to.number": SECOND, "transfer_from.user_email": "U0"},
        sides=(("EXTERNAL", "phone", 0.0),),
    ),
    Script(
        "passed on to somebody busy comes back",
        "ANSWERED",
        Caller(does=("--talk", "16"), say="phone"),
        (Phone(does=("--answer", "0.3", "--then", "4", "--refer", "sip:P1"), say="service", after=9.0), BUSY),
        number='users = ["U0"]',
        expect={"transfer_to.user_email": None},
        sides=both(),
    ),
    Script(
        "out, answered",
        "ANSWERED",
        Caller(does=("--talk", "13"), say="service"),
        (),
        trunk=Phone(say="phone", after=5.0),
        outbound=PAUL,
        sides=both(),
    ),
    Script("out, busy", "FAILED", Caller(does=("--talk", "20")), (), trunk=BUSY, outbound=PAUL),
    Script("out, not answered", "FAILED", Caller(does=("--lifetime", "5")), (), trunk=NOBODY, outbound=PAUL),
    Script("out, nobody at the trunk", "FAILED", Caller(does=("--talk", "20")), (), trunk=OFF, outbound=PAUL),
    Script(
        "connected after a question",
        "ANSWERED",
        Caller(does=("--talk", "20"), say="phone"),
        (
            Phone(does=("--answer", "0.3", "--then", "5", "--consult", "sip:900N@LINE")),
            Phone(say="only", after=6.0),
        ),
        number='users = ["U0"]',
        extension="900N",
        expect={"transfer_to.user_email": "U1", "transfer_from.user_email": "U0"},
        sides=both("phone", "only"),
    ),
    Script(
        "by order over HTTP",
        "ANSWERED",
        Caller(order=True),
        (Phone(does=("--answer", "0.3", "--talk", "13"), say="service"),),
        trunk=Phone(say="phone", after=5.0),
        outbound=PAUL,
        sides=both(),
    ),
    Script(
        "by order, the user does not answer",
        "FAILED",
        Caller(order=True),
        (BUSY,),
        outbound=PAUL,
    ),
)
