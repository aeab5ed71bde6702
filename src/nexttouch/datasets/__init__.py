"""Event logs to learn and test with: loaders of real logs and a simulator."""

from nexttouch.datasets.catalogue import dataset_info, load
from nexttouch.datasets.info import DatasetInfo

__all__ = ["DatasetInfo", "dataset_info", "load"]
