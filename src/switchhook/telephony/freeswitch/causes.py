"""Why a leg ended that nobody answered, from FreeSWITCH's cause of the hang-up. Pure."""

from switchhook.workspace.facts import EndCause

CANCELLED = "ORIGINATOR_CANCEL"

_UNREACHABLE = (
    "UNALLOCATED_NUMBER",
    "NO_ROUTE_TRANSIT_NET",
    "NO_ROUTE_DESTINATION",
    "SUBSCRIBER_ABSENT",
    "USER_NOT_REGISTERED",
    "NUMBER_CHANGED",
    "DESTINATION_OUT_OF_ORDER",
    "INVALID_NUMBER_FORMAT",
    "NORMAL_CIRCUIT_CONGESTION",
    "NETWORK_OUT_OF_ORDER",
    "NORMAL_TEMPORARY_FAILURE",
    "SWITCH_CONGESTION",
    "REQUESTED_CHAN_UNAVAIL",
    "SERVICE_UNAVAILABLE",
    "EXCHANGE_ROUTING_ERROR",
    "DOES_NOT_EXIST_ANYWHERE",
    "GATEWAY_DOWN",
    "INVALID_GATEWAY",
    "INVALID_URL",
    "INVALID_PROFILE",
    "NO_PICKUP",
)
_CAUSES = dict.fromkeys(_UNREACHABLE, EndCause.UNREACHABLE) | {
    "NORMAL_CLEARING": EndCause.CANCELLED,  # hung up without more ado
    CANCELLED: EndCause.CANCELLED,
    "USER_BUSY": EndCause.BUSY,
    "BUSY_EVERYWHERE": EndCause.BUSY,
    "CALL_REJECTED": EndCause.DECLINED,
    "DECLINE": EndCause.DECLINED,  # what a 603 is since 1.10
    "UNWANTED": EndCause.DECLINED,
    "REJECT_ALL": EndCause.DECLINED,
    "NO_ANSWER": EndCause.NO_ANSWER,
    "NO_USER_RESPONSE": EndCause.NO_ANSWER,
    "ALLOTTED_TIMEOUT": EndCause.NO_ANSWER,
    "PROGRESS_TIMEOUT": EndCause.NO_ANSWER,
    "LOSE_RACE": EndCause.ANSWERED_ELSEWHERE,
    "PICKED_OFF": EndCause.ANSWERED_ELSEWHERE,
}
UNSURE = frozenset(
    {"", "NORMAL_CLEARING", CANCELLED, "NO_ANSWER"}
)  # where another telephone may have got the call


_TIMER = "RECOVERY_ON_TIMER_EXPIRE"  # no answer to what was sent, or a 408 from who had let it ring


def unanswered(cause: str, *, rang: bool) -> EndCause:
    """Of a leg that nobody answered; whether it `rang`."""
    if cause == _TIMER:
        return EndCause.NO_ANSWER if rang else EndCause.UNREACHABLE
    return _CAUSES.get(cause, EndCause.FAILED)
