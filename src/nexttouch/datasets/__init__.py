"""Event logs to learn and test with: loaders of real logs and a simulator."""

from nexttouch.datasets.catalogue import dataset_info, load
from nexttouch.datasets.info import DatasetInfo
from nexttouch.datasets.simulator import Simulation, Truth, simulate

__all__ = ["DatasetInfo", "Simulation", "Truth", "dataset_info", "load", "simulate"]
