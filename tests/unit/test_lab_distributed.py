"""Several processes train what one would; accelerate takes the config for several GPUs."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from accelerate.commands.config.config_args import load_config_from_file
from lab_runs import CONFIGS, config_of

# A run to the end of its steps: so short a one is no model to release.
FIT = """
import sys
from pathlib import Path

from models.training.lab.recipe import read_recipe
from models.training.lab.sets import sets_of
from models.training.lab.train import fitted

config, out = map(Path, sys.argv[1:])
recipe = read_recipe(config)
run = fitted(recipe, sets_of(recipe, config.parent, config.parent), out, lambda line: None)
(out / "processes").write_text(str(run.processes))
"""


def losses_of(folder):
    told = [json.loads(line) for line in (folder / "train.log").read_text().splitlines()]
    return [one.get("loss", one.get("validation_loss")) for one in told]


def free_port():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


@pytest.mark.long
def test_two_processes_have_the_losses_of_one(tmp_path):
    config = config_of(
        tmp_path, "lab_tiny_lora", layers=1, epochs=1, dropout=0.0, precision="fp32", batch=15
    )
    launch = [
        "--multi_gpu",
        "--num_processes",
        "2",
        "--num_machines",
        "1",
        "--mixed_precision",
        "no",
    ]
    launch += ["--dynamo_backend", "no", "--main_process_port", str(free_port())]
    script = tmp_path / "fit.py"
    script.write_text(FIT)
    train = [str(script), str(config)]
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
        "HF_HUB_OFFLINE": "1",
        "EARSHOT_HOME": str(tmp_path),
    }
    accelerate = [sys.executable, "-m", "accelerate.commands.launch", *launch]

    for command in (
        [sys.executable, *train, str(tmp_path / "one")],
        [*accelerate, *train, str(tmp_path / "two")],
    ):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr[-2000:]

    assert (tmp_path / "two" / "processes").read_text() == "2"
    one, two = losses_of(tmp_path / "one"), losses_of(tmp_path / "two")
    assert len(one) >= 3
    assert two == pytest.approx(one, abs=1e-3)


def test_the_config_for_a_sharded_model_loads():
    config = load_config_from_file(str(CONFIGS / "fsdp.yaml"))

    assert config.distributed_type == "FSDP"
    assert config.fsdp_config["fsdp_sharding_strategy"] == "FULL_SHARD"
    assert config.num_processes == 2
