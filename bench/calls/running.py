"""Places the scripted calls one after the other, and compares what is told with what was said."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.calls.placing import Layout, Placed, Placing
from bench.calls.scripts import Script
from bench.calls.speech import SENTENCES, Voice, is_human, word_errors
from bench.calls.world import Told, serve

AFTER = 60.0  # seconds that the last events are waited for
WITHIN = 0.5  # seconds that a segment may be off
SOON = 30.0  # seconds after the hang-up by which a call is told


@dataclass
class Verdict:
    """What came of a call."""

    name: str
    faults: list[str]
    after: float | None
    off: list[float]
    wrong: int
    words: int


def run(place: Path, scripts: Sequence[Script]) -> bool:
    """Place them; print a table; whether all was right."""
    layout, voice = Layout(scripts), Voice(place / "voice")
    server, told = serve(place / "data", layout.config(), {"SWITCHHOOK_LOG_LEVEL": "info"})
    placed: list[Placed] = []
    try:
        for index, script in enumerate(scripts):
            print(f"{index + 1:3}/{len(scripts)} {script.name}", flush=True)
            placed.append(Placing(server, layout, index, voice, place).run())
        wait_for(told, placed)
    finally:
        server.stop()
    verdicts = [judge(one, told, layout, index) for index, one in enumerate(placed)]
    return report(verdicts, told)


def of_call(told: Told, one: Placed, topic: str) -> list[tuple[float, dict[str, Any]]]:
    """What was told of a call, by its number."""
    ours = {one.number, one.script.to} - {""}
    key = "from_number" if one.script.outbound else "to_number"
    found = []
    for at, event in list(told.events):
        data = event["data"]
        number = data.get("to" if topic == "call.completed" and not one.script.outbound else key)
        if event["topic"] == topic and number in ours:
            found.append((at, data))
    return found


def wait_for(told: Told, placed: Sequence[Placed]) -> None:
    """Until everything was told, or it is too late."""
    deadline = time.time() + AFTER
    while time.time() < deadline and not all(of_call(told, one, "call.completed") for one in placed):
        time.sleep(0.2)
    time.sleep(2)  # what is told twice would come now


def judge(one: Placed, told: Told, layout: Layout, index: int) -> Verdict:
    """What is wrong with what was told of a call."""
    script, faults = one.script, []
    first = of_call(told, one, "call.triggered" if script.outbound else "call.received")
    if len(first) != int(script.received):
        faults.append(f"{len(first)} times that it rings")
    ends = of_call(told, one, "call.completed")
    if len(ends) != 1:
        return Verdict(script.name, [*faults, f"{len(ends)} times that it is over"], None, [], 0, 0)
    at, data = ends[0]
    if data["result"] != script.result:
        faults.append(f"result {data['result']}, not {script.result}")
    ivr = tuple((one["dtmf_key"], one["text_key"]) for one in data["ivr_result"] or [])
    if ivr != script.ivr:
        faults.append(f"menu {ivr}")
    for path, wanted in script.expect.items():
        value: Any = data
        for name in path.split("."):
            value = value[name]
        if value != (layout.filled(wanted, index) if isinstance(wanted, str) else wanted):
            faults.append(f"{path} is {value}")
    off, wrong, words = [], 0, 0
    for side, name, _ in script.sides:
        mine = [line for line in data["transcriptions"] if line["source"] == side]
        heard = " ".join(line["text"] for line in mine)
        errors, count = word_errors(SENTENCES[name].words, heard)
        wrong, words = wrong + min(errors, count), words + count
        other = " ".join(line["text"] for line in data["transcriptions"] if line["source"] != side)
        if errors > count * 0.5:
            faults.append(
                f"{side} said {heard[:60]!r}"
                + (
                    " (on the other side)"
                    if word_errors(SENTENCES[name].words, other)[0] < count * 0.5
                    else ""
                )
            )
        elif name in one.spoke:
            begins = datetime.fromisoformat(mine[0]["time"]).timestamp()
            off.append(begins - one.spoke[name])
            if abs(off[-1]) > WITHIN:
                faults.append(f"{side} begins {off[-1]:+.2f} s off")
    after = at - one.over
    if after > SOON:
        faults.append(f"told {after:.1f} s after the hang-up")
    return Verdict(script.name, faults, after, off, wrong, words)


def report(verdicts: Sequence[Verdict], told: Told) -> bool:
    """Print the table; whether all was right."""
    print()
    for one in verdicts:
        after = "-" if one.after is None else f"{one.after:.1f}"
        print(
            f"{'ok ' if not one.faults else 'BAD'} {one.name:42} told after {after:>5} s  {'; '.join(one.faults)}"
        )
    off = sorted(abs(value) for one in verdicts for value in one.off)
    times = sorted(one.after for one in verdicts if one.after is not None)
    latest, furthest = (max(values, default=0.0) for values in (times, off))
    wrong, words = sum(one.wrong for one in verdicts), sum(one.words for one in verdicts)
    good = sum(not one.faults for one in verdicts)
    print(f"\n{good} of {len(verdicts)} right; told after p50 {middle(times):.1f} s, at most {latest:.1f} s")
    if words:
        print(f"{len(off)} segments, off by p50 {middle(off):.2f} s, at most {furthest:.2f} s")
        speaker = "a person" if is_human() else "espeak-ng"
        print(f"{wrong} of {words} words wrong ({100 * wrong / words:.1f} %), said by {speaker}")
    print(f"messages {len(told.events)}, unverified {told.unverified}, told twice {told.repeated}")
    return good == len(verdicts) and not told.unverified


def middle(values: Sequence[float]) -> float:
    """The median of sorted values."""
    return values[len(values) // 2] if values else 0.0
