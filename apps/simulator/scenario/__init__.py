"""Scenarios: small files that say how a simulator begins and what goes wrong with it, and when.

What a file may say is reading.py, carrying it out player.py. The files themselves stand in
apps/simulator/scenarios; each opens with what it reproduces.
"""

from __future__ import annotations

from apps.simulator.scenario.player import ScenarioPlayer
from apps.simulator.scenario.reading import Scenario, Step, read_scenario, scenario_lines, scenario_names

__all__ = ["Scenario", "ScenarioPlayer", "Step", "read_scenario", "scenario_lines", "scenario_names"]
