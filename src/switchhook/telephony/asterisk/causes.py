"""Why a leg ended, from what the dialling came to and the cause of the hang-up. Pure."""

from switchhook.workspace.facts import EndCause

ELSEWHERE = 26

_CAUSES = {
    1: EndCause.UNREACHABLE,  # unallocated number
    2: EndCause.UNREACHABLE,
    3: EndCause.UNREACHABLE,  # no route
    16: EndCause.CANCELLED,  # hung up without more ado
    17: EndCause.BUSY,
    18: EndCause.NO_ANSWER,
    19: EndCause.NO_ANSWER,
    20: EndCause.UNREACHABLE,  # not registered
    21: EndCause.DECLINED,
    22: EndCause.UNREACHABLE,
    ELSEWHERE: EndCause.ANSWERED_ELSEWHERE,
    27: EndCause.UNREACHABLE,
    34: EndCause.UNREACHABLE,  # no circuit
    38: EndCause.UNREACHABLE,
}
_STATUSES = {
    "BUSY": EndCause.BUSY,
    "CANCEL": EndCause.CANCELLED,
    "NOANSWER": EndCause.NO_ANSWER,
    "CHANUNAVAIL": EndCause.UNREACHABLE,
    "DONTCALL": EndCause.DECLINED,
    "TORTURE": EndCause.DECLINED,
}
CANCELLED = 487  # of SIP: the caller gave up


def unanswered(status: str, cause: int, tech: int) -> EndCause:
    """Of a leg that nobody answered. What is certain comes first: a phone that declines is also `NOANSWER`."""
    if cause in {17, 21, ELSEWHERE}:
        return _CAUSES[cause]
    if tech == CANCELLED:
        return EndCause.CANCELLED
    return _STATUSES.get(status) or _CAUSES.get(cause) or EndCause.FAILED
