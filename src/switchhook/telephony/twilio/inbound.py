"""What Twilio posts to us: texts that came in, and what became of those that went out.

Every request is signed; one that is not Twilio's, as its signature over the public URL tells, is not looked at. What
comes twice changes nothing. An answer is given when the report is durable; without one Twilio may post it again.
"""

from urllib.parse import parse_qs, parse_qsl

from switchhook.telephony.twilio.messages import NAME, progress_of
from switchhook.telephony.twilio.signature import signed_form
from switchhook.workspace.messaging import Texts
from switchhook.workspace.texts import Incoming

MESSAGES_PATH = "/hooks/twilio/messages"
STATUS_PATH = "/hooks/twilio/status"
FIELDS_MAX = 500  # of a form; Twilio sends a few dozen


class TwilioHooks:
    """The two places that Twilio posts to. `public_url` is how Twilio reaches them, whatever stands in front."""

    def __init__(self, texts: Texts, account: str, token: str, public_url: str) -> None:
        self._texts = texts
        self._account = account
        self._token = token
        self._url = public_url

    def __repr__(self) -> str:
        return f"TwilioHooks({self._account})"

    async def message(self, query: str, body: bytes, signature: str) -> bool:
        """A text came in. False when it is not Twilio who says so.

        Raises:
            StorageError: it could not be stored.
        """
        form = self._read(MESSAGES_PATH, query, body, signature)
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
                )
            )
        return True

    async def status(self, query: str, body: bytes, signature: str) -> bool:
        """Something became of a text that went out. False when it is not Twilio who says so.

        Raises:
            StorageError: it could not be stored.
        """
        form = self._read(STATUS_PATH, query, body, signature)
        if form is None:
            return False
        word = form.get("MessageStatus") or form.get("SmsStatus") or ""
        progress = progress_of(word, form.get("ErrorCode"))
        carrier_id = form.get("MessageSid") or form.get("SmsSid")
        id_ = parse_qs(query).get("text", [""])[0]
        if progress is not None and carrier_id and not await self._texts.report(id_, progress, carrier_id):
            await self._texts.report_by_carrier(NAME, carrier_id, progress)
        return True

    def _read(self, path: str, query: str, body: bytes, signature: str) -> dict[str, str] | None:
        """The form of a request that is Twilio's, and of our account."""
        try:
            fields = parse_qsl(
                body.decode(), keep_blank_values=True, errors="replace", max_num_fields=FIELDS_MAX
            )
        except ValueError:
            return None
        url = f"{self._url}{path}{'?' + query if query else ''}"
        if not signed_form(self._token, url, fields, signature):
            return None
        form = {name: value.replace("\0", "") for name, value in fields}
        return form if form.get("AccountSid", self._account) == self._account else None
