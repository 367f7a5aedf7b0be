"""The receiver: handlers by topic, what is answered to what, and working after the answer."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from switchhook.events import CallCompleted, SmsReceived, UnknownTopic
from switchhook.webhooks import Background, MemoryDedupe, Message, OnError, Receiver, Rules
from switchhook.webhooks.dedupe import Claim
from switchhook.webhooks.dedupe.redis import AsyncRedisDedupe
from switchhook.webhooks.dedupe.sqlite import SqliteDedupe
from switchhook.webhooks.testing import SECRET, Sender, Signed
from tests.webhooks.stores import Clock

SENDER = Sender()


def sms() -> Signed:
    """A text, signed now: one that was signed when this module was read is too old by the end of a long run."""
    return SENDER.message("sms.received", message_id="msg_one")


def collecting(**options: Any) -> tuple[Receiver, list[Message[Any]]]:
    seen: list[Message[Any]] = []
    receiver = Receiver(SECRET, **options)
    receiver.on(SmsReceived)(seen.append)
    return receiver, seen


def status(receiver: Receiver, message: Signed) -> int:
    return receiver.receive(*message).status


def test_a_handler_gets_the_typed_event_with_its_id_and_is_not_called_for_a_repetition() -> None:
    receiver, seen = collecting()
    assert receiver.receive(*sms()) == (200, "done", None)
    assert receiver.receive(*sms()) == (200, "done already", None)
    assert [(m.id, m.topic, m.attempt, type(m.data)) for m in seen] == [
        ("msg_one", "sms.received", 1, SmsReceived)
    ]


def test_handlers_are_found_by_type_or_name_and_run_in_their_order() -> None:
    receiver, order = Receiver(SECRET), []

    @receiver.on("call.completed", SmsReceived)
    def first(message: Message[Any]) -> None:
        order.append(f"first {message.topic}")

    @receiver.on(CallCompleted)
    async def second(message: Message[CallCompleted]) -> None:
        await asyncio.sleep(0)
        order.append(f"second {message.topic}")

    assert status(receiver, SENDER.message("call.completed")) == 200
    assert status(receiver, sms()) == 200
    assert order == ["first call.completed", "second call.completed", "first sms.received"]
    assert receiver.topics == ["call.completed", "sms.received"]


def test_a_topic_that_does_not_exist_is_refused_when_the_handler_is_added() -> None:
    with pytest.raises(UnknownTopic, match=r"did you mean `call.completed`"):
        Receiver(SECRET).on("call.complete")
    with pytest.raises(TypeError, match="name topics"):
        Receiver(SECRET).on()
    with pytest.raises(TypeError, match="name topics"):
        Receiver(SECRET).on(int)  # type: ignore[type-var]


@pytest.mark.parametrize("header", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_header_is_a_bad_request_that_names_it(header: str) -> None:
    receiver, seen = collecting()
    answer = receiver.receive(sms().body, {k: v for k, v in sms().headers.items() if k != header})
    assert (answer.status, header in answer.reason, seen) == (400, True, [])


@pytest.mark.parametrize(
    ("message", "wanted"),
    [
        (lambda: SENDER.message("sms.received", secret="whsec_" + "A" * 32), 401),
        (lambda: SENDER.message("sms.received", age=400), 401),
        (lambda: SENDER.message("sms.received", age=-400), 401),
        (lambda: Signed(sms().body + b"\n", sms().headers), 401),
        (lambda: Signed(sms().body, sms().headers | {"webhook-timestamp": "soon"}), 400),
        (lambda: SENDER.raw(b'{"topic":"sms.received"}'), 400),
        (lambda: SENDER.raw(b"\xff"), 400),
        (lambda: SENDER.raw(sms().body.replace(b"sms.received", b"sms.invented")), 200),
        (lambda: SENDER.message("tag.added"), 200),
    ],
    ids=[
        "secret",
        "old",
        "new",
        "changed",
        "timestamp",
        "no event",
        "no json",
        "unknown topic",
        "no handler",
    ],
)
def test_what_is_answered_to_what_is_not_worked_on(message: Callable[[], Signed], wanted: int) -> None:
    store = MemoryDedupe()
    receiver, seen = collecting(dedupe=store)
    answer = receiver.receive(*message())
    assert (answer.status, seen, len(store)) == (wanted, [], 0)
    assert 0 < len(answer.reason) <= 300
    assert SECRET not in answer.reason


def test_a_handler_that_fails_is_answered_500_and_the_message_comes_again() -> None:
    receiver, failures = Receiver(SECRET), [ValueError("first"), ValueError("second")]
    done = []

    @receiver.on(SmsReceived)
    def shaky(message: Message[SmsReceived]) -> None:
        if failures:
            raise failures.pop()
        done.append(message.id)

    assert [status(receiver, sms()) for _ in range(4)] == [500, 500, 200, 200]
    assert done == ["msg_one"]


def test_a_handlers_error_may_be_accepted() -> None:
    receiver = Receiver(SECRET, rules=Rules(on_error=OnError.ACCEPT))
    calls = []

    @receiver.on(SmsReceived)
    def broken(message: Message[SmsReceived]) -> None:
        calls.append(1)
        raise ValueError("always")

    assert [status(receiver, sms()), status(receiver, sms())] == [200, 200]
    assert calls == [1]


def test_a_second_one_that_comes_while_the_first_is_under_way_is_told_to_come_again() -> None:
    receiver, answers = Receiver(SECRET), []

    @receiver.on(SmsReceived)
    def meanwhile(message: Message[SmsReceived]) -> None:
        answers.append(status(receiver, sms()))

    assert status(receiver, sms()) == 200
    assert answers == [409]


class Broken(MemoryDedupe):
    """A store that is away when the work is to be noted, or from the beginning."""

    def __init__(self, broken: str) -> None:
        super().__init__()
        self.broken = broken

    def claim(self, *values: Any) -> Claim:
        if self.broken == "claim":
            raise OSError("away")
        return super().claim(*values)

    def finish(self, *values: Any) -> bool:
        if self.broken == "finish":
            raise OSError("away")
        return super().finish(*values)


@pytest.mark.parametrize(("broken", "worked"), [("claim", 0), ("finish", 1)])
def test_a_store_that_is_away_is_answered_503_so_that_the_message_comes_again(
    broken: str, worked: int
) -> None:
    receiver, seen = collecting(dedupe=Broken(broken))
    assert status(receiver, sms()) == 503
    assert len(seen) == worked


async def test_on_a_loop_plain_handlers_run_in_threads_and_asynchronous_ones_on_the_loop(
    tmp_path: Path,
) -> None:
    store = SqliteDedupe(tmp_path / "notes.db")
    receiver, where = Receiver(SECRET, dedupe=store), []

    @receiver.on(SmsReceived)
    def plain(message: Message[SmsReceived]) -> None:
        where.append(threading.current_thread() is threading.main_thread())

    @receiver.on(SmsReceived)
    async def on_the_loop(message: Message[SmsReceived]) -> None:
        where.append(threading.current_thread() is threading.main_thread())

    assert (await receiver.receive_async(*sms())).status == 200
    assert (await receiver.receive_async(*sms())).reason == "done already"
    assert where == [False, True]
    store.close()


def test_a_background_that_would_lose_what_was_answered_is_refused() -> None:
    with pytest.raises(ValueError, match="SqliteDedupe"):
        Receiver(SECRET, background=True)
    Receiver(SECRET, background=Background(may_lose=True))


def test_in_the_background_the_answer_comes_before_the_work_and_a_full_queue_says_so(tmp_path: Path) -> None:
    store = SqliteDedupe(tmp_path / "notes.db")
    receiver = Receiver(SECRET, dedupe=store, background=Background(workers=1, queue=2))
    begun, go, done = threading.Semaphore(0), threading.Event(), []

    @receiver.on(SmsReceived)
    def slow(message: Message[SmsReceived]) -> None:
        begun.release()
        go.wait(30)
        done.append(message.id)

    first, second, third = (SENDER.message("sms.received", message_id=f"msg_{n}") for n in range(3))
    assert receiver.receive(*first) == (202, "taken", None)
    assert begun.acquire(timeout=30)
    assert receiver.receive(*first) == (202, "taken already", None) or not done
    assert status(receiver, second) == 202
    assert status(receiver, third) == 503
    assert done == []
    go.set()
    receiver.close()
    assert "msg_0" in done
    # What was not begun is left to the next process, at once and not after its lease.
    later = Receiver(SECRET, dedupe=store, background=True)
    later.on(SmsReceived)(lambda message: done.append(message.id))
    later.sweep()
    assert sorted(done) == ["msg_0", "msg_1"]
    assert later.receive(*second).reason == "done already"
    store.close()


def test_what_a_crash_left_behind_is_worked_on_when_its_lease_has_run_out(tmp_path: Path) -> None:
    clock = Clock()
    store = SqliteDedupe(tmp_path / "notes.db", clock)
    store.claim("msg_one", "of a process that is gone", 600, sms().body)
    receiver, seen = collecting(dedupe=store, background=True)
    assert receiver.sweep() == 0
    clock.now += 601
    assert receiver.sweep() == 1
    assert [(message.id, message.attempt) for message in seen] == [("msg_one", 2)]
    assert receiver.sweep() == 0
    store.close()


def test_a_handler_that_fails_in_the_background_is_tried_again_and_given_up_in_the_end(
    tmp_path: Path,
) -> None:
    clock, told = Clock(), []
    store = SqliteDedupe(tmp_path / "notes.db", clock)
    receiver = Receiver(
        SECRET,
        dedupe=store,
        background=True,
        rules=Rules(attempts=3),
        on_given_up=lambda msg_id, error: told.append((msg_id, str(error))),
    )
    calls = []

    @receiver.on(SmsReceived)
    def broken(message: Message[SmsReceived]) -> None:
        calls.append(message.attempt)
        raise ValueError("always")

    store.claim("msg_one", "gone", 0, sms().body)
    waits = []
    for _ in range(2):
        receiver.sweep()
        waits.append(receiver.sweep())
        clock.now += 10
    assert waits == [0, 0]
    assert calls == [2, 3]
    assert told == [("msg_one", "always")]
    assert receiver.sweep() == 0
    store.close()


async def test_the_background_of_a_loop_works_and_gives_back_what_it_had_not_begun(tmp_path: Path) -> None:
    store = SqliteDedupe(tmp_path / "notes.db")
    receiver = Receiver(SECRET, dedupe=store, background=Background(workers=1, queue=2))
    begun, go, done = asyncio.Event(), asyncio.Event(), []

    @receiver.on(SmsReceived)
    async def slow(message: Message[SmsReceived]) -> None:
        begun.set()
        await go.wait()
        done.append(message.id)

    messages = [SENDER.message("sms.received", message_id=f"msg_{n}") for n in range(3)]
    await receiver.start_async()
    assert (await receiver.receive_async(*messages[0])).status == 202
    await begun.wait()
    assert [(await receiver.receive_async(*m)).status for m in messages[1:]] == [202, 503]
    closing = asyncio.create_task(receiver.close_async())
    await asyncio.sleep(0)
    go.set()
    await closing
    assert done == ["msg_0"]
    assert await receiver.sweep_async() == 1
    assert done == ["msg_0", "msg_1"]
    store.close()


def test_a_store_for_loops_is_refused_in_a_thread() -> None:
    receiver = Receiver(SECRET, dedupe=AsyncRedisDedupe(None))
    for call in (lambda: receiver.receive(*sms()), receiver.start, receiver.sweep):
        with pytest.raises(TypeError, match="receive_async"):
            call()


FORKS = """
import os, sys, threading
from switchhook.webhooks import Receiver
from switchhook.webhooks.dedupe.sqlite import SqliteDedupe
from switchhook.webhooks.testing import SECRET, Sender

receiver, done = Receiver(SECRET, dedupe=SqliteDedupe(sys.argv[1]), background=True), threading.Event()
receiver.on("tag.added")(lambda message: done.set())
receiver.start()
child = os.fork()
if child == 0:
    assert receiver.receive(*Sender().message("tag.added")).status == 202
    os._exit(0 if done.wait(30) else 3)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_server_that_forks_after_the_start_works_on_what_it_takes(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-c", FORKS, str(tmp_path / "notes.db")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
