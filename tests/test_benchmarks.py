import json
import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"


def test_the_memory_benchmark_runs_on_a_small_scene():
    run = subprocess.run([sys.executable, BENCHMARKS / "memory.py", "64"], capture_output=True, text=True, timeout=300, check=True)
    (made,) = json.loads(run.stdout)["runs"]
    assert made["side_px"] == 64 and made["peak_gb"] > 0
