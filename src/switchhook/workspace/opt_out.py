"""What a person who wants no more texts answers, and what one who wants them again.

Only a text that says nothing else counts: `please stop by at four` is no wish. `STOP 36111`, which names the number
that it is meant for, is one. Pure.
"""

import re
import unicodedata
from typing import Literal

Wish = Literal["OUT", "IN"]

OUT = frozenset(
    {
        "ARRET",
        "ARRETER",
        "CANCEL",
        "DESABONNEMENT",
        "DESINSCRIPTION",
        "END",
        "OPT OUT",
        "OPTOUT",
        "QUIT",
        "REVOKE",
        "STOP",
        "STOP ALL",
        "STOP SMS",
        "STOPALL",
        "UNSUBSCRIBE",
    }
)
IN = frozenset({"OPT IN", "OPTIN", "START", "UNSTOP"})
"""`YES` is not among them: it answers too many other questions."""

_NAMED = re.compile(r"STOP \d{3,15}")


def wish(text: str) -> Wish | None:
    """What a text asks for; None when it asks for neither. Case, accents and punctuation are nothing."""
    bare = "".join(
        letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter)
    )
    said = " ".join(re.findall(r"[^\W_]+", bare.upper()))
    if said in OUT or _NAMED.fullmatch(said):
        return "OUT"
    return "IN" if said in IN else None
