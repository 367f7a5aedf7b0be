"""What the tests of the toolkit share."""

from collections.abc import Iterator

import pytest

from tests.webhooks.stores import redis_server


@pytest.fixture(scope="session")
def redis_socket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The socket of a Redis of our own."""
    with redis_server(tmp_path_factory.mktemp("redis")) as path:
        yield path
