"""Why a leg ended, from SIP status codes (RFC 3261, 21) and our own knowledge. Pure."""

from collections.abc import Iterable

from switchhook.workspace.facts import EndCause

_BY_STATUS = {
    486: EndCause.BUSY,
    600: EndCause.BUSY,
    603: EndCause.DECLINED,
    404: EndCause.UNREACHABLE,
    410: EndCause.UNREACHABLE,
    484: EndCause.UNREACHABLE,
    500: EndCause.UNREACHABLE,
    502: EndCause.UNREACHABLE,
    503: EndCause.UNREACHABLE,
    504: EndCause.UNREACHABLE,
    604: EndCause.UNREACHABLE,
}

_STATUS = {
    EndCause.BUSY: 486,
    EndCause.DECLINED: 603,
    EndCause.NO_ANSWER: 480,
    EndCause.UNREACHABLE: 404,
    EndCause.BLOCKED: 403,
}

# Of several telephones that did not answer, what a person would say about the call as a whole: a refusal by somebody
# tells more than a telephone that just rang, and that more than one that was switched off.
_TELLING = (
    EndCause.DECLINED,
    EndCause.BUSY,
    EndCause.NO_ANSWER,
    EndCause.FAILED,
    EndCause.UNREACHABLE,
)


def unanswered(status: int | None, rang: bool) -> EndCause:
    """Why a leg that was dialled and never answered is gone.

    Time-outs (408) and "temporarily unavailable" (480) are nobody answering if it had rung, and nobody there if not.
    """
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status in {408, 480}:
        return EndCause.NO_ANSWER if rang else EndCause.UNREACHABLE
    if status is None and not rang:
        return EndCause.UNREACHABLE
    return EndCause.FAILED


def refusal(cause: EndCause) -> int:
    """The SIP status by which somebody is told that it came to nothing."""
    return _STATUS.get(cause, 500)


def outcome(causes: Iterable[EndCause]) -> EndCause:
    """The one cause that stands for a ring of several telephones; `UNREACHABLE` when there was none to ring."""
    found = set(causes)
    return next((cause for cause in _TELLING if cause in found), EndCause.UNREACHABLE)
