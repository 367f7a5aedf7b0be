"""Foreign verifiers in Node: the reference library by way of `verify.mjs`, Node's own crypto for `v1a`."""

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
    installed = (ROOT / "node_modules" / "standardwebhooks").is_dir()
    asked = {"secret": secret, "headers": headers, "body": base64.b64encode(body).decode()}
    return _ask("verify.mjs", asked, None if installed else "run `npm ci` in the project's root")


def node_verifies_ed25519(key: str, headers: dict[str, str], body: bytes) -> bool:
    """What Node's own crypto says of a message signed with version `v1a`."""
    asked = {"key": key, "headers": headers, "body": base64.b64encode(body).decode()}
    return bool(_ask("verify_ed25519.mjs", asked)["ok"])


def _ask(script: str, asked: dict[str, Any], wanted: str | None = None) -> dict[str, Any]:
    node = shutil.which("node")
    wanted = "install Node.js 20 or later" if node is None else wanted
    if node is None or wanted is not None:
        reason = f"NOT CHECKED against the Node reference verifier: {wanted}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    done = subprocess.run(
        [node, str(HERE / script)],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=ROOT,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
