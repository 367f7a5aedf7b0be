"""A receiver: handlers by topic, and what is done with a request. The order of things stands in `receiving`.

    receiver = Receiver("whsec_…", dedupe=SqliteDedupe("webhooks.db"))

    @receiver.on(CallCompleted)
    def completed(message: Message[CallCompleted]) -> None: …

    answer = receiver.receive(body, headers)            # a thread's; `await receiver.receive_async(…)` on a loop

The adapters of the frameworks call one of the two with the raw body and send the answer back.
"""

import logging
import os
import time
from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, overload

import msgspec

from switchhook.events import TOPICS, UnknownTopic
from switchhook.events.catalogue import TOPIC_OF
from switchhook.webhooks import receiving
from switchhook.webhooks.dedupe.contract import AsyncDedupe, Dedupe
from switchhook.webhooks.dedupe.memory import MemoryDedupe
from switchhook.webhooks.receiving import (
    Answer,
    Background,
    Enqueue,
    Finish,
    Free,
    Message,
    Release,
    Reserve,
    Rules,
    Step,
    Steps,
    Take,
    Work,
)
from switchhook.webhooks.verify import Key, Webhook

if TYPE_CHECKING:
    from switchhook.webhooks.background import Tasks, Threads

# asyncio, inspect, queue: most of what this import would cost, so each comes with its first use.

logger = logging.getLogger("switchhook.webhooks")

D = TypeVar("D", bound=msgspec.Struct)
R = TypeVar("R")
Handler = Callable[[Message[Any]], Any]


class Receiver:
    """Receives for one endpoint, or for several that share handlers and a store.

    All handlers of a topic run, one after the other, in the order they were added; when one fails those before it will
    run again with the repetition. A topic without a handler is answered 200 and not noted.
    """

    def __init__(
        self,
        secret: Key | Iterable[Key],
        *,
        dedupe: Dedupe | AsyncDedupe | None = None,
        background: Background | bool = False,
        rules: Rules | None = None,
        on_given_up: Callable[[str, Exception], None] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`secret` as `Webhook` takes it. `dedupe` is a `MemoryDedupe` when left out. `background` answers at once and
        works afterwards; without it the handlers run before the answer. `on_given_up` hears of a message that failed
        in the background for the last time, by its id. `clock` gives seconds since 1970.

        Raises:
            ValueError: no secret, or a background whose store would lose what was answered.
        """
        self.webhook = Webhook(secret)
        self.dedupe: Dedupe | AsyncDedupe = MemoryDedupe() if dedupe is None else dedupe
        self.rules = rules or Rules()
        self._clock = clock
        self._handlers: dict[str, list[Handler]] = {}
        self._given_up = on_given_up
        self.background = Background() if background is True else background or None
        self._plain = not _is_async(self.dedupe.claim)
        if self.background and not (self.dedupe.keeps or self.background.may_lose):
            raise ValueError(
                f"{type(self.dedupe).__name__} does not keep messages over a crash, so one that was answered and "
                "not yet worked on would be lost: use SqliteDedupe, PostgresDedupe or AsyncpgDedupe, work before "
                "the answer (background=False), or accept it with Background(may_lose=True)"
            )
        self._threads: Threads | None = None
        self._tasks: Tasks | None = None

    @overload
    def on(self, topic: type[D], /) -> Callable[[Callable[[Message[D]], R]], Callable[[Message[D]], R]]: ...
    @overload
    def on(
        self, *topics: type[msgspec.Struct] | str
    ) -> Callable[[Callable[[Message[Any]], R]], Callable[[Message[Any]], R]]: ...
    def on(self, *topics: type[msgspec.Struct] | str) -> Any:
        """Have the function called with each message of these topics, named or by the type of their data. It may be
        `async`.

        Raises:
            switchhook.events.UnknownTopic: there is no such topic; the error names the nearest one.
            TypeError: a type that is no event's data, or no topic at all.
        """
        if not topics or any(not isinstance(one, str) and one not in TOPIC_OF for one in topics):
            raise TypeError('name topics: @receiver.on(CallCompleted), or @receiver.on("call.completed")')
        names = [one if isinstance(one, str) else TOPIC_OF[one] for one in topics]
        for name in names:
            if name not in TOPICS:
                raise UnknownTopic(name, TOPICS)

        def add(handler: Handler) -> Handler:
            for name in names:
                self._handlers.setdefault(name, []).append(handler)
            return handler

        return add

    @property
    def topics(self) -> list[str]:
        """The topics that have a handler: what the endpoint should subscribe to."""
        return list(self._handlers)

    # ── in a thread

    def receive(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """What to answer to a request with this raw body. Blocks; asynchronous handlers run in a loop of their own.

        Raises:
            TypeError: `body` is not bytes, or the store is asynchronous (use `receive_async`).
        """
        self._need_plain()
        steps = self._begin(body, headers)
        if isinstance(steps, Answer):
            return steps
        try:
            return _run(steps, self._do)
        except Exception:
            logger.exception("a message could not be noted, and is refused so that it comes again")
            return Answer(503, "cannot note messages at the moment", 5)

    def start(self) -> None:
        """Begin to work on what an earlier process left behind. Otherwise that begins with the first message.

        Raises:
            TypeError: see `receive`.
        """
        self._need_plain()
        if self.background:
            self._thread_pool().start()

    def close(self) -> None:
        """Finish what is being worked on and leave the rest to the next process."""
        if self._threads is not None:
            self._threads.close()
            self._threads = None

    def sweep(self) -> int:
        """Work on what was left behind, here and now; how many messages. For cron, and for tests.

        Raises:
            TypeError: see `receive`.
        """
        self._need_plain()
        left = self.dedupe.waiting(100)
        assert isinstance(left, list)
        for one in left:
            self._carry_on((one.id, _token(), one.body))
        return len(left)

    def _need_plain(self) -> None:
        if not self._plain:
            raise TypeError(
                f"{type(self.dedupe).__name__} is asynchronous: use receive_async, start_async, sweep_async"
            )

    def _thread_pool(self) -> "Threads":
        assert self.background is not None
        if self._threads is None or self._threads.process != os.getpid():
            from switchhook.webhooks.background import Threads

            self._threads = Threads(self.background, self._carry_on, self._left_behind, self._give_back)
        return self._threads

    def _do(self, step: Step) -> Any:
        match step:
            case Work(message):
                return self._work(message)
            case Reserve():
                return self._thread_pool().reserve()
            case Free():
                return self._thread_pool().free()
            case Enqueue():
                return self._thread_pool().put(step)
        return self._ask(step)

    def _ask(self, step: Step) -> Any:
        """Put a question to the store; an asynchronous one answers with something to await."""
        match step:
            case Take():
                return self.dedupe.claim(*step)
            case Finish():
                return self.dedupe.finish(*step)
            case Release():
                return self.dedupe.release(*step)
        raise AssertionError(step)

    def _work(self, message: Message[Any]) -> Exception | None:
        try:
            for handler in self._handlers.get(message.topic, ()):
                result = handler(message)
                if hasattr(result, "__await__"):
                    _finish_in_own_loop(result)
        except Exception as error:
            logger.exception("a handler failed: %s, message %s", message.topic, message.id)
            return error
        return None

    def _carry_on(self, job: tuple[str, str, bytes]) -> None:
        msg_id, token, body = job
        self._tell(msg_id, _run(receiving.carry_on(msg_id, body, token, self.rules), self._do))

    def _left_behind(self, limit: int) -> list[tuple[str, str, bytes]]:
        left = self.dedupe.waiting(limit)
        assert isinstance(left, list)
        return [(one.id, _token(), one.body) for one in left]

    def _give_back(self, job: tuple[str, str, bytes]) -> None:
        self.dedupe.release(job[0], job[1], 0.0)

    # ── on a loop

    async def receive_async(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """The same on an event loop: plain handlers, and stores that block, run in threads.

        Raises:
            TypeError: `body` is not bytes.
        """
        steps = self._begin(body, headers)
        if isinstance(steps, Answer):
            return steps
        try:
            return await _run_async(steps, self._do_async)
        except Exception:
            logger.exception("a message could not be noted, and is refused so that it comes again")
            return Answer(503, "cannot note messages at the moment", 5)

    async def start_async(self) -> None:
        """The same as `start`, on this loop."""
        if self.background:
            self._task_pool().start()

    async def close_async(self) -> None:
        """The same as `close`, on this loop."""
        if self._tasks is not None:
            await self._tasks.close()
            self._tasks = None

    async def sweep_async(self) -> int:
        """The same as `sweep`."""
        left = await self._left_behind_async(100)
        for job in left:
            await self._carry_on_async(job)
        return len(left)

    def _task_pool(self) -> "Tasks":
        assert self.background is not None
        if self._tasks is None:
            from switchhook.webhooks.background import Tasks

            self._tasks = Tasks(
                self.background, self._carry_on_async, self._left_behind_async, self._give_back_async
            )
        return self._tasks

    async def _do_async(self, step: Step) -> Any:
        match step:
            case Work(message):
                return await self._work_async(message)
            case Reserve():
                return self._task_pool().reserve()
            case Free():
                return self._task_pool().free()
            case Enqueue():
                return self._task_pool().put(step)
        return await self._store(self._ask, step)

    async def _store(self, function: Callable[..., Any], *values: Any) -> Any:
        if not self._plain:
            return await function(*values)
        if not getattr(self.dedupe, "blocking", True):
            return function(*values)
        return await _in_thread(function, *values)

    async def _work_async(self, message: Message[Any]) -> Exception | None:
        try:
            for handler in self._handlers.get(message.topic, ()):
                if _is_async(handler):
                    await handler(message)
                    continue
                result = await _in_thread(handler, message)
                if hasattr(result, "__await__"):
                    await result
        except Exception as error:
            logger.exception("a handler failed: %s, message %s", message.topic, message.id)
            return error
        return None

    async def _carry_on_async(self, job: tuple[str, str, bytes]) -> None:
        msg_id, token, body = job
        steps = receiving.carry_on(msg_id, body, token, self.rules)
        self._tell(msg_id, await _run_async(steps, self._do_async))

    async def _left_behind_async(self, limit: int) -> list[tuple[str, str, bytes]]:
        return [(one.id, _token(), one.body) for one in await self._store(self.dedupe.waiting, limit)]

    async def _give_back_async(self, job: tuple[str, str, bytes]) -> None:
        await self._store(self.dedupe.release, job[0], job[1], 0.0)

    # ── for both

    def _begin(self, body: bytes, headers: Mapping[str, str]) -> Steps | Answer:
        found = receiving.checked(self.webhook, body, headers, self._clock())
        if isinstance(found, Answer):
            return found
        msg_id, event = found
        if event.topic not in self._handlers:
            return Answer(200, "ignored: nothing handles this topic here")
        if self.background is None:
            return receiving.arrive(found, _token(), self.rules)
        keeps = self.dedupe.keeps
        return receiving.arrive_queued(msg_id, bytes(body), _token(), self.rules, keeps=keeps)

    def _tell(self, msg_id: str, error: Exception | None) -> None:
        if error is None:
            return
        logger.error("message %s is given up after its last attempt: %s", msg_id, type(error).__name__)
        if self._given_up is not None:
            self._given_up(msg_id, error)


def _run(steps: Generator[Step, Any, R], do: Callable[[Step], Any]) -> R:
    try:
        step = next(steps)
        while True:
            try:
                answer = do(step)
            except Exception as error:
                step = steps.throw(error)
            else:
                step = steps.send(answer)
    except StopIteration as done:
        result: R = done.value
        return result


async def _run_async(steps: Generator[Step, Any, R], do: Callable[[Step], Awaitable[Any]]) -> R:
    try:
        step = next(steps)
        while True:
            try:
                answer = await do(step)
            except Exception as error:
                step = steps.throw(error)
            else:
                step = steps.send(answer)
    except StopIteration as done:
        result: R = done.value
        return result


def _token() -> str:
    return os.urandom(12).hex()


def _is_async(function: Callable[..., Any]) -> bool:
    import inspect

    return inspect.iscoroutinefunction(function)


async def _in_thread(function: Callable[..., Any], *values: Any) -> Any:
    import asyncio

    return await asyncio.to_thread(function, *values)


def _finish_in_own_loop(result: Awaitable[Any]) -> None:
    import asyncio

    async def wait() -> None:
        await result

    asyncio.run(wait())
