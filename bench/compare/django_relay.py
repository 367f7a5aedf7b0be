"""django-outbound-webhooks with its relay, on PostgreSQL.

Four relay processes (they share the work by SKIP LOCKED), its own defaults: woken by NOTIFY, batches of 50, a lease of
60 s. It signs, keeps every attempt, retries on its own schedule and checks addresses, as Switchhook does.
"""

import os
from dataclasses import dataclass

import django
import psycopg.conninfo
import publishing
from django.conf import settings

database = psycopg.conninfo.conninfo_to_dict(os.environ["BROKER"])
settings.configure(
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": database["dbname"],
            "USER": database["user"],
            "HOST": database["host"],
            "PORT": database["port"],
            "CONN_MAX_AGE": None,
        }
    },
    INSTALLED_APPS=[
        "django.contrib.contenttypes",
        "django.contrib.auth",
        "django_domain_events",
        "django_outbound_webhooks",
    ],
    DJANGO_OUTBOUND_WEBHOOKS={"ALLOW_PRIVATE_ADDRESSES": True},
    USE_TZ=True,
)
django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from django_domain_events import event, fire  # noqa: E402
from django_outbound_webhooks import register_endpoint  # noqa: E402


@event(name="bench.CallCompleted")
@dataclass(frozen=True)
class CallCompleted:
    id: str
    data: str


def setup() -> None:
    call_command("migrate", verbosity=0)
    register_endpoint(
        name="bench",
        url=os.environ["HOOK"],
        secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        event_names=["bench.CallCompleted"],
    )


def send(id_: str, body: str) -> str:
    with transaction.atomic():
        number = fire(CallCompleted(id=id_, data=body))
    return str(number)


def ids() -> None:
    """Which webhook-id each event was sent with: the library makes one for each delivery."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT target::json->>'message', event_id FROM django_domain_events_deliveryrecord WHERE target <> ''"
        )
        for message, number in cursor.fetchall():
            print(message, number)


def publish() -> None:
    publishing.threads(send)


def relay() -> None:
    call_command("deliver_events")
