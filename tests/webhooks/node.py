"""The reference verifier in Node, by way of `verify.mjs`."""

import base64
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def node_verifies(secret: str, headers: dict[str, str], body: bytes) -> dict[str, Any]:
    """What Node's `standardwebhooks` says of a message. Without Node the test is skipped; in CI it fails."""
    node = shutil.which("node")
    if node is None or not (ROOT / "node_modules" / "standardwebhooks").is_dir():
        wanted = "install Node.js 20 or later" if node is None else "run `npm ci` in the project's root"
        reason = f"NOT CHECKED against the Node reference verifier: {wanted}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    asked = {"secret": secret, "headers": headers, "body": base64.b64encode(body).decode()}
    done = subprocess.run(
        [node, str(HERE / "verify.mjs")],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=ROOT,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
