"""The Python of docs/receiving.md is run: in one go, and tests by pytest. Its command: tests/documentation."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from switchhook.webhooks.testing import Sender
from tests import postgres

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "receiving.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_python_of_the_page_runs_from_top_to_bottom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cluster: postgres.Cluster, redis_socket: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", cluster.database(empty=True))
    monkeypatch.setenv("REDIS_URL", f"unix://{redis_socket}")
    message = Sender().message("call.completed")
    space: dict[str, Any] = {"body": message.body, "headers": message.headers}
    for kind, block in BLOCKS:
        if kind == "python" and "def test_" not in block:
            exec(compile(block, "docs/receiving.md", "exec"), space)
    space["receiver"].dedupe.close()
    space["fast"].dedupe.close()
    space["quick"]._client.close()


def test_the_tests_of_the_page_pass(tmp_path: Path) -> None:
    [block] = [block for kind, block in BLOCKS if kind == "python" and "def test_" in block]
    (tmp_path / "test_page.py").write_text(block, encoding="utf-8")
    path = os.pathsep.join([str(ROOT / "examples"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:schemathesis", "-p", "no:cacheprovider", "."],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
