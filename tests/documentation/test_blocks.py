"""The law of the documentation: no block is there that nothing runs or checks."""

import pytest

from tests.documentation.blocks import Block, blocks, named

# The language of a block, and who sees to all blocks of it.
SEEN_TO = {
    "bash": "tests/documentation/test_shown_commands.py runs it line by line in a shell",
    "python": "tests/documentation/test_shown_python.py runs it, and mypy judges it",
    "http": "tests/documentation/test_shown_requests.py sends it, or compares it with what is sent",
    "toml": "tests/documentation/test_shown_files.py loads it as `serve` does",
    "json": "tests/documentation/test_shown_files.py holds it against what it is an example of",
    "ini": "tests/documentation/test_shown_files.py parses it and compares what is ours",
    "xml": "tests/documentation/test_shown_files.py parses it and compares what is ours",
    "yaml": "tests/documentation/test_shown_files.py parses it and compares what is ours",
}
# What is not run, because it is a picture.
PICTURES = {
    ("README.md", "Switchhook"),
    ("operations.md", "Traces"),
    ("architecture.md", "One direction"),
    ("architecture.md", "An event's way through the tables"),
    ("architecture.md", "Several processes on one PostgreSQL"),
}


@pytest.mark.parametrize("block", blocks(), ids=named(list(blocks())))
def test_every_block_is_run_or_checked_or_a_picture(block: Block) -> None:
    if block.kind == "text":
        assert block.place in PICTURES, (
            f"{block.name} (line {block.line}) is plain text. If it can be run or checked, give it the language that "
            f"it is in: {', '.join(SEEN_TO)}. If it is a picture, name it in PICTURES of {__file__}."
        )
        return
    assert block.kind in SEEN_TO, (
        f"{block.name} (line {block.line}) is {block.kind or 'indented, without a language'}, and nothing runs or "
        f"checks that. Fence it with one of {', '.join(SEEN_TO)}, or write a test that takes all blocks of its "
        f"language (`of({block.kind!r})`) and name it in SEEN_TO of {__file__}."
    )


def test_no_picture_is_named_that_is_not_there() -> None:
    assert {block.place for block in blocks() if block.kind == "text"} == PICTURES
