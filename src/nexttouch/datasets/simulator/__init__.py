"""The simulator: a world with known effects, passed day by day."""

from nexttouch.datasets.simulator.simulate import Simulation, simulate
from nexttouch.datasets.simulator.truth import Truth

__all__ = ["Simulation", "Truth", "simulate"]
