"""From an empty library to a kept cut and a version disowned, in a real browser, past a service that is killed in between."""

from pathlib import Path

import httpx
from playwright.sync_api import Page, expect

from tests.acceptance.clips import five_seconds
from tests.servers.processes import free_port
from tests.service.test_process import started


def test_upload_watch_play_keep_export_invalidate_undo(page: Page, tmp_path: Path) -> None:
    film, port = five_seconds(tmp_path / "five seconds.mp4"), str(free_port())
    _upload_past_a_kill(page, tmp_path, film, port)
    with _serving(tmp_path, port) as (told, _):
        # the page that was open all the time goes on by itself, and shows the film when its job is done
        expect(page.locator(".film .name")).to_have_text("five seconds.mp4")
        expect(page.locator(".film")).not_to_contain_text("not asked yet")
        page.locator(".film a").click()
        expect(page.locator("#shots .shot")).to_have_count(5)
        _play_and_keep(page)
        _disown_and_take_back(page, told["url"])


def _serving(folder: Path, port: str):  # type: ignore[no-untyped-def] # as `started` says
    return started(folder, "serve", "--port", port, AMBER_ALGORITHMS="algorithms:ALGORITHMS")


def _upload_past_a_kill(page: Page, folder: Path, film: Path, port: str) -> None:
    """Begin an upload, and kill the service while the film is worked on."""
    with _serving(folder, port) as (told, process):
        page.goto(told["url"])
        expect(page.get_by_role("heading", name="No films yet")).to_be_visible()
        page.locator("#upload").set_input_files(film)
        row = page.locator("#uploads .job")
        expect(row.get_by_role("link", name="five seconds.mp4")).to_be_visible()
        expect(row).to_contain_text("frames")  # a step tells how far it is
        process.kill()
        process.wait()
        expect(row).to_contain_text("the service is away")


def _play_and_keep(page: Page) -> None:
    page.get_by_role("link", name="Match cuts", exact=True).last.click()
    expect(page.locator(".cut").first).to_be_visible()
    with page.expect_response(lambda answer: "/cuts/" in answer.url and ".mp4" in answer.url) as played:
        page.keyboard.press("Space")
    assert played.value.status == 200
    expect(page.locator("#hint")).to_be_hidden()
    page.locator("#screen").evaluate(
        "it => new Promise((done) => { const look = () => it.currentTime > 0.2 ? done() : requestAnimationFrame(look); look(); })"
    )
    page.keyboard.press("k")
    expect(page.locator(".cut").first).to_contain_text("kept")
    expect(page.locator("#told")).to_have_text("cut 1 is kept")
    with page.expect_download() as downloading:
        page.get_by_role("link", name="EDL").click()
    text = Path(downloading.value.path()).read_text()
    assert text.count("* FROM CLIP NAME") == 2  # the one kept cut has two sides
    page.locator("select[name=shown]").select_option("kept")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator(".cut")).to_have_count(1)


def _disown_and_take_back(page: Page, url: str) -> None:
    asset = httpx.get(f"{url}/v1/assets").json()["assets"][0]["asset"]
    page.goto(f"{url}/algorithms/shots")
    page.get_by_label("Why it is wrong").fill("cuts a frame late")
    page.get_by_role("button", name="Plan its invalidation").click()
    expect(page.locator(".sums")).to_contain_text("1feature to be disowned")
    expect(page.locator(".sums")).to_contain_text("3made from that")
    page.goto(f"{url}/films/{asset}")
    expect(page.locator("#shots .shot")).to_have_count(5)  # a plan changes nothing
    page.go_back()
    page.get_by_role("button", name="Apply: disown them").click()
    expect(page.locator(".bar .pill")).to_have_text("applied")
    page.goto(f"{url}/films/{asset}")
    expect(page.get_by_role("heading", name="Nothing is known of this film yet")).to_be_visible()
    page.goto(f"{url}/algorithms")
    page.get_by_role("region", name="Plans").get_by_role("link").first.click()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".bar .pill")).to_have_text("taken back")
    page.goto(f"{url}/films/{asset}")
    expect(page.locator("#shots .shot")).to_have_count(5)
