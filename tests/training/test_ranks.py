"""Two processes on this machine, started by torchrun as a user would."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from dione.nets.resolver import load

pytestmark = pytest.mark.slow

SPY = """
import json, os, sys
from pathlib import Path
from dione.recipe import read
from dione.training import loop
from dione.training.config import TrainRecipe
from dione.training.run import train

recipe, told, stop = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
chosen, real, steps = read(recipe, TrainRecipe), loop.backward, []

def backward(model, *given):
    if len(steps) == stop:
        os._exit(1)
    terms, norm = real(model, *given)
    gradients = [float(p.grad.double().sum()) for p in model.parameters() if p.grad is not None]
    steps.append({"loss": float(terms.total.detach()), "gradients": gradients, "norm": norm})
    return terms, norm

loop.backward = backward
train(chosen)
(told / f"{os.environ['RANK']}.json").write_text(json.dumps(steps))
"""


def torchrun(*words, check=True):
    """Two processes on the loopback."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *map(str, words)]
    here = {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    ended = subprocess.run(command, env={**os.environ, **here}, capture_output=True, text=True, timeout=300)
    assert not check or ended.returncode == 0, ended.stderr
    return ended


def test_two_processes_share_gradients_draw_their_own_patches_and_go_on_after_a_kill_to_the_same_result(toml, tmp_path):
    script = tmp_path / "spy.py"
    script.write_text(SPY)
    torchrun(script, toml("whole"), tmp_path, -1)
    one, other = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1))
    assert len(one) == len(other) == 6
    for a, b in zip(one, other, strict=True):
        assert a["gradients"] == b["gradients"] and a["norm"] == b["norm"] and a["loss"] != b["loss"]

    assert torchrun(script, toml("halted"), tmp_path, 5, check=False).returncode != 0
    torchrun(script, toml("halted"), tmp_path, -1)
    whole, again = (load(tmp_path / out / "tiny" / "tiny.safetensors").net.state_dict() for out in ("whole", "halted"))
    assert all(torch.equal(whole[key], again[key]) for key in whole)


def test_the_command_speaks_once_and_one_process_cannot_take_over_from_two(toml, tmp_path):
    command = Path(sys.executable).with_name("dione")
    ended = torchrun("--no-python", command, "train", toml())
    assert ended.stdout.split() == [str(tmp_path / "runs" / "tiny" / "tiny.safetensors")] and ended.stderr.count("step 6 of 6") == 1
    again = subprocess.run([command, "train", toml()], capture_output=True, text=True, timeout=120)
    assert again.returncode == 1 and "processes: was 2, now 1" in again.stderr
