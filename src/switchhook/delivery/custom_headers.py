"""Which headers an endpoint may ask for. Pure.

Values are often credentials (`authorization`, an API key), so no message here ever holds one; nor a name that is none,
for whoever swaps the two writes a credential there.
"""

import re
from collections.abc import Iterable, Mapping

from switchhook.delivery.exchange import RESERVED_HEADERS, HeaderBlock, header_block

MAX_HEADERS = 20
MAX_NAME = 64  # characters
MAX_VALUE = 2_048
MAX_TOTAL = 8_192  # names and values together: many servers take no more than 16 KiB of headers in all

# Beside the client's own: what says how the body is to be read, by whom it is signed, and what is for a proxy.
RESERVED_PREFIXES = ("content-", "proxy-", "webhook-")

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch  # token, RFC 9110, 5.6.2
_VALUE = re.compile(r"[!-~](?:[ -~]*[!-~])?").fullmatch  # visible ASCII, with blanks only between it


class HeaderRefused(ValueError):
    """An endpoint cannot have this header. The text names the header and the remedy, never a value."""


def check(headers: Mapping[str, str]) -> None:
    """Whether these headers may be sent with every request.

    Raises:
        HeaderRefused: they may not.
    """
    if len(headers) > MAX_HEADERS:
        raise HeaderRefused(f"There are {len(headers)} headers; at most {MAX_HEADERS} are possible.")
    seen: set[str] = set()
    for place, (name, value) in enumerate(headers.items(), 1):
        if len(name) > MAX_NAME or not _NAME(name):
            raise HeaderRefused(
                f"The name of header {place} is not one. Use up to {MAX_NAME} letters, digits and hyphens."
            )
        key = name.lower()
        if key in RESERVED_HEADERS or key.startswith(RESERVED_PREFIXES):
            raise HeaderRefused(f"The header {name} is set by Switchhook itself. Take it out.")
        if key in seen:
            raise HeaderRefused(f"The header {name} stands there twice; upper and lower case are the same.")
        seen.add(key)
        if len(value) > MAX_VALUE:
            raise HeaderRefused(f"The value of header {name} is longer than {MAX_VALUE:,} characters.")
        if not _VALUE(value):
            raise HeaderRefused(
                f"The value of header {name} is empty, begins or ends with a blank, or holds something else than "
                "visible ASCII characters and blanks."
            )
    if sum(len(name) + len(value) for name, value in headers.items()) > MAX_TOTAL:
        raise HeaderRefused(f"The headers are longer than {MAX_TOTAL:,} characters together.")


def constant_block(user_agent: str, custom: Iterable[tuple[str, str]]) -> HeaderBlock:
    """The lines that are the same in every request to an endpoint. A `user-agent` of its own takes ours's place.

    Raises:
        ValueError: a header could not be sent without changing what the request means.
    """
    own = list(custom)
    lines = [("content-type", "application/json")]
    if all(name.lower() != "user-agent" for name, _ in own):
        lines.append(("user-agent", user_agent))
    return header_block([*lines, *own])
