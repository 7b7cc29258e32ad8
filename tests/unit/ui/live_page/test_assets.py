from __future__ import annotations

import re

from tamiyo.ui.live_page.assets import load_assets


def test_the_page_and_every_file_it_names_are_there():
    assets = load_assets()
    named = re.findall(r'(?:src|href)="([^"#]+)"', assets[""].content.decode())
    assert {"app.js", "style.css"} <= set(named)
    assert set(named) <= set(assets)


def test_every_module_that_a_script_imports_is_there():
    assets = load_assets()
    scripts = [one.content.decode() for name, one in assets.items() if name.endswith(".js")]
    imported = {name for text in scripts for name in re.findall(r'from "\./([^"]+)"', text)}
    assert imported
    assert imported <= set(assets)


def test_every_file_has_a_media_type():
    kinds = {one.kind.partition(";")[0] for one in load_assets().values()}
    assert kinds == {"text/html", "text/css", "text/javascript", "image/svg+xml"}


def test_the_page_has_no_inline_script_or_style_and_names_no_other_place():
    page = load_assets()[""].content.decode()
    assert re.search(r"<script(?![^>]*\bsrc=)", page) is None
    assert re.search(r"<style|\sstyle=|\son\w+=", page) is None
    everything = "".join(one.content.decode() for one in load_assets().values())
    assert set(re.findall(r"https?://[^\s\"')]+", everything)) <= {"http://www.w3.org/2000/svg"}


def test_no_script_turns_text_into_markup():
    scripts = [one.content.decode() for name, one in load_assets().items() if name.endswith(".js")]
    for banned in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert not any(banned in script for script in scripts)
