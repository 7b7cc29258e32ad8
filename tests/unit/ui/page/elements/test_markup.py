"""Markup: nothing gets into a page unescaped."""

from __future__ import annotations

import pytest

from tamiyo.ui.page.elements.markup import Markup, join, tag

EVIL = "<script>alert('1')</script>&\""


def test_text_and_attributes_are_escaped():
    assert tag("p", EVIL) == "<p>&lt;script&gt;alert('1')&lt;/script&gt;&amp;\"</p>"
    assert "<script" not in tag("p", title=EVIL)
    assert '"&gt;' not in tag("p", title='">')


def test_markup_is_not_escaped_again():
    assert tag("p", tag("b", "x")) == "<p><b>x</b></p>"
    assert join([tag("b", "x"), ["<", None]]) == "<b>x</b>&lt;"


@pytest.mark.parametrize(
    ("value", "written"),
    [(1, "1"), (1.0, "1"), (2.345, "2.3"), (-0.04, "-0"), ("a b", "a b")],
)
def test_numbers_are_brief(value, written):
    assert tag("i", x=value) == f'<i x="{written}"></i>'


def test_attributes_may_be_flags_or_left_out():
    written = tag("button", hidden=True, id=None, disabled=False, aria_label="x", class_="y")
    assert written == '<button hidden aria-label="x" class="y"></button>'


def test_void_elements_have_no_end():
    assert tag("meta", charset="utf-8") == '<meta charset="utf-8">'


def test_text_with_markup_added_is_plain_text_again():
    assert not isinstance(tag("b", "x") + "<", Markup)
