"""Model bundles on disk: written whole, opened only when every byte is as it was written."""

from __future__ import annotations

from nexttouch.bundle.folder import Bundle, open_bundle, write_bundle
from nexttouch.bundle.probe import Probe
from nexttouch.bundle.verify import load_entry_point, verify_in_child

__all__ = ["Bundle", "Probe", "load_entry_point", "open_bundle", "verify_in_child", "write_bundle"]
