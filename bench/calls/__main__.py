"""Real calls, said aloud over real RTP, and what is told of them: result, sides, times, words, and how soon.

    python -m bench.calls [NAME …] [--list] [--keep DIR]

Every call is placed by telephones in processes of their own (one by a stack of other people, one by sipp) at a real
`switchhook serve`; a receiver verifies its webhooks. `bench.calls.lost_frames` places many side by side instead.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from bench.calls.running import run
from bench.calls.scripts import SCRIPTS


def main() -> None:
    """Place the calls and print what came of them."""
    parser = argparse.ArgumentParser(prog="python -m bench.calls", description=__doc__)
    parser.add_argument("names", nargs="*", help="only calls whose names contain this")
    parser.add_argument("--list", action="store_true", help="what calls there are")
    parser.add_argument("--keep", type=Path, help="where data and logs stay")
    asked = parser.parse_args()
    scripts = [one for one in SCRIPTS if not asked.names or any(name in one.name for name in asked.names)]
    if asked.list:
        print("\n".join(one.name for one in scripts))
        return
    with tempfile.TemporaryDirectory(prefix="calls-") as directory:
        place = asked.keep or Path(directory)
        good = run(place, scripts)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
