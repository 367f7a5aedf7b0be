"""Python that is shown runs, and a user's mypy in strict mode finds no fault with it.

That of docs/receiving.md is one program and a test, run by tests/webhooks/test_receiving_page.py.
"""

from typing import Any

import pytest

from switchhook.webhooks.testing import SECRET, Sender
from tests.documentation.blocks import Block, named, of

PIECES = [block for block in of("python") if block.page != "receiving.md"]


@pytest.mark.parametrize("block", PIECES, ids=named(PIECES))
def test_what_a_page_shows_of_python_takes_a_signed_message(block: Block) -> None:
    message = Sender().message("call.received")
    space: dict[str, Any] = {"body": message.body, "headers": message.headers}
    exec(compile(block.text.replace("whsec_…", SECRET), block.page, "exec"), space)
    assert space["event"].topic == "call.received"
