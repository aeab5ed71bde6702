import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CHECK = """
import doctest
from benchmarks import models, report
from nexttouch.snapshots import DAY_US

assert doctest.testmod(models).failed == doctest.testmod(report).failed == 0
folds = models.PROTOCOLS["complete_journey"].churn(0, 366 * DAY_US)
assert [len(fold.training_us) for fold in folds] == [5, 6, 6, 6, 6]
assert all(max(f.training_us) + 28 * DAY_US <= f.test_us for f in folds)
assert len(models.PROTOCOLS["complete_journey"].stage(0, 366 * DAY_US)[0].training_us) == 9
assert list(report.document("x", [])) == ["benchmark", "machine", "versions", "rows"]
"""


def test_the_benchmark_keeps_its_protocol():
    done = subprocess.run(
        [sys.executable, "-c", CHECK], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
