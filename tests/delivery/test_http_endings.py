"""How connections of the HTTP client end: stale ones are replaced, and of those given up nothing is left."""

import asyncio
import socket
import struct

import pytest

from switchhook.delivery.exchange import Kind
from tests.delivery.receivers import (
    OK,
    Behave,
    Behaviour,
    Receiver,
    Sender,
    after_request,
    answering,
    nothing,
    on_both_loops,
    receiving,
    sending,
)


def stale(*, first_byte: bytes = b"", good_connections: int = 10**9, rude: bool = False) -> Behave:
    """Answers the first request of a connection; meets the second with a closed door. Later connections are good."""

    def behave(receiver: Receiver) -> Behaviour:
        async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            number = receiver.accepted
            await receiver.read_request(reader)
            if number > good_connections:
                writer.close()
                return
            writer.write(OK)
            if number > 1:
                await answering(OK)(receiver)(reader, writer)
            await reader.read(1)
            writer.write(first_byte)
            await writer.drain()
            if rude:
                writer.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                )
                writer.transport.abort()
            else:
                writer.close()

        return on_connection

    return behave


@pytest.mark.parametrize("rude", [False, True], ids=["closed", "reset"])
@on_both_loops
async def test_a_stale_connection_is_replaced_once_and_nobody_notices(rude: bool) -> None:
    async with receiving(stale(rude=rude)) as receiver, sending() as sender:
        await sender.send(receiver.port)
        exchange = await sender.send(receiver.port, b"again")
        assert (exchange.status, exchange.failure, exchange.reused) == (200, None, False)
        assert receiver.requests[-1].endswith(b"again")
        stats = sender.client.stats
        assert (receiver.accepted, stats.retried_stale, stats.opened, stats.in_flight) == (2, 1, 2, 0)


@on_both_loops
async def test_the_replacement_of_a_stale_connection_is_not_replaced_again() -> None:
    async with receiving(stale(good_connections=1)) as receiver, sending() as sender:
        await sender.send(receiver.port)
        exchange = await sender.send(receiver.port)
        assert exchange.failure is not None
        assert exchange.failure.kind is Kind.EARLY_CLOSE
        assert (receiver.accepted, sender.client.stats.retried_stale) == (2, 1)


@on_both_loops
async def test_a_connection_that_breaks_after_the_first_byte_was_not_stale() -> None:
    async with receiving(stale(first_byte=b"HTTP/1.1")) as receiver, sending() as sender:
        await sender.send(receiver.port)
        exchange = await sender.send(receiver.port)
        assert exchange.failure is not None
        assert exchange.failure.kind is Kind.EARLY_CLOSE
        assert (receiver.accepted, sender.client.stats.retried_stale) == (1, 0)


# Nothing is left


@on_both_loops
async def test_cancelling_a_request_ends_its_connection() -> None:
    async with receiving(after_request(nothing)) as receiver, sending() as sender:
        future = sender.send(receiver.port)
        await receiver.until(lambda: len(receiver.requests) == 1)
        future.cancel()
        await receiver.until(lambda: receiver.ended == 1)
        assert sender.client.stats.in_flight == 0
        with pytest.raises(asyncio.CancelledError):
            await future


@on_both_loops
async def test_cancelling_the_task_that_awaits_ends_the_connection_too() -> None:
    async def wait(sender: Sender, port: int) -> None:
        await sender.send(port)

    async with receiving(after_request(nothing)) as receiver, sending() as sender:
        task = asyncio.get_running_loop().create_task(wait(sender, receiver.port))
        await receiver.until(lambda: len(receiver.requests) == 1)
        task.cancel()
        await receiver.until(lambda: receiver.ended == 1)
        assert task.cancelled()
        assert sender.client.stats.in_flight == 0


@pytest.mark.parametrize("turns", range(8))
@on_both_loops
async def test_a_request_can_be_cancelled_at_any_moment_of_its_dial(turns: int) -> None:
    async with receiving(answering(OK)) as receiver, sending() as sender:
        future = sender.send(receiver.port)
        for _ in range(turns):
            await asyncio.sleep(0)
        future.cancel()
        async with asyncio.timeout(30):
            while sender.client.stats.in_flight:
                await asyncio.sleep(0)
        await receiver.until(lambda: receiver.ended == receiver.accepted or sender.client.stats.idle == 1)


@on_both_loops
async def test_closing_the_client_ends_everything() -> None:
    async with (
        receiving(after_request(nothing)) as silent,
        receiving(answering(OK)) as good,
        sending() as sender,
    ):
        await sender.send(good.port, key="good")
        waiting = [sender.send(silent.port, key="silent") for _ in range(3)]
        await silent.until(lambda: len(silent.requests) == 3)
        dialling = sender.send(silent.port, key="late")
        await sender.client.aclose()
        for future in (*waiting, dialling):
            failure = future.result().failure
            assert failure is not None
            assert failure.kind is Kind.SENDER_STOPPED
        await silent.until(lambda: silent.ended == silent.accepted)
        await good.until(lambda: good.ended == 1)
        after = await sender.send(good.port)
        assert after.failure is not None
        assert after.failure.kind is Kind.SENDER_STOPPED
        assert good.accepted == 1
