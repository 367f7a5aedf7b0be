"""The settings of recordings: where they are kept, and for how long."""

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from switchhook.settings import parsers
from switchhook.settings.sources import ConfigError, Option

if TYPE_CHECKING:
    from switchhook.settings.config import Config

DISK, S3 = "disk", "s3"
_BUCKET = re.compile(r"(?:[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])?").fullmatch
_PREFIX = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9_.-]*/)*(?:[A-Za-z0-9_-][A-Za-z0-9_.-]*)?").fullmatch
_REGION = re.compile(r"[a-z0-9-]{1,64}").fullmatch
_KEY = re.compile(r"[\x21-\x2b\x2d-\x7e]{0,256}").fullmatch


@dataclass(frozen=True)
class RecordingSettings:
    """The settings of recordings, a part of `Config`."""

    recordings_retention: float
    recordings_store: str
    recordings_bucket: str
    recordings_endpoint: str
    recordings_region: str
    recordings_access_key: str
    recordings_secret_key: str = field(repr=False)
    recordings_prefix: str
    recordings_path_style: bool
    recordings_keep_days: float


def _bucket(value: Any) -> str:
    if not _BUCKET(parsers.text(value)):
        raise ValueError("must be the name of a bucket: 3 to 63 small letters, digits, dots and hyphens")
    return str(value)


def _prefix(value: Any) -> str:
    if not _PREFIX(parsers.text(value)):
        raise ValueError("must be made of letters, digits, _, . and -, with / between, like switchhook/")
    return str(value)


def _region(value: Any) -> str:
    if not _REGION(parsers.text(value)):
        raise ValueError("must be like eu-west-3")
    return str(value)


def _access(value: Any) -> str:
    if not _KEY(parsers.text(value)):  # not shown: it may be the secret one
        raise ValueError("must be a key as the object store shows it, without spaces")
    return str(value)


# fmt: off - a table: one line each
RECORDING_OPTIONS: tuple[Option, ...] = (
    Option(
        "recordings_retention",
        parsers.duration,
        parsers.Duration(math.inf),
        "How long recordings are kept: 90d, 12h, forever.",
        "TIME",
    ),
    Option(
        "recordings_store", parsers.one_of(DISK, S3), DISK, "Where recordings are kept: disk, or s3.", "NAME"
    ),
    Option("recordings_bucket", _bucket, "", "Bucket of the object store.", "NAME"),
    Option("recordings_endpoint", parsers.url, "", "Where the object store is; by default Amazon's.", "URL"),
    Option("recordings_region", _region, "us-east-1", "Region that requests are signed for.", "NAME"),
    Option("recordings_access_key", _access, "", "Access key of the object store.", "KEY"),
    Option("recordings_secret_key", _access, "", "Secret key of the object store.", "SECRET"),
    Option("recordings_prefix", _prefix, "", "What the keys of objects begin with.", "TEXT"),
    Option(
        "recordings_path_style",
        parsers.switch,
        False,
        "The bucket stands in the path of URLs, not in the host's name.",
        "BOOL",
    ),
    Option(
        "recordings_keep_days",
        parsers.number(0, 3_650),
        1.0,
        "How long the file of a recording stays after the object store has it.",
        "DAYS",
    ),
)
# fmt: on


def check_recordings(config: "Config") -> None:
    """Refuse settings of the object store that do nothing, or are too few.

    Raises:
        ConfigError: with the setting and what is wrong.
    """
    own = ("bucket", "endpoint", "region", "access_key", "secret_key", "prefix", "path_style", "keep_days")
    given = [f"recordings_{name}" for name in own if f"recordings_{name}" in config.sources]
    if config.recordings_store == S3 or config.recordings_bucket:
        where = config.sources[
            "recordings_store" if "recordings_store" in config.sources else "recordings_bucket"
        ]
        for name in ("bucket", "access_key", "secret_key"):
            if not getattr(config, f"recordings_{name}"):
                raise ConfigError(f"{where}: the object store cannot be used without {name} in [recordings]")
    elif given:
        raise ConfigError(
            f"{config.sources[given[0]]}: there is no bucket; name it with bucket in [recordings], "
            'and write store = "s3" for new recordings to go there'
        )
    if config.recordings_endpoint.count("/") > 2:
        raise ConfigError(
            f"{config.sources['recordings_endpoint']}: must be like https://s3.example.com, without a path"
        )
