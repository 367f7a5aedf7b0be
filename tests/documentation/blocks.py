"""The blocks of the documentation, as a Markdown parser sees them."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md")))


@dataclass(frozen=True)
class Block:
    """One block: the page's name, the heading above it, its language (empty without one), its first line's number."""

    page: str
    heading: str
    kind: str
    line: int
    text: str

    @property
    def place(self) -> tuple[str, str]:
        """Page and heading: what tables of rules name it by."""
        return self.page, self.heading

    @property
    def name(self) -> str:
        """For people, and as the id of a test; line numbers would change with every edit above."""
        return f"{self.page}: {self.heading}"


@cache
def blocks() -> tuple[Block, ...]:
    """All of them, in the order of the pages."""
    found = []
    for path in PAGES:
        heading, is_heading = "", False
        for token in MarkdownIt("commonmark").parse(path.read_text(encoding="utf-8")):
            if token.type == "inline" and is_heading:
                heading = token.content
            is_heading = token.type == "heading_open"
            if token.type in ("fence", "code_block"):
                assert token.map is not None
                kind = token.info.strip() if token.type == "fence" else ""
                found.append(Block(path.name, heading, kind, token.map[0] + 1, token.content))
    return tuple(found)


def of(kind: str) -> list[Block]:
    """Those of one language."""
    return [block for block in blocks() if block.kind == kind]


def named(chosen: list[Block]) -> list[str]:
    """Their names as ids of tests, numbered where a heading has several."""
    counted: dict[str, int] = {}
    names = []
    for block in chosen:
        counted[block.name] = counted.get(block.name, 0) + 1
        names.append(f"{block.name} {counted[block.name]}")
    return names
