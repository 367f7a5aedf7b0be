"""Where everybody is, and one call from its first telephone to its last."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.calls.foreigner import foreign_call
from bench.calls.scripts import Caller, Phone, Script
from bench.calls.speech import Voice
from bench.calls.world import Telephone, free_port, sipp
from bench.serving import Server


@dataclass
class Placed:
    """A call as it was placed: when who began to speak (wall seconds), and when it was over."""

    script: Script
    number: str
    spoke: dict[str, float] = field(default_factory=dict)
    over: float = 0.0


class Layout:
    """Who has which number, address and port, before anything is started."""

    def __init__(self, scripts: Sequence[Script]) -> None:
        self.line, self.trunk = free_port(), free_port()
        self.ports = [[free_port() for _ in range(max(2, len(one.phones)))] for one in scripts]
        self.scripts = scripts

    def number(self, index: int) -> str:
        return f"+331990{index:05d}"

    def email(self, index: int, user: int) -> str:
        return f"s{index}u{user}@acme.example"

    def filled(self, text: str, index: int) -> str:
        """The words of a script in capitals, put in."""
        for user in range(2):
            text = text.replace(f"U{user}", self.email(index, user))
            text = text.replace(f"sip:P{user}", f"sip:x@127.0.0.1:{self.ports[index][user]}")
        text = text.replace("900N", f"9{index:04}")
        return text.replace("TRUNK", f"127.0.0.1:{self.trunk}").replace("LINE", f"127.0.0.1:{self.line}")

    def config(self) -> str:
        """The configuration of the server."""
        parts = [
            'allow_networks = ["127.0.0.0/8"]\n[sip]\n'
            f'listen = "127.0.0.1:{self.line}"\ntrunk = "127.0.0.1:{self.trunk}"\nrtp_ports = "30000-31999"\n'
            'codecs = ["opus", "pcma", "pcmu"]\nspeak = "espeak-ng -v en-us --stdout"\n'
        ]
        for index, ports in enumerate(self.ports):
            for user, port in enumerate(ports):
                parts.append(
                    f'[[users]]\nemail = "{self.email(index, user)}"\nsip = ["sip:x@127.0.0.1:{port}"]\n'
                )
                if user == 1 and self.scripts[index].extension:
                    parts.append(f'extension = "{self.filled(self.scripts[index].extension, index)}"\n')
        for index, script in enumerate(self.scripts):
            count = max(1, len(script.phones))
            users = "" if "users =" in script.number else str([self.email(index, n) for n in range(count)])
            parts.append(f'[[numbers]]\nnumber = "{self.number(index)}"\nname = "{script.name}"\n')
            parts.append(f"users = {users}\n" if users else "")
            parts.append(self.filled(script.number, index) + "\n")
        parts += [self.filled(script.more, index) for index, script in enumerate(self.scripts)]
        return "".join(parts)


class Placing:
    """Places a call."""

    def __init__(self, server: Server, layout: Layout, index: int, voice: Voice, place: Path) -> None:
        self._server = server
        self._layout = layout
        self._index = index
        self._voice = voice
        self._place = place
        self._script = layout.scripts[index]
        self._rtp = 20_000 + index % 40 * 200
        self._placed = Placed(self._script, layout.number(index))
        self._phones: list[tuple[Phone | Caller, Telephone, float]] = []  # and when they begin to speak

    def run(self) -> Placed:
        """Place it, and wait for its end."""
        script, done = self._script, self._placed
        if script.trunk is not None and not script.trunk.off:
            self._start(script.trunk, self._layout.trunk, "trunk")
        for number, user in enumerate(script.phones):
            if not user.off:
                self._start(user, self._layout.ports[self._index][number], "x")
        self._call(script.outbound or script.to or done.number)
        for _, phone, _ in self._phones:  # a voicemail, a menu: some still ring
            if phone.when("answered") is not None:
                phone.until("closed", 20)
            done.over = max(done.over, phone.when("closed", last=True) or 0)
            phone.end()
        for who, phone, begins in self._phones:
            answered = phone.when("answered")
            if who.say and answered is not None:
                done.spoke[who.say] = answered + begins
        return done

    def _start(self, who: Phone | Caller, port: int, user: str, *more: str) -> Telephone:
        does, begins = [self._layout.filled(one, self._index) for one in who.does], 0.0
        if who.say:
            wav, begins = self._voice.say(who.say, who.after)
            does += ["--say", str(wav)]
        phone = Telephone(port, user, [*does, *more], self._rtp + 40 * len(self._phones))
        if not phone.until("ready", 30):
            raise SystemExit(f"{self._script.name}: a telephone does not come up")
        self._phones.append((who, phone, begins))
        return phone

    def _call(self, dialled: str) -> None:
        """Whoever calls does, until it is over."""
        caller, done, line = self._script.caller, self._placed, self._layout.line
        if caller.sipp:
            sipp(caller.sipp, line, dialled, self._place, self._rtp).wait(60)
        elif caller.order:
            user = self._layout.email(self._index, 0)
            self._server.call(
                "POST", "/v2/api/calls", {"user_email": user, "from": done.number, "to": dialled}
            )
            ours = self._phones[-1][1]
            ours.until("closed", 60 if ours.until("answered", 10) else 10)
            done.over = ours.when("closed", last=True) or time.time()
            return
        elif caller.foreign:
            wav, begins = self._voice.say(caller.say, caller.after)
            seconds = float(caller.does[0])
            answered = asyncio.run(foreign_call(line, dialled, caller.number, wav, seconds, self._rtp + 160))
            done.spoke[caller.say] = answered + begins
        else:
            outbound = bool(self._script.outbound)
            port = self._layout.ports[self._index][0] if outbound else free_port()
            to = f"sip:{dialled}@127.0.0.1:{line}"
            phone = self._start(
                caller, port, "x" if outbound else caller.number, "--dial", to, "--calls", "1"
            )
            phone.until("exit", 60)
            done.over = phone.when("closed", last=True) or time.time()
            return
        done.over = time.time()
