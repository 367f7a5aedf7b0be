"""A program that says texts, for tests: a tone as long as the text, of 16 kHz."""

import math
import sys
import wave

if __name__ == "__main__":
    if "--fail" in sys.argv:
        sys.exit("no voice")
    text = sys.stdin.read()
    samples = (round(9000 * math.sin(i * 0.3)) for i in range(len(text) * 1600))
    with wave.open(sys.stdout.buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(b"".join(sample.to_bytes(2, "little", signed=True) for sample in samples))
