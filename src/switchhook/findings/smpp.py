"""What `switchhook doctor` looks at where texts go over SMPP: whether the carrier is there and lets us in."""

from collections.abc import AsyncIterator

from switchhook.clock import Clock
from switchhook.findings.installation import Finding
from switchhook.serving.texts import smpp_settings
from switchhook.settings.config import Config
from switchhook.settings.texts import SMPP
from switchhook.telephony.smpp.pdu import Message, Status
from switchhook.telephony.smpp.session import LoginRefused, Lost, Session

_WHERE = "docs/texts.md"


async def examine_smpp(config: Config, clock: Clock) -> AsyncIterator[Finding]:
    """Log in at the carrier of the configuration as somebody who only sends: nothing that waits is taken from it."""
    if config.texts_carrier != SMPP or config.texts_smpp is None:
        return
    access = smpp_settings(config, config.texts_smpp).access
    place = f"{access.host}:{access.port}"
    session = Session(access, "transmitter", clock, _nothing)
    try:
        await session.open()
    except LoginRefused as error:
        if error.status == Status.ALREADY_BOUND:
            yield Finding(
                "texts", "ok", f"{place} is reached; it allows no second connection beside the server's"
            )
        else:
            yield Finding("texts", "error", str(error), f"see {_WHERE}, Over SMPP")
    except Lost as error:
        advice = "look at host, port and tls in [texts.smpp], and whether the carrier knows our address"
        yield Finding("texts", "error", str(error), advice)
    else:
        yield Finding("texts", "ok", f"{place} lets {access.system_id!r} in")
    finally:
        await session.close()


async def _nothing(_: Message) -> Status:
    return Status.RECEIVER_TEMPORARY  # it is to bring it to the server
