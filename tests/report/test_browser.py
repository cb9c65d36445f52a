# SPDX-License-Identifier: GPL-2.0-or-later
"""The page in a real browser: what a person sees, reaches with the keyboard, and is safe from."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from harness.report.html import html
from harness.report.stacks import Decoding
from harness.report.stored import read_run
from harness.words import Outcome
from tests.making import observation, results, store, trial
from tests.report.test_html import HOSTILE, circular

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

PHONE = {"width": 360, "height": 740}
DESK = {"width": 1280, "height": 900}

# Luminance and contrast as WCAG 2.1 defines them, of every element that has text of its own.
CONTRASTS = """() => {
  const read = text => text.match(/[\\d.]+/g).map(Number);
  const light = rgb => rgb.slice(0, 3).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
  const back = node => {
    for (; node; node = node.parentElement) {
      const colour = read(getComputedStyle(node).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const node of document.querySelectorAll("body *")) {
    const own = [...node.childNodes].some(child => child.nodeType === 3 && child.data.trim());
    if (!own || !node.checkVisibility() || node.closest("svg")) continue;
    const [one, two] = [light(read(getComputedStyle(node).color)), light(back(node))].sort((a, b) => b - a);
    found.push([(one + 0.05) / (two + 0.05), node.tagName + "." + node.className]);
  }
  return found;
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Return Chromium. While it is open, an event loop runs in this thread: other tests must not see that."""
    program = shutil.which("chromium")
    assert program, "Chromium is missing: install Debian's package chromium, as ci/test does"
    # Chromium's sandbox refuses to run as root; the page is ours.
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=options)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a page with a hostile console, a real circular report, latencies and figures over time."""
    folder = tmp_path_factory.mktemp("page")
    found, model = circular()
    counters = {f"kernel_latency_log2ns_{bucket}": 3**bucket % 97 + 1 for bucket in range(12, 25)}
    one = trial(
        Outcome.FAIL,
        events=(found,),
        reasons=(HOSTILE.decode("latin-1"),),
        observation=observation(
            counters=counters, notes=("a note",), series={"disks": ((0, 0), (900, 24)), "refused": ()}
        ),
    )
    console = b"\n".join([HOSTILE, *[b"line"] * found.line, found.raw.encode(), *[b"line"] * 500])
    second = trial(index=2, folder="trials/as-is/exhaust/2")
    stored = store(folder / "run", results(one, second), console)
    (stored / one.folder / "events.json").write_text(json.dumps([model]))

    def decoder(key: str, frames: Sequence[str]) -> Decoding:
        return Decoding({frame: f"mm/some_file.c:{line}" for line, frame in enumerate(frames, 100)})

    target = folder / "report.html"
    target.write_text(html(read_run(stored), decoder), encoding="utf-8")
    return target


def arrive(page: Page, anchor: str) -> None:
    """Wait until the page is at the anchor: Chromium goes there in its own time, and scrolls in a frame."""
    page.wait_for_url(lambda url: url.endswith(anchor))
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def opened(browser: Browser, page_file: Path, at: str = "", **options: object) -> Page:
    """Open the page; whatever asks for more than the file, runs a script or breaks the policy fails."""
    context = browser.new_context(**({"viewport": DESK} | options))  # type: ignore[arg-type]
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    page.on(
        "request",
        lambda request: complaints.append(request.url) if "report.html" not in request.url else None,
    )
    page.goto(page_file.as_uri() + at)
    arrive(page, at)
    assert complaints == []
    return page


def test_it_opens_at_the_verdict_and_the_matrix_is_in_sight(browser: Browser, page_file: Path) -> None:
    page = opened(browser, page_file)
    verdict = page.get_by_text("2 of 2 cells are as expected")
    assert verdict.bounding_box()["y"] < 200  # type: ignore[index]
    matrix = page.get_by_role("region", name="matrix of verdicts")
    assert matrix.bounding_box()["y"] < 450  # type: ignore[index]
    assert matrix.get_by_role("rowheader").all_inner_texts() == ["as-is", "sleepable\n= as-is", "(control)"]


def test_a_cell_is_reached_with_the_keyboard_alone(browser: Browser, page_file: Path) -> None:
    page = opened(browser, page_file)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "to the matrix"
    page.keyboard.press("Enter")
    arrive(page, "#matrix")
    seen = []
    for _ in range(4):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.getAttribute('href')"))
        if seen[-1] == "#cell1":
            break
    assert seen[-1] == "#cell1", seen
    style = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert style == "solid", "what has the focus is seen"
    page.keyboard.press("Enter")
    arrive(page, "#cell1")
    box = page.locator("#cell1").bounding_box()
    assert box is not None
    assert -5 < box["y"] < DESK["height"] / 2
    for _ in range(4):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.tagName") == "SUMMARY":
            break
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.parentElement.open") is True


def test_a_link_to_a_console_line_opens_the_console(browser: Browser, page_file: Path) -> None:
    page = opened(browser, page_file, "#cell1")
    link = page.get_by_role("link", name="console lines").first
    name = link.get_attribute("href") or ""
    target = page.locator(name)
    assert not target.is_visible()
    link.click()
    arrive(page, name)
    assert target.is_visible()
    box = target.bounding_box()
    assert box is not None
    assert 0 <= box["y"] < DESK["height"]
    page.go_back()
    arrive(page, "#cell1")


def test_an_edge_of_the_drawing_leads_to_its_trace(browser: Browser, page_file: Path) -> None:
    page = opened(browser, page_file, "#cell1")
    drawing = page.locator("#cell1 svg.locks")
    assert "cycle of locks" in (drawing.locator("title").text_content() or "")
    edge = drawing.locator("a").first
    name = edge.get_attribute("href") or ""
    edge.click()
    arrive(page, name)
    assert "holding" in page.locator(name).inner_text()
    page.locator(f"{name} summary").click()
    assert "mm/some_file.c:" in page.locator(name).inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_the_contrast_of_wcag_aa(browser: Browser, page_file: Path, scheme: str) -> None:
    page = opened(browser, page_file, color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
    found = page.evaluate(CONTRASTS)
    assert len(found) > 100
    assert [one for one in found if one[0] < 4.5] == []
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    assert dark is (scheme == "dark")


def test_a_phone_scrolls_only_up_and_down(browser: Browser, page_file: Path) -> None:
    page = opened(browser, page_file, viewport=PHONE, has_touch=True, is_mobile=True)
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    links = page.locator(".matrix td a")
    boxes = [links.nth(place).bounding_box() for place in range(links.count())]
    assert all(box and box["height"] >= 24 for box in boxes), "WCAG 2.2 asks for 24 pixels to touch"
    matrix = page.get_by_role("region", name="matrix of verdicts")
    matrix.evaluate("one => { one.scrollLeft = 500 }")
    box = matrix.get_by_role("rowheader", name="as-is", exact=True).bounding_box()
    assert box is not None
    assert 0 <= box["x"] < PHONE["width"] / 2


def test_a_hostile_log_is_text(browser: Browser, page_file: Path) -> None:
    page = opened(browser, page_file, "#trial1L2")
    line = page.locator("#trial1L2")
    assert line.is_visible()
    assert "<script>document.title='owned'</script>" in line.inner_text()
    assert page.title().startswith("2 of 2 cells")
    assert page.locator("script, img, iframe").count() == 0
    marks = page.locator("main").inner_text()
    assert "\u2400\u241b[31mred" in marks
    assert "\x1b" not in marks


def test_no_script_could_run_even_if_there_were_one(
    browser: Browser, page_file: Path, tmp_path: Path
) -> None:
    """The policy is the second wall: a script that got in nevertheless does nothing."""
    broken = tmp_path / "report.html"
    wicked = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    broken.write_text(
        page_file.read_text(encoding="utf-8").replace("</h1>", f"</h1>{wicked}"), encoding="utf-8"
    )
    page = browser.new_page()
    page.goto(broken.as_uri())
    assert page.title().startswith("2 of 2 cells")


def test_on_paper_what_is_folded_is_there_and_consoles_are_not(browser: Browser, page_file: Path) -> None:
    page = opened(browser, page_file)
    page.emulate_media(media="print")
    assert not page.locator("details.console").first.is_visible()
    assert page.locator("details.report pre").first.is_visible()
    assert not page.locator("nav").is_visible()
    assert len(page.pdf()) > 10_000
