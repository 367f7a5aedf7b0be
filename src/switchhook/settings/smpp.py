"""The settings of a carrier that SMPP reaches: the table `[texts.smpp]`."""

from typing import Annotated, Any, Literal

import msgspec

from switchhook.settings import parsers

Text = Annotated[str, msgspec.Meta(min_length=1)]


class SmppConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a carrier is and how it wants its texts; see `telephony.smpp.carrier.Settings`. Lengths are SMPP's."""

    host: Text
    system_id: Annotated[str, msgspec.Meta(min_length=1, max_length=15)]
    password: Annotated[str, msgspec.Meta(max_length=8)] = ""
    port: Annotated[int, msgspec.Meta(ge=1, le=65_535)] = 2775
    tls: bool = False
    system_type: Annotated[str, msgspec.Meta(max_length=12)] = ""
    address_range: Annotated[str, msgspec.Meta(max_length=40)] = ""
    numbers: tuple[Text, ...] = ()
    bind: Literal["transceiver", "separate"] = "transceiver"
    alphabet: Literal["gsm", "latin-1"] = "gsm"
    long: Literal["udh", "sar", "payload"] = "udh"
    query: bool = False
    decimal_receipts: bool = False

    def __repr__(self) -> str:
        return f"SmppConfig(host={self.host!r}, port={self.port}, system_id={self.system_id!r})"


def smpp(value: Any) -> SmppConfig | None:
    """The settings of a carrier: a table in the file, a JSON object elsewhere; empty for none."""
    given = parsers.table(value, SmppConfig, "smpp")
    if given is None:
        return None
    return parsers.struct(SmppConfig, given)
