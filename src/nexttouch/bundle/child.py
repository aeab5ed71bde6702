"""The child process that loads a bundle first: ``python -m nexttouch.bundle.child``, not imported.

A damaged LightGBM model can abort, crash or spin for ever; here it takes only this process with it.
Reads one line of JSON (folder, entry, cpu_s, memory_mb), writes one line (digest, outputs).
"""

from __future__ import annotations

import json
import os
import resource
import sys
from pathlib import Path


def main() -> None:
    """Limit this process, load the bundle, answer with the outputs of its probe rows."""
    order = json.loads(sys.stdin.readline())
    memory = order["memory_mb"] * 2**20
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (order["cpu_s"], order["cpu_s"] + 1))
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print does not mix with the answer

    from nexttouch.bundle.folder import open_bundle  # noqa: PLC0415 - only under the limits
    from nexttouch.bundle.verify import load_entry_point  # noqa: PLC0415

    bundle = open_bundle(Path(order["folder"]))
    outputs = load_entry_point(order["entry"])(bundle)
    with answer:
        json.dump(
            {"digest": bundle.digest, "outputs": [list(map(float, r)) for r in outputs]}, answer
        )


if __name__ == "__main__":
    main()
