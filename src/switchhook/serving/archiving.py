"""The archive of the configuration, and whether its object store can be used."""

import secrets

from switchhook.clock import Clock
from switchhook.media.s3 import ANYWHERE, LIMITS, S3, Bucket, S3Error
from switchhook.serving.archive import Archive
from switchhook.serving.outside import client
from switchhook.settings.config import Config
from switchhook.settings.recordings import S3 as IN_S3
from switchhook.storage.store import Store

PROBE = b"switchhook doctor"


def object_store(config: Config, clock: Clock) -> S3 | None:
    """The bucket of the configuration, also where new recordings stay on disk; None without one."""
    if not config.recordings_bucket:
        return None
    bucket = Bucket(
        name=config.recordings_bucket,
        endpoint=config.recordings_endpoint or f"https://s3.{config.recordings_region}.amazonaws.com",
        region=config.recordings_region,
        access_key=config.recordings_access_key,
        secret_key=config.recordings_secret_key,
        path_style=config.recordings_path_style,
    )
    return S3(bucket, client(config, clock, ANYWHERE, LIMITS), clock)


def archive(config: Config, store: Store, clock: Clock) -> Archive:
    """The archive of the configuration, not started."""
    return Archive(
        store,
        clock,
        config.data,
        object_store(config, clock),
        moves=config.recordings_store == IN_S3,
        keep=config.recordings_keep_days * 86_400,
        retention=config.recordings_retention,
        prefix=config.recordings_prefix,
    )


async def probe(config: Config, clock: Clock) -> str | None:
    """Put an object into the bucket, get it and delete it; what goes wrong, None when nothing does."""
    objects = object_store(config, clock)
    assert objects is not None
    key = f"{config.recordings_prefix}probe-{secrets.token_hex(8)}"
    try:
        await objects.put(key, PROBE, "text/plain")
        found = await objects.get(key, 0, len(PROBE) - 1)
        await objects.delete(key)
        return None if found.data == PROBE else f"{key} came back as something else"
    except S3Error as error:
        return str(error)
    finally:
        await objects.close()
