"""The files of the page, read once."""

import hashlib
from importlib import resources
from typing import NamedTuple

INDEX = "index.html"

_TYPES = {
    "html": b"text/html; charset=utf-8",
    "css": b"text/css; charset=utf-8",
    "js": b"text/javascript; charset=utf-8",
    "svg": b"image/svg+xml",
}


class File(NamedTuple):
    """One file as it is sent. `tag` changes with its content."""

    body: bytes
    content_type: bytes
    tag: str


def load() -> dict[str, File]:
    """All files by name."""
    folder = resources.files(__package__).joinpath("static")
    found = {}
    for file in folder.iterdir():
        kind = _TYPES.get(file.name.rpartition(".")[2])
        if kind is not None:
            body = file.read_bytes()
            found[file.name] = File(body, kind, f'"{hashlib.sha256(body).hexdigest()[:20]}"')
    return found
