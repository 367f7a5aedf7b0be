"""Who has which number and which telephone."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from switchhook.settings.config import NumberConfig, UserConfig
from switchhook.storage.sqlite import SqliteStore
from switchhook.telephony.sip.plan import Ring
from switchhook.telephony.sip.routing import Routing, plan
from switchhook.workspace.administration import add_number
from switchhook.workspace.directory import Directory, configure, read_directory, sip_key
from tests.workspace.telling import ANNA, BEN, CLEO, DIRECTORY, MAIN, SECOND, rings

USERS = (
    UserConfig("anna@example.com", "Anna", ("sip:anna@10.0.0.5",)),
    UserConfig("ben@example.com", "Ben", ("sip:ben@10.0.0.6",)),
)
NUMBERS = (
    NumberConfig("01 23 45 67 89", "Main", ("ben@example.com", "anna@example.com"), ring_seconds=5),
    NumberConfig("+33123456780", "Second", ("ben@example.com",), voicemail=False),
)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = SqliteStore(tmp_path / "x.db")
    yield opened
    await opened.close()


async def bring_in(
    store: SqliteStore, users: tuple[UserConfig, ...] = USERS, numbers: tuple[NumberConfig, ...] = NUMBERS
) -> Directory:
    await store.run(lambda tx: configure(tx, "wsp_a", users, numbers, "FR"))
    return await store.read(lambda reader: read_directory(reader, "wsp_a", "FR"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sip:anna@10.0.0.5", "sip:anna@10.0.0.5"),
        ("sip:anna@10.0.0.5", "anna@10.0.0.5"),
        ("sip:anna@10.0.0.5", "SIP:anna@10.0.0.5"),
        ("sip:anna@10.0.0.5", "sip:anna@10.0.0.5:5060"),
        ("sip:anna@10.0.0.5", "<sip:anna@10.0.0.5>"),
        ("sip:anna@10.0.0.5", "<sip:anna@10.0.0.5;transport=udp>;tag=abc"),
        ("sip:anna@10.0.0.5", '"Anna" <sip:anna@10.0.0.5>'),
        ("sip:anna@10.0.0.5", '"Anna <at the desk>" <sip:anna@10.0.0.5>'),
        ("sip:anna@10.0.0.5", " sip:anna@10.0.0.5;transport=tcp?subject=x "),
        ("sip:anna@10.0.0.5", "sip:anna:secret@10.0.0.5"),
        ("sip:anna@Phone.Example.COM", "sip:anna@phone.example.com"),
        ("sip:anna@[2001:DB8::1]", "sip:anna@[2001:db8::1]:5060"),
        ("sip:10.0.0.5", "10.0.0.5"),
    ],
)
def test_these_are_one_telephone(one: str, other: str) -> None:
    assert sip_key(one) == sip_key(other)


@pytest.mark.parametrize(
    "other",
    [
        "sip:Anna@10.0.0.5",
        "sip:ben@10.0.0.5",
        "sip:anna@10.0.0.6",
        "sip:anna@10.0.0.5:5070",
        "sip:anna@10.0.0.50",
        "sip:10.0.0.5",
        "anna",
        "",
        "<>",
        "sip:",
        "@",
        '"sip:anna@10.0.0.5" <sip:ben@10.0.0.6>',
    ],
)
def test_these_are_other_telephones(other: str) -> None:
    assert sip_key("sip:anna@10.0.0.5") != sip_key(other)
    assert DIRECTORY.user_of_sip(other) is not ANNA


def test_a_user_is_found_by_each_of_their_telephones() -> None:
    assert DIRECTORY.user_of_sip("<sip:anna@10.0.0.5:5060>") is ANNA
    assert DIRECTORY.user_of_sip("ben@10.0.0.6") is BEN
    assert DIRECTORY.user_of_sip("sip:ben@10.0.0.7:5070") is BEN
    assert DIRECTORY.user_of_sip("sip:ben@10.0.0.7") is None
    assert DIRECTORY.user_of_sip(None) is None


def test_a_user_calls_out_with_the_first_number_that_lists_them() -> None:
    number = DIRECTORY.number_of_user(ANNA)
    assert number is not None
    assert number.number == MAIN
    number = DIRECTORY.number_of_user(BEN)
    assert number is not None
    assert number.number == SECOND
    assert DIRECTORY.number_of_user(CLEO) is None


async def test_the_configuration_comes_into_the_workspace(store: SqliteStore) -> None:
    directory = await bring_in(store)
    assert [(user.email, user.name, user.sip) for user in directory.users] == [
        ("anna@example.com", "Anna", ("sip:anna@10.0.0.5",)),
        ("ben@example.com", "Ben", ("sip:ben@10.0.0.6",)),
    ]
    main, second = directory.number("+33123456789"), directory.number("+33123456780")
    assert main is not None
    assert second is not None
    assert (main.name, main.country, main.settings.ring_seconds, main.settings.voicemail) == (
        "Main",
        "FR",
        5,
        True,
    )
    assert [user.email for user in main.users] == [
        "ben@example.com",
        "anna@example.com",
    ]  # the first one answers for it
    assert (second.settings.ring_seconds, second.settings.voicemail) == (25, False)
    assert (
        directory.number("01 23 45 67 89") is None
    )  # numbers are compared as they are spelled internationally
    assert directory.number(directory.spell("01 23 45 67 89")) is main


async def test_a_second_start_keeps_the_ids_and_takes_the_changes(store: SqliteStore) -> None:
    before = await bring_in(store)
    renamed = (UserConfig("anna@example.com", "Anna B.", ("sip:anna@10.0.0.9",)), USERS[1])
    after = await bring_in(store, renamed, (NumberConfig("+33123456789", "Front desk"),))
    assert [user.id for user in after.users] == [user.id for user in before.users]
    assert after.users[0].name == "Anna B."
    assert after.user_of_sip("sip:anna@10.0.0.5") is None
    assert after.user_of_sip("sip:anna@10.0.0.9") is after.users[0]
    main = after.number("+33123456789")
    assert main is not None
    assert (main.name, main.users) == ("Front desk", ())
    assert after.number("+33123456780") is not None  # what the configuration no longer names stays


async def test_a_workspace_knows_its_own_people_only(store: SqliteStore) -> None:
    await bring_in(store)
    other = await store.read(lambda reader: read_directory(reader, "wsp_b", "FR"))
    assert (other.users, other.numbers) == ((), ())


async def test_who_is_taken_out_of_the_file_of_the_line_loses_telephones_and_numbers_but_not_the_history(
    store: SqliteStore,
) -> None:
    before = await bring_in(store)
    left = USERS[:1]
    numbers = tuple(
        msgspec.structs.replace(number, users=tuple(set(number.users) & {left[0].email}))
        for number in NUMBERS[:1]
    )
    both = await bring_in(store, left, numbers)
    assert len(both.numbers) == len(before.numbers)  # another server's file says nothing about these
    await store.run(lambda tx: configure(tx, "wsp_a", left, numbers, "FR", alone=True))
    after = await store.read(lambda reader: read_directory(reader, "wsp_a", "FR"))
    assert [user.id for user in after.users] == [user.id for user in before.users]
    assert {user.email for user in after.users if user.sip} == {left[0].email}
    for gone in USERS[1:]:
        assert all(after.user_of_sip(address) is None for address in gone.sip if address not in left[0].sip)
    assert len(after.numbers) == 1


async def test_what_an_entry_does_not_say_of_role_status_and_kind_stays(store: SqliteStore) -> None:
    anna = "anna@example.com"
    said = (UserConfig(anna, "Anna", role="ADMIN", status="BLOCKED"),)
    number = NumberConfig(MAIN, "Main", (anna,), country="BE", capabilities=("VOICE", "SMS"))
    await bring_in(store, said, (number,))
    after = await bring_in(store, (UserConfig(anna, "Anna B."),), (NumberConfig(MAIN, "Desk"),))
    (user,) = after.users
    assert (user.name, user.role, user.status) == ("Anna B.", "ADMIN", "BLOCKED")
    (kept,) = after.numbers
    assert (kept.name, kept.country, kept.capabilities, kept.users) == ("Desk", "BE", ("VOICE", "SMS"), ())
    after = await bring_in(store, (UserConfig(anna, role="MEMBER", status="ACTIVE"),), ())
    assert (after.users[0].role, after.users[0].status) == ("MEMBER", "ACTIVE")


async def test_a_number_that_was_added_by_hand_outlives_the_file_of_the_line(store: SqliteStore) -> None:
    await bring_in(store)
    await store.run(lambda tx: add_number(tx, "wsp_a", NumberConfig("+33123456781"), "FR"))
    await store.run(lambda tx: configure(tx, "wsp_a", (), (), "FR", alone=True))
    after = await store.read(lambda reader: read_directory(reader, "wsp_a", "FR"))
    assert [number.number for number in after.numbers] == ["+33123456781"]


async def test_who_is_blocked_has_no_telephone(store: SqliteStore) -> None:
    blocked = (msgspec.structs.replace(USERS[0], status="BLOCKED"), USERS[1])
    directory = await bring_in(store, blocked)
    assert directory.users[0].sip == USERS[0].sip
    assert directory.users[0].telephones == ()
    assert directory.user_of_sip(USERS[0].sip[0]) is None
    rung = plan(rings(to_raw="+33123456789"), directory, Routing())
    assert isinstance(rung, Ring)
    assert rung.targets == USERS[1].sip
