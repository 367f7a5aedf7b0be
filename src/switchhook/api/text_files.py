"""`/v1/assets/files/{id}`: a file that came with a text, as it came.

A signed link opens it for whoever holds the link; an API key opens those of its own workspace. What strangers have sent
is shown by a browser only where it cannot do anything: the rest is to be saved.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from switchhook.api.errors import ApiError
from switchhook.api.messages import Request, Response
from switchhook.api.services import Services
from switchhook.media.links import sign_file, verify_file
from switchhook.storage import text_files
from switchhook.storage.keys import workspaces
from switchhook.storage.store import Reader
from switchhook.storage.text_files import TextFile

LINK_SECONDS = 86_400  # that a link works
SHOWN = ("image/jpeg", "image/png", "image/gif", "image/webp", "audio/", "video/")

Authorise = Callable[[Request], Awaitable[None]]


def link_maker(services: Services) -> Callable[[str], str]:
    """Makes links to files, each good for a day from now."""

    def link(file: str) -> str:
        expires = services.clock.now() // 1000 + LINK_SECONDS
        return services.public_url + sign_file(services.recording_key, file, expires)

    return link


class TextFiles:
    """The handler of files. `authorise` checks the API key of a request that comes without a link."""

    def __init__(self, services: Services, authorise: Authorise) -> None:
        self._store = services.store
        self._clock = services.clock
        self._root = services.data_dir
        self._key = services.recording_key
        self._authorise = authorise

    async def get(self, request: Request) -> Response:
        """GET and HEAD."""
        id_ = request.params["file_id"]
        file = await self._file(request, id_)
        content = None
        if file is not None and not file.gone and file.path is not None:
            content = await asyncio.to_thread(_read, self._root / file.path)
        if file is None or content is None:
            raise ApiError("FILE_NOT_FOUND", f"There is no file {id_[:100]!r}.", param="file_id")
        shown = "inline" if file.content_type.startswith(SHOWN) else "attachment"
        ending = Path(file.path or "").suffix
        headers = [
            (b"cache-control", b"private, max-age=3600"),
            (b"content-disposition", f'{shown}; filename="{file.id}{ending}"'.encode()),
            (b"content-security-policy", b"sandbox; default-src 'none'"),
            (b"x-content-type-options", b"nosniff"),
        ]
        return Response(200, content, file.content_type.encode(), headers)

    async def _file(self, request: Request, id_: str) -> TextFile | None:
        """The file, for who may see it."""
        query = request.query()
        if "signature" not in query:
            await self._authorise(request)
            workspace = request.workspace
            return await self._store.read(lambda reader: text_files.find(reader, workspace, id_))
        now_s = self._clock.now() // 1000
        if not verify_file(self._key, id_, query.get("expires", ""), query["signature"], now_s):
            raise ApiError(
                "FORBIDDEN",
                "This link to the file is not valid, or not any more.",
                param="signature",
                suggestion="Ask for the text again, which makes a new one, or use an API key.",
            )
        return await self._store.read(lambda reader: _anywhere(reader, id_))


async def _anywhere(reader: Reader, id_: str) -> TextFile | None:
    """A file by its id alone: a signed link names no workspace, its signature vouches for the id."""
    for workspace in await workspaces(reader):
        found = await text_files.find(reader, workspace.id, id_)
        if found is not None:
            return found
    return None


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
