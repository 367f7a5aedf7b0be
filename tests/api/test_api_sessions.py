"""Signing in on the page: what a session may do, when it ends, and who cannot use it."""

import pytest

from switchhook.dashboard.files import load
from switchhook.storage import keys, sessions
from tests.api.world import Answer, World

PAGE = {"x-switchhook-page": "1", "sec-fetch-site": "same-origin"}


async def sign_in(world: World, **given: str) -> Answer:
    return await world.call("POST", "/dashboard/session", json=given, headers=PAGE)


async def cookie(world: World, key: str) -> dict[str, str]:
    """The header of a browser that has signed in."""
    answer = await sign_in(world, key=key)
    assert answer.status == 200, answer.body
    return {"cookie": answer.headers["set-cookie"].partition(";")[0]}


async def link(world: World) -> str:
    token = sessions.new_token("wsp_a")
    await world.store.run(lambda tx: sessions.add_link(tx, "wsp_a", token, world.clock.now()))
    return token


async def test_a_session_has_the_scopes_of_its_key_and_no_other(world: World) -> None:
    key = await world.key("WEBHOOKS_READ_WRITE")
    held = await cookie(world, key)
    assert (await world.call("GET", "/v2/api/webhooks", headers=held)).status == 200
    refused = await world.call("GET", "/v2/api/tags", headers=held)
    assert (refused.status, refused.code) == (403, "API_KEY_INSUFFICIENT_SCOPE")


async def test_the_cookie_is_for_this_site_and_no_script(world: World, key: str) -> None:
    answer = await sign_in(world, key=key)
    text = answer.headers["set-cookie"]
    for part in ("__Host-switchhook=", "Path=/", "HttpOnly", "SameSite=Strict", "Secure"):
        assert part in text
    assert key not in text
    token = text.partition("=")[2].partition(";")[0]
    assert await world.rows("session", "wsp_a", keys.digest(token), world.clock.now())


async def test_a_link_signs_in_once_and_for_ten_minutes(world: World) -> None:
    token = await link(world)
    first = await sign_in(world, link=token)
    assert first.status == 200
    held = {"cookie": first.headers["set-cookie"].partition(";")[0]}
    assert (await world.call("GET", "/v2/api/me", headers=held)).data["scopes"] == ["ALL"]
    assert (await sign_in(world, link=token)).status == 401
    late = await link(world)
    await world.clock.advance(600)
    assert (await sign_in(world, link=late)).status == 401


async def test_a_link_is_no_session(world: World) -> None:
    token = await link(world)
    answer = await world.call("GET", "/v2/api/me", headers={"cookie": f"switchhook={token}"})
    assert answer.status == 401


async def test_a_session_ends_by_signing_out_by_time_and_with_its_key(world: World, key: str) -> None:
    held = await cookie(world, key)
    out = await world.call("DELETE", "/dashboard/session", headers={**held, **PAGE})
    assert (out.status, "Max-Age=0" in out.headers["set-cookie"]) == (204, True)
    assert (await world.call("GET", "/v2/api/me", headers=held)).code == "UNAUTHORIZED"

    held = await cookie(world, key)
    me = (await world.call("GET", "/v2/api/me", headers=held)).data["api_key_id"]
    assert await world.store.run(lambda tx: keys.revoke_key(tx, me, world.clock.now()))
    await world.clock.advance(1)
    assert (await world.call("GET", "/v2/api/me", headers=held)).code == "API_KEY_REVOKED"

    held = await cookie(world, await world.key())
    await world.clock.advance(12 * 3600)
    assert (await world.call("GET", "/v2/api/me", headers=held)).code == "UNAUTHORIZED"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-switchhook-page": "1", "sec-fetch-site": "cross-site"},
        {"x-switchhook-page": "1", "sec-fetch-site": "same-site"},
        {"x-switchhook-page": "1", "origin": "https://evil.example"},
        {"x-switchhook-page": "1", "origin": "null"},
        {"origin": "https://x", "sec-fetch-site": "same-origin"},
    ],
)
async def test_another_site_changes_nothing_with_a_session(
    world: World, key: str, headers: dict[str, str]
) -> None:
    held = await cookie(world, key)
    body = {"url": "https://hooks.example/in", "topics": ["tag.added"]}
    refused = await world.call("POST", "/v2/api/webhooks", json=body, headers={**held, **headers})
    assert (refused.status, refused.code) == (403, "FORBIDDEN")
    assert (await world.call("GET", "/v2/api/webhooks", key=key)).data == []
    refused = await world.call("POST", "/dashboard/session", json={"key": key}, headers=headers)
    assert refused.status == 403
    own = {**held, **PAGE, "origin": "https://x"}
    assert (await world.call("POST", "/v2/api/webhooks", json=body, headers=own)).status == 201


async def test_a_key_counts_before_a_cookie(world: World, key: str) -> None:
    held = await cookie(world, await world.key("TAGS_READ"))
    assert (await world.call("GET", "/v2/api/webhooks", key=key, headers=held)).status == 200


@pytest.mark.parametrize(
    "text", ["switchhook=", "switchhook=wsp_a.x", "switchhook=\xff", "switchhook=a;b", "x" * 9]
)
async def test_a_bad_cookie_is_401(world: World, text: str) -> None:
    assert (await world.call("GET", "/v2/api/me", headers={"cookie": text})).status == 401


async def test_a_wrong_key_does_not_sign_in(world: World) -> None:
    assert (await sign_in(world, key="ak_live_nobody")).status == 401
    assert (await sign_in(world)).status == 400


async def test_browsers_land_on_the_page_and_programs_where_they_did(world: World) -> None:
    browser = await world.call("GET", "/", headers={"accept": "text/html,application/xhtml+xml"})
    assert (browser.status, browser.headers["location"]) == (307, "/dashboard")
    program = await world.call("GET", "/", headers={"accept": "*/*"})
    assert (program.status, program.headers["location"]) == (307, "/docs")


async def test_the_files_of_the_page_ask_nobody_else_and_run_nothing_foreign(world: World) -> None:
    for name in load():
        path = "/dashboard" if name == "index.html" else f"/dashboard/{name}"
        answer = await world.call("GET", path)
        assert answer.status == 200, name
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-frame-options"] == "DENY"
        again = await world.call("GET", path, headers={"if-none-match": answer.headers["etag"]})
        assert (again.status, again.body) == (304, b"")
        text = answer.body.decode()
        assert "innerHTML" not in text
        assert "https://" not in text.replace("https://example.com", ""), name
    assert (await world.call("GET", "/dashboard/nothing.js")).status == 404
    assert (await world.call("GET", "/dashboard/..%2Fpage.py")).status == 404


async def test_sessions_that_are_over_are_forgotten(world: World, key: str) -> None:
    await cookie(world, key)
    await world.clock.advance(12 * 3600)
    await cookie(world, key)
    assert (
        await world.store.run(
            lambda tx: tx.execute("forget_sessions", "wsp_a", world.clock.now() + 13 * 3_600_000)
        )
        == 1
    )
