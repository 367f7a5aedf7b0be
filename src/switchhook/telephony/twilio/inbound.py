"""What Twilio posts to us: texts that came in, and what became of those that went out.

Every request is signed; one that is not Twilio's, as its signature over the public URL tells, is not looked at. What
comes twice changes nothing. An answer is given when the report is durable; without one Twilio may post it again.
"""

import re
from urllib.parse import parse_qs

from switchhook.telephony.twilio.door import Door, Form, Headers
from switchhook.telephony.twilio.messages import NAME, progress_of
from switchhook.workspace.messaging import Texts
from switchhook.workspace.texts import Attached, Incoming

MESSAGES_PATH = "/hooks/twilio/messages"
STATUS_PATH = "/hooks/twilio/status"
FILES_MOST = 10  # of one text

_MEDIA = re.compile(r"/(Messages/[A-Za-z0-9]{1,64}/Media/[A-Za-z0-9]{1,64})$")


class TwilioHooks:
    """The two places that Twilio posts to about texts."""

    def __init__(self, texts: Texts, door: Door) -> None:
        self._texts = texts
        self._door = door

    def __repr__(self) -> str:
        return f"TwilioHooks({self._door.account})"

    async def message(self, query: str, body: bytes, headers: Headers) -> bool:
        """A text came in. False when it is not Twilio who says so.

        Raises:
            StorageError: it could not be stored.
        """
        form = self._door.read(MESSAGES_PATH, query, body, headers)
        if form is None:
            return False
        carrier_id = form.get("MessageSid") or form.get("SmsSid") or form.get("SmsMessageSid")
        if carrier_id and form.get("From") and form.get("To"):
            media = form.get("NumMedia", "0")
            await self._texts.receive(
                Incoming(
                    carrier=NAME,
                    carrier_id=carrier_id,
                    sender=form["From"],
                    to=form["To"],
                    content=form.get("Body", ""),
                    media=int(media) if media.isdigit() and len(media) < 4 else 0,
                    files=attached(form),
                )
            )
        return True

    async def status(self, query: str, body: bytes, headers: Headers) -> bool:
        """Something became of a text that went out. False when it is not Twilio who says so.

        Raises:
            StorageError: it could not be stored.
        """
        form = self._door.read(STATUS_PATH, query, body, headers)
        if form is None:
            return False
        word = form.get("MessageStatus") or form.get("SmsStatus") or ""
        progress = progress_of(word, form.get("ErrorCode"))
        carrier_id = form.get("MessageSid") or form.get("SmsSid")
        id_ = parse_qs(query).get("text", [""])[0]
        if progress is not None and carrier_id and not await self._texts.report(id_, progress, carrier_id):
            await self._texts.report_by_carrier(NAME, carrier_id, progress)
        return True


def attached(form: Form) -> tuple[Attached, ...]:
    """The files of a text, by their place in the API; one that is somewhere else is not ours to fetch."""
    found = []
    for number in range(FILES_MOST):
        place = _MEDIA.search(form.get(f"MediaUrl{number}", ""))
        kind = form.get(f"MediaContentType{number}", "").partition(";")[0].strip().lower()
        if place is not None:
            found.append(Attached(place.group(1), kind[:100]))
    return tuple(found)
