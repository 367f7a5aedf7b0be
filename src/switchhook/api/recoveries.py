"""Sending many deliveries again: recover since a date, retry by filter, and the jobs that do it."""

from collections.abc import Sequence
from typing import Literal

from msgspec import UNSET, UnsetType

from switchhook.api.bodies import data, page_of, read_page, read_shape
from switchhook.api.errors import ApiError, FieldFault, from_faults
from switchhook.api.idempotency import Work
from switchhook.api.messages import Request, Response
from switchhook.api.services import Services
from switchhook.api.shapes.deliveries import Recovery, RecoveryAsked, RetryAsked, RetryFilter, RetryPreview
from switchhook.api.topics import unknown_topic
from switchhook.api.webhooks import webhook_id, webhook_not_found
from switchhook.clock import iso_millis, parse_iso
from switchhook.delivery.exchange import Kind
from switchhook.events.catalogue import TOPICS
from switchhook.events.faults import nearest
from switchhook.events.ids import JOB, new_id, normalise_id, time_of
from switchhook.storage import replay
from switchhook.storage.endpoints import find_endpoint
from switchhook.storage.selection import Selection
from switchhook.storage.store import Reader, Transaction

PREVIEW_STEP = 1_000  # deliveries looked at in one read of a dry run
PREVIEW_MOST = 50_000  # in all of it
ANY: tuple[str, ...] = ()


class Recoveries:
    """The handlers. What a job puts back is sent by the dispatcher as soon as its transaction is committed."""

    def __init__(self, services: Services) -> None:
        self._store = services.store
        self._clock = services.clock
        self._limits = services.limits

    async def recover(self, request: Request) -> Work:
        """POST /v2/api/webhooks/{webhook_id}/recover."""
        id_ = webhook_id(request)
        asked = read_shape(await request.json(self._clock, self._limits), RecoveryAsked)
        since = self._moment("since", asked.since)

        async def work(tx: Transaction) -> Response:
            await _endpoint(tx, request.workspace, id_)
            now = self._clock.now()
            job = await replay.begin(
                tx, workspace=request.workspace, id=new_id(JOB, now), endpoint=id_, since=since, now=now
            )
            return data(recovery_of(job), 202)

        return work

    async def retry(self, request: Request) -> Work:
        """POST /v2/api/webhooks/{webhook_id}/retry."""
        id_ = webhook_id(request)
        asked = read_shape(await request.json(self._clock, self._limits), RetryAsked)
        selection = _selection(asked)
        since = 0 if asked.since is UNSET else self._moment("since", asked.since)
        until = None if asked.until is UNSET else self._moment("until", asked.until, past=False)
        if until is not None and until <= since:
            raise _bad("until", "This must be later than since.")
        preview = None
        if asked.dry_run:
            preview = await self._preview(selection, request.workspace, id_, since, until)

        async def work(tx: Transaction) -> Response:
            if preview is not None:
                return data(preview)
            await _endpoint(tx, request.workspace, id_)
            now = self._clock.now()
            job = await replay.begin_selected(
                tx,
                selection,
                workspace=request.workspace,
                id=new_id(JOB, now),
                endpoint=id_,
                since=since,
                until=until,
                now=now,
            )
            return data(recovery_of(job), 202)

        return work

    async def get(self, request: Request) -> Response:
        """GET /v2/api/recoveries/{recovery_id}."""
        id_ = normalise_id(request.params["recovery_id"])
        job = await self._store.read(lambda reader: replay.find(reader, request.workspace, id_))
        if job is None:
            raise _not_found(id_)
        return data(recovery_of(job))

    async def list(self, request: Request) -> Response:
        """GET /v2/api/webhooks/{webhook_id}/recoveries."""
        page, size = read_page(request.query())
        id_ = webhook_id(request)

        async def read(reader: Reader) -> tuple[Sequence[replay.Recovery], int]:
            await _endpoint(reader, request.workspace, id_)
            return await replay.list_jobs(reader, request.workspace, id_, page=page, size=size)

        jobs, total = await self._store.read(read)
        return page_of([recovery_of(job) for job in jobs], page, size, total)

    async def cancel(self, request: Request) -> Work:
        """DELETE /v2/api/recoveries/{recovery_id}."""
        id_ = normalise_id(request.params["recovery_id"])

        async def work(tx: Transaction) -> Response:
            job = await replay.cancel(tx, request.workspace, id_, self._clock.now())
            if job is None:
                raise _not_found(id_)
            return data(recovery_of(job))

        return work

    async def _preview(
        self, selection: Selection, workspace: str, endpoint: str, since: int, until: int | None
    ) -> RetryPreview:
        """Look at what there is, a step in each read: neither the loop nor the log of the store waits for all of it."""

        async def begin(reader: Reader) -> tuple[str, str]:
            await _endpoint(reader, workspace, endpoint)
            return await replay.span(reader, workspace, since, until)

        cursor, upto = await self._store.read(begin)
        matching = looked_at = 0
        while looked_at < PREVIEW_MOST:
            seen = await self._store.read(
                lambda reader: replay.look(
                    reader,
                    selection,
                    workspace=workspace,
                    endpoint=endpoint,
                    cursor=cursor,  # noqa: B023
                    upto=upto,
                    limit=PREVIEW_STEP,
                ),
                heavy=True,
            )
            matching += sum(map(selection.takes, seen))
            looked_at += len(seen)
            if len(seen) < PREVIEW_STEP:
                return RetryPreview(matching, looked_at, complete=True)
            cursor = seen[-1].event
        return RetryPreview(matching, looked_at, complete=False)

    def _moment(self, field: str, text: str, *, past: bool = True) -> int:
        try:
            moment = parse_iso(text)
        except ValueError:
            raise _bad(
                field, f"{text[:50]!r} is no ISO 8601 date-time, such as 2026-01-31T08:00:00Z."
            ) from None
        if moment < 0 or (past and moment > self._clock.now()):
            raise _bad(field, "This must be a moment in the past.")
        return moment


def _selection(asked: RetryAsked) -> Selection:
    """The filter that was asked for.

    Raises:
        ApiError: 400, a topic or a result that there is not.
    """
    topics, results = _given(asked.topics), _given(asked.results)
    faults = [
        FieldFault(f"topics[{index}]", "INVALID_EVENT_TYPE", unknown_topic(topic, TOPICS))
        for index, topic in enumerate(topics)
        if topic not in TOPICS
    ]
    known = [kind.value for kind in Kind]
    for index, result in enumerate(results):
        if result not in known:
            like = nearest(result, known)
            hint = f"did you mean {like}?" if like else f"they are {', '.join(known)}."
            message = f"No attempt ends as {result[:100]!r}; {hint}"
            faults.append(FieldFault(f"results[{index}]", "INVALID_REQUEST_BODY", message))
    if faults:
        raise from_faults(faults)
    became = ANY if asked.status == "any" else (asked.status,)
    return Selection(became, topics, results, _given(asked.response_status))


def _given(values: Sequence[str] | UnsetType) -> tuple[str, ...]:
    return () if isinstance(values, UnsetType) else tuple(dict.fromkeys(values))


async def _endpoint(reader: Reader, workspace: str, id_: str) -> None:
    if await find_endpoint(reader, workspace, id_) is None:
        raise webhook_not_found(id_)


def _bad(field: str, message: str) -> ApiError:
    return from_faults([FieldFault(field, "INVALID_REQUEST_BODY", message)])


def _not_found(id_: str) -> ApiError:
    return ApiError("RECOVERY_NOT_FOUND", f"There is no recovery {id_[:100]!r}.", param="recovery_id")


def recovery_of(job: replay.Recovery) -> Recovery:
    """A job as the API shows it."""
    status: Literal["running", "completed", "cancelled"] = "running"
    if job.finished_at is not None:
        status = "cancelled" if job.cancelled else "completed"
    chosen = job.selection
    return Recovery(
        id=job.id,
        webhook_id=job.endpoint,
        since=iso_millis(job.since),
        status=status,
        queued=job.queued,
        created_at=iso_millis(job.created_at),
        finished_at=None if job.finished_at is None else iso_millis(job.finished_at),
        kind="recover" if chosen is None else "retry",
        looked_at=job.looked_at,
        progress=1.0 if status == "completed" else progress(job.first, job.cursor, job.upto),
        filter=None
        if chosen is None
        else RetryFilter(
            status=chosen.became[0] if chosen.became else "any",
            topics=list(chosen.topics) or None,
            until=None if job.until is None else iso_millis(job.until),
            results=list(chosen.results) or None,
            response_status=list(chosen.answers) or None,
        ),
    )


def progress(first: str, cursor: str, upto: str) -> float:
    """Which part of the time between two events' ids lies before `cursor`, from 0 to 1."""
    try:
        begin, here, end = time_of(first), time_of(cursor), time_of(upto)
    except ValueError:  # nothing was accepted yet
        return 0.0
    return round(min(max(here - begin, 0) / max(end - begin, 1), 1.0), 4)
