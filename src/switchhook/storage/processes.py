"""The processes that share a store: a lease each, and what becomes of those whose lease ran out.

    join ─▶ renew, renew, … ─▶ leave                    the lease runs on the clock of the database
              └─ no renewal in time ─▶ take_over by another process:
                   1. lock its row (it waits for nobody, and nobody of the lost process can write meanwhile)
                   2. mark it lost; from here on every write of it is refused
                   3. its events without a trace go into the schedule, due now, a few hundred in each transaction
                   4. its claims are released, its row goes

Whoever takes over may be lost itself: the next one goes on from the mark that the last transaction left. All of it runs
in `Lane.OUTCOMES`, where each statement sees what was committed when it began: between the lock and the look nothing
may be missed.
"""

from switchhook.storage.store import Reader, StorageError, Transaction


class LineLost(StorageError):
    """Another process has the line; what ours says of its calls does not count."""


async def renew(tx: Transaction, lease: float, mark: int) -> None:
    """Have this process's lease run for `lease` seconds from now, and its low-water mark be at least `mark`."""
    await tx.execute("renew_lease", lease, mark)


async def expire(tx: Transaction) -> None:
    """End this process's lease, so that it can be taken over at once."""
    await tx.execute("end_lease")


async def expire_other(tx: Transaction, process: int) -> None:
    """End the lease of a process that has ended for certain. Should it live after all, it joins again."""
    await tx.execute("end_lease_of", process)


async def last_number(reader: Reader) -> int:
    """Every event accepted after this was asked gets a greater `seq`."""
    ((number,),) = await reader.fetch("last_number")
    return int(number)


async def expired(reader: Reader) -> list[int]:
    """The other processes whose lease ran out, and 0 for what nobody accepted."""
    return [process for (process,) in await reader.fetch("expired_processes")]


async def count(reader: Reader) -> int:
    """How many processes are in force and deliver."""
    ((number,),) = await reader.fetch("count_processes")
    return int(number)


async def take_over_step(tx: Transaction, process: int, now: int, limit: int) -> tuple[int, bool]:
    """Put deliveries of up to `limit` events of an expired process into the schedule, due now (wall ms).

    Returns how many were put there, and whether there may be more. Does nothing to a process that is in force, that
    somebody else holds at the moment, or that is gone.
    """
    held = await tx.fetch("hold_process", process)
    if not held:
        return 0, False
    await tx.execute("mark_lost", process)
    ((events, mark, put),) = await tx.fetch("take_unsettled", process, held[0][0], limit, now)
    if put:
        tx.committed.schedule = True
    if events == limit:
        await tx.execute("mark_taken", process, mark)
        return put, True
    if await tx.execute("release_all_claims", process):
        tx.committed.schedule = True
    if process:
        await tx.execute("forget_process", process)
    else:
        # Nobody numbers events as 0 while the row is held, so what comes is above this.
        await tx.execute("mark_taken", process, await last_number(tx))
    return put, False


async def take_line(tx: Transaction, line: str) -> str | None:
    """Make `line` this process's, unless another in force has it; the name of that one, or None when it is ours."""
    if await tx.execute("take_line", line):
        return None
    rows = await tx.fetch("who_has_line", line)
    return str(rows[0][0]) if rows else "another process"


async def leave_line(tx: Transaction, line: str) -> None:
    """Let another process have `line`."""
    await tx.execute("leave_line", line)


async def need_line(tx: Transaction, line: str) -> None:
    """See that `line` is this process's, also when `tx` is committed (in `Lane.RULES`).

    Raises:
        LineLost: it is not.
    """
    if not await tx.fetch("has_line", line):
        raise LineLost("another process has the line now")


async def waiting_lanes(reader: Reader) -> list[tuple[str, str, int]]:
    """(workspace, endpoint, when its first unclaimed delivery is due in wall ms) of every endpoint that is enabled."""
    return [(workspace, id_, at) for workspace, id_, at in await reader.fetch("waiting_lanes")]


async def endpoint_versions(reader: Reader) -> dict[tuple[str, str], str]:
    """A version of each endpoint by (workspace, id), another one after every change."""
    return {(workspace, id_): version for workspace, id_, version in await reader.fetch("endpoint_versions")}
