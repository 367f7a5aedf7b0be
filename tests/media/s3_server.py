"""A real S3 server in this process: moto's, on a socket, which checks the signature of every request by botocore."""

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from moto import settings
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.responses import ActionAuthenticatorMixin
from moto.iam.models import iam_backends
from moto.s3.models import s3_backends
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

BUCKET = "calls"
_ALL = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
)


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        pass


class S3Server:
    """What was asked is in `asked`. `refuse` says that a request is answered 503; `done` hears of what was done."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.refuse: Callable[[str, str], bool] = lambda method, path: False
        self.done: Callable[[str, str], None] = lambda method, path: None
        user = "tests"
        iam = iam_backends[DEFAULT_ACCOUNT_ID]["aws"]
        iam.create_user("us-east-1", user)
        iam.put_user_policy(user, "all", _ALL)
        key = iam.create_access_key(user)
        self.access_key, self.secret_key = key.access_key_id, key.secret_access_key
        s3_backends[DEFAULT_ACCOUNT_ID]["aws"].create_bucket(BUCKET, "us-east-1")
        self._inner = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True, request_handler=_Quiet)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def _answer(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        self.asked.append((method, path))
        if self.refuse(method, path):
            start("503 Slow Down", [("content-length", "0")])
            return [b""]
        answer: list[bytes] = list(self._inner(environ, start))
        self.done(method, path)
        return answer

    def objects(self) -> dict[str, bytes]:
        """What is in the bucket."""
        bucket = s3_backends[DEFAULT_ACCOUNT_ID]["aws"].get_bucket(BUCKET)
        return {name: key.value for name, key in bucket.keys.items()}

    def empty(self) -> None:
        """Nothing is in the bucket, and nothing was asked."""
        s3_backends[DEFAULT_ACCOUNT_ID]["aws"].get_bucket(BUCKET).keys.clear()
        self.asked.clear()

    def options(self) -> dict[str, Any]:
        """The settings that lead to it."""
        return {
            "recordings_bucket": BUCKET,
            "recordings_endpoint": self.url,
            "recordings_access_key": self.access_key,
            "recordings_secret_key": self.secret_key,
            "recordings_path_style": True,
        }

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def serving() -> Iterator[S3Server]:
    """An S3 server with an empty bucket."""
    before = settings.INITIAL_NO_AUTH_ACTION_COUNT
    settings.INITIAL_NO_AUTH_ACTION_COUNT = 0.0
    ActionAuthenticatorMixin.request_count = 0
    server = S3Server()
    try:
        yield server
    finally:
        server.close()
        settings.INITIAL_NO_AUTH_ACTION_COUNT = before
        for backends in (s3_backends, iam_backends):
            backends[DEFAULT_ACCOUNT_ID]["aws"].reset()
