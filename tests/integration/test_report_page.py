"""The report in a real browser."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tamiyo.telemetry import tell_run
from tamiyo.ui import build_comparison_page, build_run_page
from tests.support.browser import Browser, needs_browser
from tests.support.stories import build_whole_run, build_whole_training, tell

pytestmark = needs_browser

TIP = "document.getElementById('tip')"
SHOWN = f"!{TIP}.hidden && {TIP}.textContent"
GROUND = "getComputedStyle(document.body).backgroundColor"
FOCUSED = (
    "(() => { const e = document.activeElement;"
    " return e.id || e.dataset.tip || e.getAttribute('aria-label') || e.textContent; })()"
)
FITS = "document.documentElement.scrollWidth <= innerWidth"
CONTRAST = """(() => {
  const read = (color) => color.match(/[\\d.]+/g).slice(0, 3).map((part) => {
    const share = part / 255;
    return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  const light = (color) => {
    const [red, green, blue] = read(color);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const ground = light(getComputedStyle(document.querySelector('.card')).backgroundColor);
  return [...document.querySelectorAll('h1,h2,h3,p,td,th,dd,dt,li,a,summary')].map((one) => {
    const ink = light(getComputedStyle(one).color);
    return (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
  }).reduce((one, other) => Math.min(one, other));
})()"""


@pytest.fixture(scope="module", name="run")
def _run(tmp_path_factory):
    return tell(tmp_path_factory.mktemp("run"), build_whole_run())


@pytest.fixture(scope="module", name="page")
def _page(tmp_path_factory, run):
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(build_run_page(run), encoding="utf-8")
    return path


@pytest.fixture(name="browser")
def _browser(page):
    with Browser() as browser:
        browser.open(page.as_uri())
        yield browser
        assert browser.errors == []
        assert [one for one in browser.requests if not one.startswith("data:")] == [page.as_uri()]


def test_the_timeline_shows_every_slot_and_stage(browser, run):
    (host,) = run.hosts
    bars = browser.evaluate("document.querySelectorAll('.timeline .span').length")
    assert bars == len(host.spans)
    boxes = browser.evaluate(
        "[...document.querySelectorAll('.timeline .span')].map((one) => "
        "one.getBoundingClientRect()).filter((box) => box.width > 1 && box.height > 20).length"
    )
    assert boxes == bars
    colors = browser.evaluate(
        "new Set([...document.querySelectorAll('.timeline .span')].map((one) => "
        "getComputedStyle(one).fill)).size"
    )
    assert colors >= 5


def test_a_decision_says_its_reason_on_hover(browser, run):
    kept = next(one for one in run.hosts[0].decisions if one.op == "FOSSILIZE")
    browser.hover(".timeline .op-FOSSILIZE")
    told = browser.wait_for(SHOWN)
    assert told.startswith(f"Epoch {kept.epoch}: keep in {kept.slot_id}")
    assert kept.reason in told
    box = browser.evaluate(
        f"(() => {{ const b = {TIP}.getBoundingClientRect();"
        " return b.left >= 0 && b.top >= 0 && b.right <= innerWidth && b.bottom <= innerHeight })()"
    )
    assert box


def test_the_keyboard_goes_through_the_page_in_order_and_along_the_timeline(browser):
    order = []
    for _ in range(30):
        browser.press("Tab")
        order.append(browser.evaluate(FOCUSED))
        if order[-1].startswith("Epoch"):
            break
    assert order[:3] == ["Skip to the report", "theme", "How the network grew"]
    assert order[-2] == "Structure timeline"
    first = browser.evaluate(SHOWN)
    assert first.startswith("Epoch")
    browser.press("ArrowRight")
    second = browser.evaluate(SHOWN)
    assert second
    assert second != first
    browser.press("ArrowLeft")
    assert browser.evaluate(SHOWN) == first
    browser.press("End")
    assert browser.evaluate(SHOWN) not in {first, second}
    browser.press("Escape")
    assert browser.evaluate(f"{TIP}.hidden")
    browser.press("Tab")
    assert not browser.evaluate(FOCUSED).startswith("Epoch")


def test_what_says_more_has_a_name_for_screen_readers(browser):
    nameless = browser.evaluate(
        "[...document.querySelectorAll('.hit, [role=img], [role=region], [role=group]')]"
        ".filter((one) => !one.getAttribute('aria-label')).length"
    )
    assert nameless == 0
    assert browser.evaluate("document.documentElement.lang") == "en"
    assert browser.evaluate("document.querySelectorAll('h1, main, nav, header').length") == 4
    levels = browser.evaluate(
        "[...document.querySelectorAll('h1, h2, h3')].map((one) => Number(one.tagName[1]))"
    )
    assert all(after <= before + 1 for before, after in pairwise(levels))


@pytest.mark.parametrize(("scheme", "word"), [("light", "Dark"), ("dark", "Light")])
def test_it_is_readable_in_light_and_dark_and_changes_on_demand(browser, scheme, word):
    browser.prefer(scheme)
    browser.wait_for(f"document.getElementById('theme').textContent === '{word} colors'")
    ground = browser.evaluate(GROUND)
    assert browser.evaluate(CONTRAST) >= 4.5
    browser.evaluate("document.getElementById('theme').click()")
    assert browser.evaluate(GROUND) != ground
    assert browser.evaluate(CONTRAST) >= 4.5


@pytest.mark.parametrize("width", [400, 768, 1600])
def test_it_fits_narrow_and_wide_windows(browser, width):
    browser.resize(width)
    assert browser.evaluate(FITS)


def test_a_training_and_a_comparison_work_too(tmp_path):
    log = tmp_path / "training"
    log.mkdir()
    training = tell(log, build_whole_training())
    pages = {"one": build_run_page(training), "two": build_comparison_page(training, training)}
    assert tell_run(log / "events.jsonl") == training
    for name, content in pages.items():
        path = tmp_path / f"{name}.html"
        path.write_text(content, encoding="utf-8")
        with Browser(width=400) as browser:
            browser.open(path.as_uri())
            assert browser.evaluate(FITS), name
            assert browser.evaluate("document.querySelectorAll('.timeline').length") == 2 * (
                1 if name == "one" else 2
            )
            assert browser.errors == []
            assert len(browser.requests) <= 2
