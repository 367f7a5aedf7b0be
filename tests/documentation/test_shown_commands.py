"""Every command that a page shows is run, line by line, in a shell, against what the page starts."""

import json
import re
import socket
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from bench.serving import Process
from switchhook.webhooks.signing import Secret, Signer
from switchhook.webhooks.testing import SECRET, Sender
from tests import postgres
from tests.documentation.blocks import ROOT, of
from tests.documentation.shell import WAIT, Terminal, lines_of
from tests.ports import free_port, rtp_ports
from tests.receiver import Receiver
from tests.waiting import until

pytestmark = pytest.mark.process

PAGES = sorted({block.page for block in of("bash")})

# Done by the Makefile, and what it does is run by somebody else: `make -n` must name it.
MADE = {
    "make setup": "--require-hashes -r requirements/server.txt",  # every run of the tests begins with it
    "make demo": "python -m switchhook.demo",  # tests/process/test_demo.py
    "make test": "scripts/test.sh",  # this run
}
# Not run, because it fetches from an index or needs a daemon; what in it is ours is compared.
FETCHES = {
    "pip install 'switchhook[transcripts]'": "the extra is one that pyproject.toml has",
    "docker build -f deploy/Containerfile -t switchhook .": "tests/process/test_deploy.py holds the file",
    "docker run -p 8080:8080 -v switchhook:/data switchhook": "its port and its volume are the file's",
}
# What a command prints, where the page says it.
PRINTS = {
    r"switchhook serve\b": r"ready http://127\.0\.0\.1:\d+\n",
    r"switchhook keys create": r"ak_live_\S+\n",
    r"switchhook workspaces create": r"wsp_\w{22}\n",
    r"switchhook dashboard-link( +#|$)": r"http://127\.0\.0\.1:\d+/\S*#\S+\n",
    r"switchhook dashboard-link --public-url": r"https://phone\.acme\.example/\S*#\S+\n",
    r"switchhook users add": r"usr-\w+\n",
    r"switchhook numbers add \S*\d": r"\+33123456789\n",
    r"switchhook numbers add HARBOUR": r"HARBOUR\n",
    r"switchhook trigger": r"msg_\w{22}\n",
    r"switchhook call .*--say": r".*it is answered\n.*\ncll_\w{22}\tVOICEMAIL\t.*",
    r"switchhook call .*--user": r"cll-\w{22}\n",
    r"switchhook endpoints create": r"ep_\w{22}\twhsec_\S+\n",
    r"switchhook endpoints rotate": r"whsec_\S+\n",
    r"switchhook verify": r"authentic: .*",
    r"switchhook secrets new-key": r"\S{43,44}\n",
}


@dataclass
class Scene:
    """What a page finds: a terminal, somebody's endpoint, a telephone that rings for ever, maybe a PostgreSQL."""

    terminal: Terminal
    receiver: Receiver
    telephone: int
    cluster: Callable[[], postgres.Cluster]


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    door = tmp_path_factory.mktemp("warm") / "door"
    process = Process([sys.executable, str(Path(__file__).with_name("warm.py")), str(door)], "warm")
    yield door
    process.stop()


@pytest.fixture
def scene(tmp_path: Path, warm: Path, request: pytest.FixtureRequest) -> Iterator[Scene]:
    receiver, terminal = Receiver(), Terminal(tmp_path, warm)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as telephone:
        telephone.bind(("127.0.0.1", 0))
        port = telephone.getsockname()[1]
        yield Scene(terminal, receiver, port, lambda: request.getfixturevalue("cluster"))
        receiver.close()
        terminal.end()


def captured(at: int) -> bytes:
    """A request to a receiver as it came over the wire, signed with `SECRET` at that second."""
    body, headers = Sender().message("call.completed")
    headers["webhook-timestamp"] = str(at)
    headers["webhook-signature"] = Signer([Secret.parse(SECRET)]).sign(headers["webhook-id"], at, body)
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST /webhooks HTTP/1.1\r\n{head}\r\n".encode() + body


def nothing(scene: Scene) -> None:
    """The page begins with an empty folder, and shows by itself that it works."""


def before_index(scene: Scene) -> None:
    """Something that is being built listens on port 8000."""
    scene.terminal.fill({"http://127.0.0.1:8000/": scene.receiver.url})


def after_index(scene: Scene) -> None:
    """It has got the event that was triggered, signed with the secret that `listen` printed."""
    secret = re.search(r"whsec_\S+", scene.terminal.log("listen"))
    assert secret is not None
    while True:
        headers, body = scene.receiver.caught.get(timeout=WAIT)
        Webhook(secret[0]).verify(body, headers)
        if json.loads(body)["data"].get("person", {}).get("name") == "Zoe":
            return


def before_receiving(scene: Scene) -> None:
    """A request was saved as it arrived."""
    (scene.terminal.folder / "request.txt").write_bytes(captured(1_742_049_000))


SAYS = f"{sys.executable} {ROOT}/tests/telephony/says.py"
LINE = """
[sip]
listen = "127.0.0.1:{line}"
rtp_ports = "{rtp}"
speak = "{says}"
trunk = "127.0.0.1:{telephone}"

[[users]]
email = "lea@acme.example"
sip = ["sip:lea@127.0.0.1:{telephone}"]

[[numbers]]
number = "+33199999901"
users = ["lea@acme.example"]

[[numbers]]
number = "+33112345678"
users = ["lea@acme.example"]
answer = "voicemail"
"""


def before_operations(scene: Scene) -> None:
    """A line with a telephone, people to import, a captured request, a PostgreSQL; ids are asked of the server."""
    terminal = scene.terminal
    settings = LINE.format(line=free_port(), rtp=rtp_ports(), telephone=scene.telephone, says=SAYS)
    (terminal.folder / "switchhook.toml").write_text(settings)
    (terminal.folder / "people.csv").write_text("name,numbers\nZoe,+33611111111\n")
    (terminal.folder / "request.txt").write_bytes(captured(1_769_846_400))
    (terminal.folder / "backups").mkdir()
    cluster = scene.cluster()
    url = cluster.tcp_url("switchhook")
    terminal.env |= {"PGHOST": "127.0.0.1", "PGPORT": str(cluster.port)}
    terminal.env |= {"PGUSER": postgres.USER, "PGPASSWORD": postgres.PASSWORD}
    terminal.env["SWITCHHOOK_ALLOW_NETWORKS"] = "127.0.0.0/8"

    def endpoint() -> str:
        made = terminal.call("POST", "/v2/api/webhooks", {"url": scene.receiver.url, "topics": ["tag.added"]})
        return str(made["data"]["id"])

    def delivery() -> str:
        made = terminal.call("POST", f"/v2/api/webhooks/{endpoint()}/test", {"topic": "tag.added"})
        scene.receiver.caught.get(timeout=WAIT)
        return str(made["data"]["delivery_id"])

    terminal.fill(
        {
            "/backups/": f"{terminal.folder}/backups/",
            "https://example.com/hook": scene.receiver.url,
            "http://127.0.0.1:3000/hook": scene.receiver.url,
            "postgresql://user:password@host/switchhook": url,
            "--user anna@harbour.example": "--user lea@acme.example",  # who has a telephone here
            "whsec_SECRET": SECRET,
            "ENDPOINT_ID": endpoint,
            "DELIVERY_ID": delivery,
            "KEY_ID": lambda: json.loads(terminal.run("switchhook keys list --json"))[-1]["id"],
            "SECRETS_KEY=KEY ": lambda: f"SECRETS_KEY={terminal.run('switchhook secrets new-key').strip()} ",
        }
    )


def before_workspace(scene: Scene) -> None:
    """Ben works there already."""
    scene.terminal.run("switchhook users add ben@harbour.example")


# What a page finds when it begins, and what must be so when its last line has been run.
SCENES: dict[str, tuple[Callable[[Scene], None], Callable[[Scene], None]]] = {
    "README.md": (before_index, after_index),
    "index.md": (before_index, after_index),
    "operations.md": (before_operations, nothing),
    "receiving.md": (before_receiving, nothing),
    "transcripts.md": (nothing, nothing),
    "workspace.md": (before_workspace, nothing),
}


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_a_page_does_what_the_page_says(page: str, scene: Scene) -> None:
    assert page in SCENES, f"say in SCENES of {__file__} what the commands of {page} find when they begin"
    before, after = SCENES[page]
    before(scene)
    faults = []  # all of a page at once: a page takes seconds
    for line in [line for block in of("bash") if block.page == page for line in lines_of(block.text)]:
        try:
            one_line(line, scene.terminal)
        except (AssertionError, OSError) as fault:
            faults.append(str(fault))
    assert not faults, "\n\n".join(faults)
    after(scene)


def one_line(line: str, terminal: Terminal) -> None:
    """Run a command, or compare what is ours in it where it cannot be run."""
    command = re.sub(r"\s+#.*", "", line)
    if "while nothing serves" in line:
        terminal.end()
    if command in MADE:
        done = subprocess.run(
            ["make", "-n", "-B", command.split()[1]], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert MADE[command] in done.stdout
    elif command in FETCHES:
        fetched(command)
    else:
        said = terminal.run(line)
        for begin, expected in PRINTS.items():
            if re.match(begin, line):
                assert re.fullmatch(expected, said, re.DOTALL), f"{line}\n{said}"
        if command.startswith("curl"):
            assert "data" in json.loads(said), said
        if "switchhook listen" in line:
            until_it_listens(terminal)


def until_it_listens(terminal: Terminal) -> None:
    """`listen` says what it signs with before it is connected: events are made until one comes through."""

    def heard() -> bool:
        terminal.call("POST", "/v2/api/events", {"topic": "tag.added", "data": TAG})
        return "tag.added" in terminal.log("listen")

    until(heard, lambda: terminal.log("listen"))


TAG = {"call_id": "cll_1", "tag_key": "urgent", "tag_name": "Urgent", "user_email": None}


def fetched(command: str) -> None:
    """What is ours in a command that is not run."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    container = (ROOT / "deploy" / "Containerfile").read_text()
    for name in re.findall(r"switchhook\[([\w,]+)\]", command):
        assert set(name.split(",")) <= set(extras)
    for file in re.findall(r"-f (\S+)", command):
        assert (ROOT / file).exists()
    for outside, inside in re.findall(r"-p (\d+):(\d+)", command):
        assert outside == inside
        assert f"EXPOSE {inside}\n" in container
    for volume in re.findall(r"-v \w+:(\S+)", command):
        assert f"VOLUME {volume}\n" in container


def test_no_command_is_excused_that_no_page_shows() -> None:
    shown = {re.sub(r"\s+#.*", "", line) for block in of("bash") for line in lines_of(block.text)}
    assert {*MADE, *FETCHES} <= shown
    for begin in PRINTS:
        assert any(re.match(begin, line) for block in of("bash") for line in lines_of(block.text)), begin
