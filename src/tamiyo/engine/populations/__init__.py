"""Bring environments together in a population, of the kind that suits them."""

from __future__ import annotations

from tamiyo.engine.populations.choosing import PopulationChoice, build_population, find_obstacle
from tamiyo.engine.populations.mixed import MixedPopulation
from tamiyo.engine.populations.population import Population, SequentialPopulation

__all__ = [
    "MixedPopulation",
    "Population",
    "PopulationChoice",
    "SequentialPopulation",
    "build_population",
    "find_obstacle",
]
