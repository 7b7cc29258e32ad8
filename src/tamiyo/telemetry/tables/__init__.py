"""The events of a log as tables that SQL can be asked about."""

from __future__ import annotations

from tamiyo.telemetry.tables.database import EventDatabase, QueryResult, TableContent
from tamiyo.telemetry.tables.layout import Column, EventTable, build_tables

__all__ = [
    "Column",
    "EventDatabase",
    "EventTable",
    "QueryResult",
    "TableContent",
    "build_tables",
]
