"""What Twilio posts in the course of a call, as it documents it, with the times of a made-up day."""

from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from tests.workspace.telling import OUTSIDE, START

SID = "AC0123456789"
CALL = "CA" + "1" * 32
OURS = "+33123456789"
ANNA, BEN = "sip:anna@acme.sip.twilio.com", "client:ben"
COMMON = {"AccountSid": SID, "ApiVersion": "2010-04-01"}


def leg_sid(address: str) -> str:
    """The CallSid of the telephone that is dialled."""
    return "CA" + format(sum(address.encode()), "x").rjust(32, "2")


def stamp(seconds: float) -> str:
    """The time so many seconds into the call."""
    return format_datetime(datetime.fromtimestamp(START / 1000 + seconds, UTC))


def comes_in(**more: str) -> dict[str, str]:
    """Somebody calls: the number's voice webhook."""
    return {
        **COMMON,
        "CallSid": CALL,
        "CallStatus": "ringing",
        "Direction": "inbound",
        "From": OUTSIDE,
        "Caller": OUTSIDE,
        "To": OURS,
        "Called": OURS,
        "FromCountry": "FR",
        "FromCity": "",
        "CallerName": "",
        **more,
    }


def calls_out(**more: str) -> dict[str, str]:
    """A telephone that is registered at Twilio calls: the voice webhook of its SIP domain."""
    to = f"sip:{OUTSIDE}@acme.sip.twilio.com"
    return comes_in(**{"From": ANNA, "Caller": ANNA, "To": to, "Called": to, **more})


def progress(address: str, status: str, at: float, seconds: int | None = None) -> dict[str, str]:
    """What becomes of a telephone that is dialled."""
    form = {
        **COMMON,
        "CallSid": leg_sid(address),
        "ParentCallSid": CALL,
        "CallStatus": status,
        "CallbackSource": "call-progress-events",
        "Direction": "outbound-dial",
        "From": OUTSIDE,
        "To": address,
        "Timestamp": stamp(at),
        "SequenceNumber": {"initiated": "0", "ringing": "1", "in-progress": "2"}.get(status, "3"),
    }
    return form if seconds is None else {**form, "CallDuration": str(seconds), "Duration": "1"}


def is_over(status: str, at: float, seconds: int = 0, /, **more: str) -> dict[str, str]:
    """What became of the whole call: the number's status callback."""
    return comes_in(
        CallStatus=status,
        CallDuration=str(seconds),
        Timestamp=stamp(at),
        SequenceNumber="0",
        CallbackSource="call-progress-events",
        **more,
    )


def dialled(outcome: str, **more: str) -> dict[str, str]:
    """The telephones have rung."""
    return comes_in(CallStatus="in-progress", DialCallStatus=outcome, DialBridged="false", **more)


def recording(status: str = "completed", **more: Any) -> dict[str, str]:
    """A recording is ready."""
    return {
        "AccountSid": SID,
        "CallSid": CALL,
        "RecordingSid": "RE" + "a" * 32,
        "RecordingUrl": f"https://api.twilio.com/2010-04-01/Accounts/{SID}/Recordings/RE{'a' * 32}",
        "RecordingStatus": status,
        "RecordingDuration": "20",
        "RecordingChannels": "2",
        "RecordingSource": "DialVerb",
        "RecordingStartTime": stamp(4),
        "ErrorCode": "0",
        **more,
    }
