"""Python that is shown runs, and mypy in strict mode, as a careful user runs it, finds no fault with it.

That of docs/receiving.md is one program and a test, run by tests/webhooks/test_receiving_page.py; whole programs stand
in `examples/`, run by tests/webhooks/test_adapters.py and test_examples_served.py and judged by `make check`.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from switchhook.webhooks.testing import SECRET, Sender
from tests.documentation.blocks import ROOT, Block, named, of

PIECES = [block for block in of("python") if block.page != "receiving.md"]
# What the reader's framework hands over.
GIVEN = "body: bytes = b''\nheaders: dict[str, str] = {}\n"


@pytest.mark.parametrize("block", PIECES, ids=named(PIECES))
def test_what_a_page_shows_of_python_takes_a_signed_message(block: Block) -> None:
    message = Sender().message("call.received")
    space: dict[str, Any] = {"body": message.body, "headers": message.headers}
    exec(compile(block.text.replace("whsec_…", SECRET), block.page, "exec"), space)
    assert space["event"].topic == "call.received"


def test_the_types_of_what_is_shown_hold(tmp_path: Path) -> None:
    """The blocks of a page are one program; one that is a file of tests is a file."""
    for page in {block.page for block in of("python")}:
        shown = [block.text for block in of("python") if block.page == page]
        program = GIVEN + "\n".join(text for text in shown if "def test_" not in text)
        (tmp_path / f"page_{Path(page).stem.lower()}.py").write_text(program, encoding="utf-8")
        for number, text in enumerate(text for text in shown if "def test_" in text):
            (tmp_path / f"test_{Path(page).stem.lower()}{number}.py").write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", f"--cache-dir={tmp_path}/cache", "."],
        cwd=tmp_path,
        env=os.environ | {"MYPYPATH": f"{ROOT / 'src'}:{ROOT / 'examples'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
