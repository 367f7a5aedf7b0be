"""What is told beside the catalogue of nine, to the endpoints that name it in their topics: an example of each.

`call.answered` is the phone API's own, as its receivers know it; `call.missed`, `call.transcribed` and
`summary.updated` are ours.
"""

from typing import Any, Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType

from switchhook.events.payloads import CallType, Company, Deal, Speaker, Timestamp, TranscriptLine
from switchhook.events.values import Person


class CallAnswered(Struct, frozen=True, kw_only=True):
    """Somebody has answered a call: one of us an inbound one, the other side an outbound one."""

    from_number: str
    to_number: str
    direction: CallType
    started_at: Timestamp
    answered_at: Timestamp
    user_email: str


class CallMissed(Struct, frozen=True, kw_only=True):
    """An inbound call is over and none of us answered it. `voicemail`: the caller has left a message."""

    call_id: str
    from_number: str
    to_number: str
    started_at: Timestamp
    ended_at: Timestamp
    user_email: str
    voicemail: bool
    person: Person | UnsetType | None = UNSET
    company: Company | None
    deals: list[Deal] | None


class CallTranscribed(Struct, frozen=True, kw_only=True):
    """A call's recording was transcribed. It comes after the call's `call.completed`, which has it or was early.

    `language` is a code like `en`. `summary_engine` is `extractive` when the summary is made of sentences of the
    transcript, `openai` when a language model wrote it, null without a summary.
    """

    call_id: str
    language: str | None
    transcriptions: list[TranscriptLine]
    concatenated_transcript: str
    summary: str
    summary_engine: Literal["extractive", "openai"] | None
    data_collected: dict[str, Any]
    transcribed_at: Timestamp


class SummaryUpdated(Struct, frozen=True, kw_only=True):
    """The summary of a call was written anew. `version` grows with every change; `updated_by` is null for a machine."""

    call_id: str
    content: str | None
    version: int
    updated_at: Timestamp
    updated_by: str | None


FurtherData = CallAnswered | CallMissed | CallTranscribed | SummaryUpdated
"""The data of any of these."""

_ANSWERED = CallAnswered(
    from_number="+33612345678",
    to_number="+33112345678",
    direction=CallType.INBOUND,
    started_at="2025-03-15T14:30:00.000Z",
    answered_at="2025-03-15T14:30:07.300Z",
    user_email="anna@example.com",
)
_MISSED = CallMissed(
    call_id="cll_02sTn4pXc7ZkQy1mJe8RwG",
    from_number="+33612345678",
    to_number="+33112345678",
    started_at="2025-03-15T14:30:00.000Z",
    ended_at="2025-03-15T14:30:25.000Z",
    user_email="anna@example.com",
    voicemail=True,
    company=None,
    deals=None,
)
_TRANSCRIBED = CallTranscribed(
    call_id="cll_02sTn4pXc7ZkQy1mJe8RwG",
    language="en",
    transcriptions=[
        TranscriptLine(
            source=Speaker.EXTERNAL,
            time="2025-03-15T14:30:08.100Z",
            text="Hi, I have a question about my last invoice.",
        ),
        TranscriptLine(
            source=Speaker.USER,
            time="2025-03-15T14:30:12.400Z",
            text="Of course, let me pull up your account.",
        ),
    ],
    concatenated_transcript="Hi, I have a question about my last invoice.\nOf course, let me pull up your account.",
    summary="Hi, I have a question about my last invoice.",
    summary_engine="extractive",
    data_collected={},
    transcribed_at="2025-03-15T14:36:02.000Z",
)
_SUMMARY = SummaryUpdated(
    call_id="cll_02sTn4pXc7ZkQy1mJe8RwG",
    content="The customer asked about the last invoice; it was explained.",
    version=2,
    updated_at="2025-03-15T15:00:00.000Z",
    updated_by=None,
)

EXAMPLES: dict[str, bytes] = {
    "call.answered": msgspec.json.encode(_ANSWERED),
    "call.missed": msgspec.json.encode(_MISSED),
    "call.transcribed": msgspec.json.encode(_TRANSCRIBED),
    "summary.updated": msgspec.json.encode(_SUMMARY),
}
"""Each topic's example data as compact JSON."""
