"""The files that came with texts: known at once, here when they were fetched, gone with the words of their text."""

import msgspec

from switchhook.storage import fetches
from switchhook.storage.store import Reader, Transaction

KIND = "text file"  # of what is to be fetched, or removed


class TextFile(msgspec.Struct, frozen=True):
    """A file. `path` (below the data directory) and `size` (bytes) are None until it is here; `gone` is 1 or 0."""

    id: str
    text_id: str
    carrier_id: str
    content_type: str
    path: str | None
    size: int | None
    gone: int


async def add(tx: Transaction, workspace: str, file: TextFile, *, position: int, now: int) -> None:
    """Write a file down, and have it fetched."""
    await tx.execute(
        "add_text_file", workspace, file.id, file.text_id, position, file.carrier_id, file.content_type
    )
    await fetches.add(tx, workspace, file.id, KIND, "", now=now)


async def find(reader: Reader, workspace: str, id_: str) -> TextFile | None:
    """A file, also one that is gone."""
    rows = await reader.fetch("text_file", workspace, id_)
    return TextFile(*rows[0]) if rows else None


async def of_text(reader: Reader, workspace: str, text: str) -> list[TextFile]:
    """The files of a text, in order."""
    return [TextFile(*row) for row in await reader.fetch("files_of_text", workspace, text)]


async def kept(tx: Transaction, workspace: str, id_: str, path: str, size: int) -> bool:
    """It is here; False when it is not wanted any more."""
    return await tx.execute("text_file_kept", workspace, id_, path, size) > 0


async def remove_of(tx: Transaction, workspace: str, text: str, now: int) -> None:
    """Nobody is given the files of a text any more, and they are to be removed."""
    for file in await of_text(tx, workspace, text):
        await tx.execute("text_file_gone", workspace, file.id)
        await fetches.add(tx, workspace, file.id, KIND, "", now=now)


async def forget(tx: Transaction, workspace: str, id_: str) -> None:
    """It was removed."""
    await tx.execute("drop_text_file", workspace, id_)
