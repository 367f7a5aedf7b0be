"""Runs faults and prints one table; exit code 1 when anything was lost or changed, or went on wrongly."""

import argparse
import importlib
import pkgutil
import shutil
import sys
import tempfile
import time
from pathlib import Path

from bench import faults
from bench.faults.world import BOTH, FAULTS, Fault, Tally, is_root, world

PROGRAMS = ("__main__", "receiver", "victim")
COLUMNS = "{:28} {:10} {:>8} {:>8} {:>5} {:>5} {:>7} {:>7} {:>4}"


def main() -> int:
    """Exit code."""
    for module in pkgutil.iter_modules(faults.__path__):
        if module.name not in PROGRAMS:
            importlib.import_module(f"bench.faults.{module.name}")
    parser = argparse.ArgumentParser(
        prog="python -m bench.faults",
        description=faults.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", default=["all"], metavar="NAME", help="or how names begin")
    parser.add_argument("--store", choices=BOTH, default=None)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--keep", action="store_true", help="keep the folders, with the logs of the servers")
    args = parser.parse_args()
    chosen = [one for one in FAULTS.values() if any(n == "all" or one.name.startswith(n) for n in args.names)]
    if not chosen:
        parser.error(f"no fault is called so; there are {', '.join(FAULTS)}")
    if args.list:
        for one in chosen:
            print(f"{one.name:28} {','.join(one.stores):18} {'root' if one.root else '':5} {one.about}")
        return 0
    heads = ("fault", "store", "accepted", "arrived", "lost", "dup.", "changed", "refused", "s")
    print(COLUMNS.format(*heads), flush=True)
    runs = [(one, store) for one in chosen for store in one.stores if args.store in (None, store)]
    good = [_run(one, store, keep=args.keep) for one, store in runs]
    return 0 if all(good) else 1


def _run(one: Fault, store: str, *, keep: bool) -> bool:
    if one.root and not is_root():
        print(f"{one.name:28} {store:10} skipped: it makes namespaces, which needs root", flush=True)
        return True
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix=f"faults-{one.name}-"))
    folder.chmod(0o755)
    tally: Tally | None = None
    problems: list[str] = []
    try:
        with world(folder, store) as here:
            tally = one.run(here)
        problems = tally.problems
    except Exception as error:
        problems = [f"{type(error).__name__}: {error}"]
    seconds = time.monotonic() - began
    if tally is not None:
        c = tally.count
        figures = (c.accepted, c.delivered, c.lost, c.duplicated, c.changed, tally.refused, f"{seconds:.0f}")
        print(COLUMNS.format(one.name, store, *figures), *tally.notes, sep="  ", flush=True)
    for problem in problems:
        print(f"{one.name:28} {store:10} FAILED: {problem}", flush=True)
    good = tally is not None and tally.ok
    if keep or not good:
        print(f"    kept: {folder}", flush=True)
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return good


if __name__ == "__main__":
    sys.exit(main())
