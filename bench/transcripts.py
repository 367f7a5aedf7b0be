"""What transcripts are worth and what they cost: word errors, sides, times, processor and memory, of real speech.

    python bench/transcripts.py [--prompts DIR --texts FILE] [--model DIR] [--threads 1]
    python bench/transcripts.py --url http://127.0.0.1:9000 [--remote-model NAME]

Clips are laid alternately on the two sides of calls of a minute or so, a second apart, kept as MP3 as recordings are,
and transcribed by the transcriber's own process. Without `--prompts` the two clips of the demonstration are used. DIR
holds WAV files of 8 kHz, FILE a line `name: what is said` for each, as Asterisk's core sounds come with (Debian's
asterisk-core-sounds-en-wav, and core-sounds-en.txt of their source). Clips of fewer than six words are left out, and
those with numbers, which can be written in several ways.

A word counts as wrong by the edit distance. A line is on the wrong side where it begins in a clip of the other one.
Times are those of a clip's first line against its first sample above 2 %.
"""

import argparse
import asyncio
import os
import re
import statistics
import sys
import tempfile
import time
import wave
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import lameenc

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from switchhook.clock import SystemClock
from switchhook.events.payloads import Speaker
from switchhook.media.tones import sound
from switchhook.media.transcription import protocol as p
from switchhook.media.transcription.attendant import Attendant
from switchhook.media.transcription.http import Place

RATE = 8_000
CALL = 60.0  # seconds, or one clip more
SIDES = (Speaker.EXTERNAL, Speaker.USER)
DEMO = {
    "demo_caller": "Hello, this is Marie Dupont. I have a question about my last invoice. Could you please check it?",
    "demo_agent": "Good afternoon. This is support. Of course, let me pull up your account. One moment, please.",
}


@dataclass
class Clip:
    """What is said, by whom, and from when on."""

    text: str
    side: Speaker
    begins: float
    ends: float


def words(text: str) -> list[str]:
    return re.sub(r"[^a-z' ]", " ", text.lower().replace("-", " ")).split()


def distance(said: list[str], heard: list[str]) -> int:
    row = list(range(len(heard) + 1))
    for i, one in enumerate(said, 1):
        above, row[0] = row[0], i
        for j, other in enumerate(heard, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (one != other))
    return row[-1]


def clips(args: argparse.Namespace) -> Iterator[tuple[str, "array[int]"]]:
    texts = DEMO
    if args.prompts:
        lines = (line.partition(":") for line in args.texts.read_text().splitlines() if line[:1] != ";")
        texts = {name.strip(): text.strip() for name, _, text in lines}
    for name, text in sorted(texts.items()):
        path = args.prompts / f"{name}.wav" if args.prompts else Path(sound(f"{name}.wav"))
        if path.is_file() and len(words(text)) >= 6 and not re.search(r"[\d<\[*#]", text):
            with wave.open(str(path)) as file:
                samples = array("h")
                samples.frombytes(file.readframes(file.getnframes()))
            yield text, samples


def calls(args: argparse.Namespace) -> Iterator[tuple[list[Clip], "array[int]"]]:
    placed: list[Clip] = []
    sides: list[array[int]] = [array("h"), array("h")]
    at = RATE
    for number, (text, samples) in enumerate(clips(args)):
        for side in sides:
            side.frombytes(bytes(2 * (at + len(samples) - len(side))))
        sides[number % 2][at : at + len(samples)] = samples
        onset = next((i for i, one in enumerate(samples) if abs(one) > 655), 0)
        placed.append(Clip(text, SIDES[number % 2], (at + onset) / RATE, (at + len(samples)) / RATE))
        at += len(samples) + RATE
        if at > CALL * RATE:
            yield placed, stereo(sides, at)
            placed, sides, at = [], [array("h"), array("h")], RATE
    if placed:
        yield placed, stereo(sides, at)


def stereo(sides: list["array[int]"], length: int) -> "array[int]":
    both = array("h", bytes(4 * length))
    for number, side in enumerate(sides):
        both[number : 2 * len(side) : 2] = side
    return both


def mp3(path: Path, both: "array[int]") -> float:
    encoder = lameenc.Encoder()
    encoder.set_channels(2)
    encoder.set_in_sample_rate(RATE)
    encoder.set_out_sample_rate(RATE)
    encoder.set_bit_rate(32)
    encoder.set_quality(5)
    encoder.silence()
    path.write_bytes(bytes(encoder.encode(both.tobytes()) + encoder.flush()))
    return len(both) / 2 / RATE


def cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> int:
    return int(re.findall(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[0]) // 1024


async def run(args: argparse.Namespace) -> None:
    speech: p.Local | p.Remote = p.Local(args.model, args.threads)
    if args.url:
        speech = p.Remote(
            Place(args.url.removesuffix("/v1"), os.environ.get("KEY", ""), args.remote_model, 600)
        )
    settings = p.Configure(speech, True, None, "", (), ("127.0.0.0/8", "::1/128"), "")
    attendant = Attendant(settings, SystemClock(), 600)
    total = wrong = swapped = lines = 0
    seconds, busy, errors = 0.0, 0.0, []
    with tempfile.TemporaryDirectory() as folder:
        for number, (placed, both) in enumerate(calls(args)):
            path = Path(folder) / f"{number}.mp3"
            length = mp3(path, both)
            before = cpu(attendant.pid) if attendant.pid else 0.0
            began = time.perf_counter()
            done = await attendant.transcribe(p.Order(str(number), str(path), length))
            took = time.perf_counter() - began
            assert isinstance(done, p.Done), done
            assert attendant.pid
            spent = cpu(attendant.pid) - before
            seconds, busy = seconds + length, busy + spent
            for side in SIDES:
                said = words(" ".join(one.text for one in placed if one.side is side))
                heard = words(" ".join(one.text for one in done.lines if one.source is side))
                total, wrong = total + len(said), wrong + distance(said, heard)
            for clip in placed:
                near = [one for one in done.lines if clip.begins - 1 < one.start < clip.ends]
                mine = [one.start for one in near if one.source is clip.side]
                swapped += sum(one.source is not clip.side for one in near)
                errors += [mine[0] - clip.begins] if mine else []
            lines += len(done.lines)
            print(f"call {number}: {length:.0f} s, {took:.1f} s ({spent:.1f} s CPU), {len(done.lines)} lines")
        assert attendant.pid
        print(
            f"{seconds:.0f} s of calls, {total} words, {wrong / total:.1%} wrong; "
            f"{lines} lines, {swapped} on the wrong side; "
            f"lines begin {statistics.median(errors):+.2f} s ({min(errors):+.2f} to {max(errors):+.2f}); "
            f"{busy / seconds:.2f} s CPU for a second with both sides; {memory(attendant.pid)} MB"
        )
    await attendant.close()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--prompts", type=Path)
    parser.add_argument("--texts", type=Path)
    parser.add_argument("--model", default="")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--url", default="")
    parser.add_argument("--remote-model", default="whisper-1")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
