"""What one delivery costs in the HTTP client: POSTs of 1.5 KB over keep-alive, against wrk in the same run.

    python bench/http_client.py [--requests 60000] [--concurrency 64] [--rounds 3] [--loop uvloop|asyncio] [--tls]

Starts its own nginx (`return 204`, one worker) in a temporary directory on a free port. CPU is the client process's own
(user and system); requests a second share the machine with nginx, so the ratio to wrk is what to compare.
"""

import argparse
import asyncio
import resource
import shutil
import signal
import socket
import ssl
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from pathlib import Path

import trustme
import uvloop

from switchhook.clock import SystemClock
from switchhook.delivery.address import AddressPolicy, parse_target
from switchhook.delivery.exchange import Exchange, Request, header_block, join_blocks
from switchhook.delivery.http import Client, SystemResolver
from switchhook.delivery.outcome import classify

BODY = b'{"topic":"call.completed","data":"' + b"x" * 1464 + b'"}'
HEADERS = [
    ("webhook-id", "msg_0123456789"),
    ("webhook-timestamp", "1742049000"),
    ("webhook-signature", "v1," + "A" * 44),
]

CONFIG = """
daemon off; worker_processes 1; pid {dir}/nginx.pid; error_log {dir}/error.log crit;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 100000000; client_body_temp_path {dir}/b; proxy_temp_path {dir}/p;
  fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
  server {{ listen 127.0.0.1:{port} {tls}; {certificate} location / {{ return 204; }} }}
}}
"""


@contextmanager
def nginx(tls: bool, authority: trustme.CA) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as name:
        certificate = ""
        if tls:
            issued = authority.issue_cert("127.0.0.1")
            issued.private_key_and_cert_chain_pem.write_to_path(f"{name}/pem")
            certificate = f"ssl_certificate {name}/pem; ssl_certificate_key {name}/pem;"
        config = Path(name, "nginx.conf")
        config.write_text(
            CONFIG.format(dir=name, port=port, tls="ssl" if tls else "", certificate=certificate)
        )
        process = subprocess.Popen(
            [shutil.which("nginx") or "/usr/sbin/nginx", "-c", config, "-e", f"{name}/error.log"]
        )
        try:
            for _ in range(100):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.05)
            yield port
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def cpu(who: int = resource.RUSAGE_SELF) -> float:
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


async def drive(
    url: str, context: ssl.SSLContext | None, total: int, concurrency: int
) -> tuple[float, float]:
    """Requests a second and CPU seconds a request, the classification of each answer included."""
    clock = SystemClock()
    policy = AddressPolicy([ip_network("127.0.0.0/8")])
    client = Client(clock, policy, SystemResolver(clock), context)
    target = parse_target(url, policy)
    constant = header_block([("content-type", "application/json"), ("user-agent", "Switchhook-bench")])
    ended = asyncio.get_running_loop().create_future()
    left = total
    under_way = 0

    def send() -> None:
        nonlocal left, under_way
        left -= 1
        under_way += 1
        headers = join_blocks(constant, header_block(HEADERS))
        client.begin(Request(pool_key="ep", target=target, headers=headers, body=BODY), done)

    def done(exchange: Exchange) -> None:
        nonlocal under_way
        under_way -= 1
        outcome = classify(exchange, 1_742_049_000_000)
        if not outcome.ok:
            raise SystemExit(outcome.message_operator)
        if left > 0:
            send()
        elif under_way == 0:
            ended.set_result(None)

    begun, spent = time.perf_counter(), cpu()
    for _ in range(concurrency):
        send()
    await ended
    seconds, spent = time.perf_counter() - begun, cpu() - spent
    if client.stats.opened != concurrency:
        raise SystemExit(f"connections were not kept: {client.stats}")
    await client.aclose()
    return total / seconds, spent / total


def wrk(url: str, concurrency: int) -> tuple[float, float]:
    """The same two figures for wrk, with the same bytes."""
    lines = "".join(f'wrk.headers["{name}"] = "{value}"\n' for name, value in HEADERS)
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(f'wrk.method = "POST"\nwrk.body = [==[{BODY.decode()}]==]\n{lines}')
        script.flush()
        spent = cpu(resource.RUSAGE_CHILDREN)
        output = subprocess.run(
            [shutil.which("wrk") or "/usr/bin/wrk", "-t1", f"-c{concurrency}", "-d3s", "-s", script.name, url],
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        spent = cpu(resource.RUSAGE_CHILDREN) - spent
    total = int(next(line.split()[0] for line in output.splitlines() if "requests in" in line))
    return total / 3, spent / total


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=60_000)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--loop", choices=("uvloop", "asyncio"), default="uvloop")
    parser.add_argument("--tls", action="store_true")
    options = parser.parse_args()
    loop: Callable[[], asyncio.AbstractEventLoop] = (
        uvloop.new_event_loop if options.loop == "uvloop" else asyncio.new_event_loop
    )
    authority = trustme.CA()
    context = None
    if options.tls:
        context = ssl.create_default_context()
        authority.configure_trust(context)
    ours: list[tuple[float, float]] = []
    theirs: list[tuple[float, float]] = []
    with nginx(options.tls, authority) as port:
        url = f"{'https' if options.tls else 'http'}://127.0.0.1:{port}/hook"
        for number in range(options.rounds):
            theirs.append(wrk(url, options.concurrency))
            with asyncio.Runner(loop_factory=loop) as runner:
                ours.append(runner.run(drive(url, context, options.requests, options.concurrency)))
            for name, (rate, each) in (("wrk", theirs[-1]), ("switchhook", ours[-1])):
                print(
                    f"round {number + 1}  {name:10}  {rate:8,.0f} requests/s  {each * 1e6:6.1f} µs CPU a request"
                )
    ratio = statistics.median(t[1] / o[1] for o, t in zip(ours, theirs, strict=True))
    print(
        f"median {options.loop}, c={options.concurrency}: {statistics.median(o[1] for o in ours) * 1e6:.1f} µs CPU "
        f"a request, {ratio:.2f} of wrk by CPU"
    )


if __name__ == "__main__":
    main()
