"""A day of a small office on a real server.

Events are published, delivered to a receiver on this machine and then moved back over the day before now, in the
tables, while the server is down.
"""

import asyncio
import http.server
import json
import math
import random
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import lameenc
import msgspec

from bench.page.day import COMPANIES, HOOKS, NUMBERS, PEOPLE, TAGS, TALKS, TEXTS, TOPICS, USERS, their
from bench.serving import Server
from switchhook.clock import SystemClock, iso_millis
from switchhook.serving.installation import first_workspace
from switchhook.storage.sqlite import SqliteStore
from switchhook.workspace.call_state import CallState, Leg
from switchhook.workspace.facts import Direction, LegKind

HOUR = 3_600_000  # ms
RATE = 8_000


class Receiver(http.server.BaseHTTPRequestHandler):
    """Answers as its path says: /ok, /broken, /gone, and /flaky, which fails every ninth time."""

    count = 0

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        Receiver.count += 1
        kind = self.path.strip("/")
        if kind == "flaky":
            kind = "busy" if Receiver.count % 9 == 0 else "ok"
        status, body = {
            "ok": (200, b'{"received": true}'),
            "busy": (503, b'{"error": "try again later"}'),
            "broken": (
                500,
                b'{"error": "relation \\"phone_events\\" does not exist", "request": "b7c1-44f0"}',
            ),
            "gone": (410, b"This address is no longer in use.\n"),
        }[kind]
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


def free_port() -> int:
    """A UDP port of this machine that nothing listens at."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def record(folder: Path, name: str, seconds: int, turns: int) -> None:
    """A stereo MP3 in which two sides hum in turn, and its waveform beside it: forty values a second of each side."""
    chance = random.Random(name)
    encoder = lameenc.Encoder()
    encoder.set_bit_rate(32)
    encoder.set_in_sample_rate(RATE)
    encoder.set_channels(1)
    encoder.silence()
    (folder / f"{name}.mp3").write_bytes(
        bytes(encoder.encode(b"\0\0" * RATE * seconds)) + bytes(encoder.flush())
    )
    columns = seconds * 10
    peaks = bytearray()
    for n in range(columns):
        turn = n * turns // columns
        inside = n * turns % columns / columns
        loud = (
            int(max(0.0, math.sin(inside * math.pi)) ** 0.4 * chance.randint(40, 190))
            if 0.06 < inside < 0.9
            else 2
        )
        if chance.random() < 0.12:
            loud //= 6
        peaks += bytes((loud, chance.randint(0, 3)) if turn % 2 == 0 else (chance.randint(0, 3), loud))
    (folder / f"{name}.peaks").write_bytes(peaks)


class Office:
    """A server with the day in it. `folder` takes the data; `server` runs when it is made."""

    def __init__(self, folder: Path, *, calls: int = 64) -> None:
        self.data = folder / "data"
        self.chance = random.Random(20)
        self.now = int(time.time() * 1000)
        self.receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
        threading.Thread(target=self.receiver.serve_forever, daemon=True).start()
        self.data.mkdir(parents=True)
        self._people_of_ours()
        asyncio.run(self._recordings())
        self.server = Server(self.data, retry_schedule="0,60,7200,43200")
        self.hooks = [self._hook(one) for one in HOOKS]
        self._directory()
        self.call = ""  # one that was answered and recorded
        self.times = self._publish(calls)
        self._settle()
        self.server.stop()
        self._move()
        self.server = Server(
            self.data,
            retry_schedule="0,5,300,1800,7200,18000,36000",
            sip_listen=f"127.0.0.1:{free_port()}",
            asterisk=json.dumps(
                {
                    "host": "127.0.0.1",
                    "port": 9,
                    "user": "switchhook",
                    "secret": "x",
                    "trunks": ["PJSIP/trunk*"],
                }
            ),
        )

    def stop(self) -> None:
        """End the server and the receiver."""
        self.server.stop()
        self.receiver.shutdown()
        self.receiver.server_close()

    def _people_of_ours(self) -> None:
        command = [sys.executable, "-m", "switchhook"]
        for email, name, role in USERS:
            more = ["users", "add", email, "--name", name, "--role", role, "--data", str(self.data)]
            subprocess.run([*command, *more], check=True, capture_output=True)
        for number, name, users, able in NUMBERS:
            more = ["numbers", "add", number, "--name", name, "--users", users, "--capabilities", able]
            subprocess.run([*command, *more, "--data", str(self.data)], check=True, capture_output=True)

    async def _recordings(self) -> None:
        store = SqliteStore(self.data / "switchhook.db")
        workspace = await first_workspace(store, SystemClock())
        folder = self.data / "recordings"
        folder.mkdir()
        for n, (_, lines) in enumerate(TALKS):
            seconds = 12 * len(lines)
            record(folder, f"talk{n}", seconds, len(lines))
            for call in range(n, 100, len(TALKS)):
                told = (workspace.id, f"rec_{call}", f"cll_{call}", f"recordings/talk{n}.mp3", seconds, 1)
                await store.run(lambda tx, told=told: tx.execute("add_recording", *told))  # type: ignore[misc]
        await store.close()

    def _hook(self, one: dict[str, Any]) -> str:
        asked = {
            name: value
            for name, value in one.items()
            if name in ("description", "rate_limit", "max_in_flight")
        }
        url = f"http://127.0.0.1:{self.receiver.server_address[1]}/{one['path']}"
        made: str = self.server.call("POST", "/v2/api/webhooks", {"url": url, "topics": TOPICS, **asked})[
            "data"
        ]["id"]
        return made

    def _directory(self) -> None:
        call = self.server.call
        companies = []
        for name, industry, deals in COMPANIES:
            id_ = call("POST", "/v2/api/crm/companies", {"name": name, "industry": industry})["data"]["id"]
            companies.append(id_)
            for title, status, amount in deals:
                deal = {
                    "name": title,
                    "status": status,
                    "amount": amount,
                    "currency": "EUR",
                    "company_id": id_,
                }
                call("POST", "/v2/api/crm/deals", deal)
        choices = ["bronze", "silver", "gold"]
        plan = {"key": "plan", "label": "Plan", "type": "choice", "choices": choices}
        call("POST", "/v2/api/crm/properties", plan)
        self.people = []
        for n, (name, last, job, company) in enumerate(PEOPLE):
            asked: dict[str, Any] = {"name": name, "last_name": last, "job_title": job, "numbers": [their(n)]}
            if company is not None:
                asked |= {"company_id": companies[company], "custom_properties": {"plan": choices[n % 3]}}
                asked["emails"] = [f"{name.lower().replace('é', 'e').replace('è', 'e')}@example.com"]
            self.people.append(call("POST", "/v2/api/crm/people", asked)["data"]["id"])
        for _, name in TAGS:
            call("POST", "/v2/api/tags", {"name": name})
        for key in ("CRM", "Reports"):
            scopes = ["CONVERSATIONS_READ", "CRM_READ"] + (["WEBHOOKS_READ_WRITE"] if key == "CRM" else [])
            call("POST", "/v2/api/keys", {"name": key, "scopes": scopes})

    def _publish(self, calls: int) -> list[int]:
        """What happened, in its order; the time of each event."""
        times: list[int] = []

        def tell(topic: str, at: int, data: dict[str, Any]) -> None:
            self.server.call("POST", "/v2/api/events", {"topic": topic, "data": data})
            times.append(at)

        moments = sorted(
            self.now - int(self.chance.betavariate(1.3, 1.6) * 22 * HOUR) - 90_000 for _ in range(calls)
        )
        for n, at in enumerate(moments):
            if n == calls * 5 // 6:
                self._settle()
                self.server.call("POST", f"/v2/api/webhooks/{self.hooks[3]}/pause", {})
            who = min(n % 13, len(PEOPLE))
            number = their(who) if who < len(PEOPLE) else f"+33199009{n:03}"
            name = " ".join(PEOPLE[who][:2]) if who < len(PEOPLE) else ""
            if n % 4 == 3:
                content, comes = TEXTS[n // 4 % len(TEXTS)]
                ours, theirs = ("+33639981030", "Appointments by text"), (number, name)
                first, second = (theirs, ours) if comes else (ours, theirs)
                told = {"id": f"msg_{n}", "direction": "INBOUND" if comes else "OUTBOUND", "type": "SMS"}
                told |= {"content": content, "sent_at": iso_millis(at), "user_email": USERS[2][0]}
                told |= {
                    "from_number": first[0],
                    "from_name": first[1],
                    "to_number": second[0],
                    "to_name": second[1],
                }
                tell("sms.received" if comes else "sms.sent", at, told)
                continue
            self._call(n, at, number, name, tell)
        return times

    def _call(self, n: int, at: int, number: str, name: str, tell: Any) -> None:
        ours = NUMBERS[n % 2]
        user = USERS[n % 3][0]
        comes = n % 5 != 1
        result = (
            "ANSWERED",
            "ANSWERED",
            "VOICEMAIL",
            "ANSWERED",
            "FAILED",
            "ANSWERED",
            "ANSWERED",
            "BLOCKED",
        )[n % 8]
        if result == "BLOCKED" and not comes:
            result = "ANSWERED"
        first, second = (number, ours[0]) if comes else (ours[0], number)
        started = iso_millis(at)
        none = {"number": None, "user_email": None, "user_name": None}
        given, _, family = name.partition(" ")
        known = {"id": f"con_{n}", "name": given, "last_name": family} if name else None
        if comes and result != "BLOCKED":
            told = {"from_number": first, "to_number": second, "started_at": started, "user_email": user}
            mail = "somebody@example.com"
            more = {"email": mail, "emails": [mail], "numbers": [number], "job_title": "Buyer"}
            person = {**known, **more, "linkedin_url": "", "lead_source": ""} if known else None
            tell("call.received", at, told | {"person": person, "company": None, "deals": []})
        summary, lines = TALKS[n % len(TALKS)]
        spoken = result in ("ANSWERED", "VOICEMAIL")
        seconds = 12 * len(lines) if spoken else 0
        source = ("EXTERNAL", "USER") if comes else ("USER", "EXTERNAL")
        said = [
            {"source": source[m % 2], "time": iso_millis(at + (m * 12 + 1) * 1000), "text": line}
            for m, line in enumerate(lines)
            if spoken
        ]
        tags = [key for m, (key, _) in enumerate(TAGS) if spoken and (n + m) % 7 == 0]
        data = {
            "id": f"cll_{n}",
            "start_date": started,
            "recording_url": f"http://127.0.0.1/v1/assets/recordings/rec_{n}.mp3" if spoken else None,
            "from_number": first,
            "from_name": name if comes else ours[1],
            "to": second,
            "to_name": ours[1] if comes else name,
            "length_in_minutes": round(seconds / 60, 2),
            "length": f"{seconds // 60}m {seconds % 60}s",
            "tag": tags[0] if tags else None,
            "tags": tags,
            "summary": summary if spoken else "",
            "transcriptions": said,
            "concatenated_transcript": "\n".join(line["text"] for line in said),
            "data_collected": {},
            "type": "INBOUND" if comes else "OUTBOUND",
            "result": result,
            "integration_id": None,
            "transfer_from": none,
            "transfer_to": none,
            "user_email": user,
            "original_to_number": None,
            "original_to_name": None,
            "transfer_original_call_id": None,
            "ivr_result": [{"dtmf_key": "1", "text_key": "Orders"}] if comes and n % 3 == 0 else [],
        }
        tell("call.completed", at + seconds * 1000, data)
        if n % len(TALKS) == 0 and result == "ANSWERED" and tags:
            self.call = f"cll-{n}"
        for key in tags[:1]:
            tag = {"call_id": f"cll_{n}", "tag_key": key, "tag_name": dict(TAGS)[key], "user_email": user}
            tell("tag.added", at + seconds * 1000 + 20_000, tag)

    def _settle(self) -> None:
        """Wait until the receiver has had everything that it can have, for half a minute at most."""
        deadline, seen = time.monotonic() + 30, -1
        while time.monotonic() < deadline and seen != Receiver.count:
            seen = Receiver.count
            time.sleep(1.5)

    def _move(self) -> None:
        """Every event and attempt to where it belongs in the day, and calls that go on now."""
        database = sqlite3.connect(self.data / "switchhook.db")
        events = database.execute("SELECT seq, id, accepted_at FROM events ORDER BY seq").fetchall()
        events = events[-len(self.times) :]
        for (seq, id_, accepted), at in zip(events, sorted(self.times), strict=True):
            database.execute("UPDATE events SET accepted_at = ? WHERE seq = ?", (at, seq))
            move = "UPDATE attempts SET started_at = min(?, started_at + ?) WHERE event_id = ?"
            database.execute(move, (self.now, at - accepted, id_))
        slow = {0: 42, 1: 310, 2: 95, 3: 130, 4: 260, 5: 60}
        for n, hook in enumerate(self.hooks):
            for rowid in database.execute(
                "SELECT event_id, number FROM attempts WHERE endpoint_id = ?", (hook,)
            ).fetchall():
                took = slow[n] * self.chance.lognormvariate(0, 0.5)
                where = "endpoint_id = ? AND event_id = ? AND number = ?"
                database.execute(f"UPDATE attempts SET latency_ms = ? WHERE {where}", (took, hook, *rowid))
            shown = HOOKS[n]["shown"]
            host = urlsplit(shown).hostname
            local = f"127.0.0.1:{self.receiver.server_address[1]}"
            for column in ("message_customer", "message_operator"):
                told = f"replace(replace({column}, '{local} (127.0.0.1)', '{host}'), '127.0.0.1', '{host}')"
                database.execute(f"UPDATE attempts SET {column} = {told} WHERE endpoint_id = ?", (hook,))
            why = f"UPDATE endpoints SET disabled_why = replace(disabled_why, '127.0.0.1', '{host}') WHERE id = ?"
            database.execute(why, (hook,))
            database.execute("UPDATE endpoints SET url = ? WHERE id = ?", (shown, hook))
        since = self.now - 9 * HOUR
        clock = "UPDATE endpoints SET failing_first = ?, failing_last = ?, failing_clock = ? WHERE id = ?"
        database.execute(clock, (since, self.now - HOUR // 4, since, self.hooks[2]))
        database.execute("UPDATE schedule SET next_at = next_at + ?", (2 * HOUR,))
        workspace = database.execute("SELECT id FROM workspaces").fetchone()[0]
        for n, (seconds, answered) in enumerate(((9, False), (204, True))):
            at = self.now - seconds * 1000
            legs = {"a": Leg(LegKind.OUTSIDE, their(n), at)}
            legs["b"] = Leg(LegKind.USER, USERS[n][0], at, at + 9_000 if answered else None)
            state = CallState(
                id=f"cll_now{n}",
                source="office",
                source_call=f"now{n}",
                direction=Direction.INBOUND,
                from_number=their(n),
                to_number=NUMBERS[n][0],
                started_at=at,
                legs=legs,
                heard_at=at,
            )
            row = (
                workspace,
                state.id,
                state.source,
                state.source_call,
                at,
                None,
                msgspec.json.encode(state).decode(),
            )
            database.execute(
                "INSERT INTO calls (workspace_id, id, source, source_call, started_at, ended_at, state)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                row,
            )
        database.commit()
        database.close()
