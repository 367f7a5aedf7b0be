"""A server that is killed by a test: opens the line, commits facts as lines on standard output, all but one kind.

`python sip_victim.py PORT RTP DATA TELEPHONE UNCOMMITTED`
"""

import asyncio
import sys
from pathlib import Path

import msgspec

from switchhook.clock import SystemClock
from switchhook.telephony.sip import Ring, RingPlan, SipConfig, SipLine
from switchhook.workspace.facts import AnyFact, Offered


async def main(port: str, rtp: str, data: str, telephone: str, uncommitted: str) -> None:
    async def on_fact(fact: AnyFact) -> None:
        if fact.id.startswith(uncommitted):
            await asyncio.Event().wait()
        sys.stdout.buffer.write(msgspec.json.encode(fact) + b"\n")
        sys.stdout.flush()

    async def route(offered: Offered) -> RingPlan:
        return Ring((telephone,), 10)

    config = SipConfig(listen=f"127.0.0.1:{port}", rtp_ports=rtp)
    await SipLine(config, on_fact, route, SystemClock(), Path(data)).start()
    await asyncio.sleep(180)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
