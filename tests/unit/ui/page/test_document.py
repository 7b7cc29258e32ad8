"""The page of one run."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from tamiyo.ui.page import build_run_page
from tests.support.live import build_half_a_run, build_training
from tests.support.stories import build_whole_run, build_whole_training, tell

RUNS = {
    "a run": build_whole_run,
    "half a run": build_half_a_run,
    "a training": build_whole_training,
    "a training that goes on": build_training,
    "a training without hosts": lambda: build_training(environments=0),
}


class Checker(HTMLParser):
    """Checks that elements are nested, ids are unique and links lead somewhere."""

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.links, self.addresses = [], [], [], []

    def handle_starttag(self, tag, attributes):
        known = dict(attributes)
        if "id" in known:
            self.ids.append(known["id"])
        if known.get("href", "").startswith("#"):
            self.links.append(known["href"][1:])
        self.addresses += [known[name] for name in ("src", "href") if name in known]
        if tag not in {"meta", "link", "br", "input"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.mark.parametrize("name", RUNS)
def test_the_page_is_well_formed_and_needs_nothing_else(tmp_path, name):
    page = build_run_page(tell(tmp_path, RUNS[name]()))
    checker = Checker()
    checker.feed(page)
    assert checker.open == []
    assert len(set(checker.ids)) == len(checker.ids)
    assert set(checker.links) <= set(checker.ids)
    assert {address[0] for address in checker.addresses} <= {"#", "d"}
    assert "http://" not in page
    assert "https://" not in page
    assert len(page.encode()) < 500_000


def test_equal_logs_give_equal_pages(tmp_path):
    run = tell(tmp_path, build_whole_run())
    assert build_run_page(run) == build_run_page(run)


def test_what_the_log_lacks_comes_first(tmp_path):
    page = build_run_page(tell(tmp_path, build_half_a_run()))
    assert page.index("This record is not complete") < page.index('class="hero')
    assert "The log has no end of the run" in page
    assert "not complete" not in build_run_page(tell(tmp_path, build_whole_run()))


def test_words_of_the_log_are_escaped(tmp_path):
    run = tell(tmp_path, build_whole_run())
    page = build_run_page(replace(run, title="<img src=x onerror=alert(1)>", controller='"><b>'))
    assert "<img" not in page
    assert '"><b>' not in page


def test_many_hosts_are_shown_as_far_as_they_fit(tmp_path):
    run = tell(tmp_path, build_whole_training())
    hosts = tuple(replace(run.hosts[0], environment=number) for number in range(60))
    page = build_run_page(replace(run, hosts=hosts))
    assert len(page.encode()) < 500_000
    shown = len(re.findall(r'<section id="host-', page))
    assert 5 < shown < 60
    assert page.count("Environment ") > 60


def test_settings_and_alarms_are_listed(tmp_path):
    page = build_run_page(tell(tmp_path, build_whole_run()))
    assert "3f9a2c10" in page
    assert "environment 0, epoch 36" in page
    assert "rollback" in page
