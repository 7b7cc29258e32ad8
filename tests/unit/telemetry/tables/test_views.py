from __future__ import annotations

import pytest

from tamiyo.contracts import RewardPaid, RewardParts
from tamiyo.telemetry import EventDatabase, JsonlSink
from tamiyo.telemetry.tables.layout import build_tables
from tamiyo.telemetry.tables.views import VIEWS

TABLES = {table.name: table for table in build_tables()}


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_a_view_has_an_expression_for_each_column_and_a_name_of_its_own(view):
    assert len(view.columns) == len(view.expressions)
    assert view.table in TABLES
    assert view.name.lower() not in {name.lower() for name in TABLES}


def test_rewards_are_summed_over_their_parts(tmp_path):
    parts = RewardParts(bounded_attribution=0.5, compute_rent=-0.25, terminal=2.0)
    path = tmp_path / "events.jsonl"
    with JsonlSink(path) as sink:
        sink.emit(RewardPaid(environment=1, epoch=4, parts=parts))
    database = EventDatabase(path)
    result = database.query("SELECT environment, epoch, reward, compute_rent FROM rewards")
    assert result.rows == [(1, 4, parts.total, -0.25)]
    assert {table.name: table.rows for table in database.describe()}["rewards"] == 1
