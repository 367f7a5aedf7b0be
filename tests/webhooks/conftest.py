"""What the tests of the toolkit share. Hypothesis judges results and not speed: a busy machine must fail no law."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.webhooks.stores import redis_server

settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")


@pytest.fixture(scope="session")
def redis_socket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The socket of a Redis of our own."""
    with redis_server(tmp_path_factory.mktemp("redis")) as path:
        yield path
