"""Lets in what Twilio says of our account, and nobody else; says once in a while why somebody was not let in."""

import logging
import re
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl, urlsplit

from switchhook.clock import Clock
from switchhook.telephony.twilio.signature import signed_form

log = logging.getLogger(__name__)

FIELDS_MAX = 500  # of a form; Twilio sends a few dozen
QUIET = 60.0  # seconds between two lines of the log about the same
SIGNATURES = (b"x-twilio-signature", b"x-signalwire-signature")

_HOST = re.compile(r"[A-Za-z0-9.\-]{1,253}(?::[0-9]{1,5})?")

Headers = Mapping[bytes, bytes]
Form = dict[str, str]


class Door:
    """Checks signatures, made with `token`. `public_url` is how Twilio reaches us, whatever stands in front."""

    def __init__(self, account: str, token: str, public_url: str, clock: Clock) -> None:
        self.account = account
        self.public_url = public_url
        self._token = token
        self._clock = clock
        self._said: dict[str, float] = {}

    def __repr__(self) -> str:
        return f"Door({self.account})"

    def read(self, path: str, query: str, body: bytes, headers: Headers) -> Form | None:
        """The form of a request that is Twilio's, and of our account; None when it is not."""
        try:
            fields = parse_qsl(
                body.decode(), keep_blank_values=True, errors="replace", max_num_fields=FIELDS_MAX
            )
        except ValueError:
            return None
        signature = next((headers[name] for name in SIGNATURES if name in headers), b"").decode("latin-1")
        end = f"{path}{'?' + query if query else ''}"
        if not signed_form(self._token, self.public_url + end, fields, signature):
            self._say(
                path,
                likely_cause(self._token, self.public_url, end, fields, signature=signature, headers=headers),
            )
            return None
        form = {name: value.replace("\0", "") for name, value in fields}
        if form.get("AccountSid", self.account) != self.account:
            self._say(path, "it is signed, and of another account: account_sid is not the one that posts")
            return None
        return form

    def _say(self, path: str, why: str) -> None:
        now = self._clock.monotonic()
        if now - self._said.get(why, -QUIET) >= QUIET:
            if len(self._said) > 100:
                self._said.clear()
            self._said[why] = now
            log.warning("a request to %s was refused: %s", path, why)


def likely_cause(
    token: str,
    public_url: str,
    end: str,
    fields: Sequence[tuple[str, str]],
    *,
    signature: str,
    headers: Headers,
) -> str:
    """Why a request for `public_url` + `end` is not signed as Twilio would, as far as can be told. Pure."""
    if not signature:
        return "it has no X-Twilio-Signature; it is not from Twilio, or a proxy takes the header away"
    ours = urlsplit(public_url).netloc
    named = [headers.get(name, b"").decode("latin-1") for name in (b"x-forwarded-host", b"host")]
    for host in dict.fromkeys([ours, *(name for name in named if _HOST.fullmatch(name))]):
        for scheme in ("https", "http"):
            base = f"{scheme}://{host}"
            if base != public_url and signed_form(token, base + end, fields, signature):
                return f"it was signed for {base}; if that is where Twilio reaches this server, set public_url to it"
    return (
        "its signature fits neither public_url nor the host it came to; auth_token is not that of the account, "
        f"or Twilio was given another address than {public_url}, or it is not from Twilio"
    )
