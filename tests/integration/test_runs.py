from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest
import torch
from safetensors.torch import load_file

from tamiyo.recipes import grow_task, load_network
from tamiyo.tasks import get_task
from tests.support.schedules import EAGER_FLAGS, build_growing_config, write_schedule

SIGNALS = [signal.SIGINT, signal.SIGTERM]


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def twice(tmp_path_factory):
    folder = tmp_path_factory.mktemp("twice")
    config = build_growing_config(folder, epochs=16)
    return [grow_task(config, folder / name) for name in ("first", "again")]


def read_without_times(grown):
    events = [json.loads(line) for line in grown.folder.events.read_text().splitlines()]
    assert all(event.pop("time") for event in events)
    return events


def test_the_same_seed_writes_the_same_events_but_for_their_times(twice):
    first, again = map(read_without_times, twice)
    assert first == again
    assert {"SeedGerminated", "SeedFossilized", "TwinTrained"} <= {e["event"] for e in first}


@pytest.mark.parametrize("file", ["weights.safetensors", "growth.json"])
def test_the_same_seed_exports_the_same_bytes(twice, file):
    first, again = ((grown.folder.export / file).read_bytes() for grown in twice)
    assert first == again


def test_the_same_seed_comes_to_the_same_result(twice):
    first, again = twice
    assert first.result == again.result
    assert first.summary == again.summary


def test_another_seed_is_another_run(twice, tmp_path):
    config = build_growing_config(tmp_path, epochs=16, seed=1)
    other = grow_task(config, tmp_path / "run", twin=False)
    assert other.result != twice[0].result


def test_a_fresh_process_loads_the_network_that_grew_bit_for_bit(twice, tmp_path):
    folder, file = twice[0].folder.path, tmp_path / "outputs.safetensors"
    code = (
        "import sys, torch, tamiyo\nfrom safetensors.torch import save_file\n"
        "from tamiyo.tasks import get_task\n"
        "torch.set_num_threads(1)\n"
        "inputs = get_task('digits-cnn').load_data().test.inputs\n"
        "with torch.no_grad():\n"
        "    save_file({'outputs': tamiyo.load(__import__('pathlib').Path(sys.argv[1]))(inputs)},"
        " sys.argv[2])\n"
    )
    subprocess.run([sys.executable, "-c", code, str(folder), str(file)], check=True)
    with torch.no_grad():
        expected = load_network(folder)(get_task("digits-cnn").load_data().test.inputs)
    assert torch.equal(load_file(file)["outputs"], expected)


# --- signals -------------------------------------------------------------------------------------


@pytest.fixture
def process(tmp_path):
    words = ["--task", "digits-cnn", "--epochs", "4000", "--out", str(tmp_path / "run")]
    schedule = ["--controller", write_schedule(tmp_path), *EAGER_FLAGS]
    with subprocess.Popen(
        [sys.executable, "-m", "tamiyo", "grow", *words, *schedule],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.kill()


def wait_for_epochs(process, folder, count):
    """Wait until the log tells of so many epochs."""
    log, deadline = folder / "run" / "events.jsonl", time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        if log.exists() and log.read_text().count('"EpochCompleted"') >= count:
            return
        time.sleep(0.02)
    pytest.fail("the run did not get going")


@pytest.mark.slow
@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.requirement("8.3")
def test_a_signal_stops_after_the_epoch_with_everything_written(process, tmp_path, number):
    wait_for_epochs(process, tmp_path, 9)
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    run = tmp_path / "run"
    assert (process.returncode, err) == (0, "")
    assert "interrupted after" in out
    assert "host alone" not in out
    finished = json.loads(run.joinpath("events.jsonl").read_text().splitlines()[-1])
    assert (finished["event"], finished["interrupted"]) == ("RunFinished", True)
    result = json.loads((run / "result.json").read_text())
    assert 9 <= result["epochs"] == finished["epochs"] < 4000
    assert (run / "growth.png").stat().st_size > 1000
    committed = sum(p.numel() for p in load_network(run).parameters())
    assert committed == result["parameters"]
    assert len(result["contributions"]) == 1


@pytest.mark.slow
@pytest.mark.requirement("8.3")
def test_a_second_signal_ends_the_run_at_once(process, tmp_path):
    wait_for_epochs(process, tmp_path, 2)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "tamiyo: stopped at once\n")
    assert not (tmp_path / "run" / "result.json").exists()
