"""What a launcher says in the environment, and what is told where it is wrong."""

import os
import socket

import pytest

from segbox import distributed
from segbox.errors import UserError
from segbox.launch import Launch, Share, launch, meeting_point, share
from tests.processes import CPU, fork, free_port, kill, wait

ARRAY = "SLURM_ARRAY_TASK_"
NAMES = (
    *(f"{ARRAY}{name}" for name in ("ID", "COUNT", "MIN", "STEP")),
    "RANK",
    "LOCAL_RANK",
    "WORLD_SIZE",
    "MASTER_ADDR",
    "MASTER_PORT",
)


@pytest.fixture(autouse=True)
def bare(monkeypatch):
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def say(monkeypatch, text):
    for pair in text.split():
        monkeypatch.setenv(*pair.split("="))


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ("", Launch(0, None, 1)),
        ("WORLD_SIZE=1", Launch(0, None, 1)),
        ("RANK=0 LOCAL_RANK=0 WORLD_SIZE=1", Launch(0, 0, 1)),
        ("RANK=5 LOCAL_RANK=1 WORLD_SIZE=8", Launch(5, 1, 8)),
        ("LOCAL_RANK=3", Launch(0, 3, 1)),
    ],
)
def test_what_launchers_say(monkeypatch, environment, expected):
    say(monkeypatch, environment)
    assert launch() == expected


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ("RANK=0 WORLD_SIZE=two", "WORLD_SIZE='two' .*whole number from 1"),
        ("RANK=0 WORLD_SIZE=0", "WORLD_SIZE='0' .*whole number from 1"),
        ("RANK=0 WORLD_SIZE=-1", "WORLD_SIZE='-1' .*whole number from 1"),
        ("RANK=0 WORLD_SIZE=2.0", "WORLD_SIZE='2.0' "),
        (f"RANK=0 WORLD_SIZE={'9' * 5000}", "WORLD_SIZE='9+' "),
        ("RANK=abc WORLD_SIZE=2", "RANK='abc' .*whole number from 0"),
        ("RANK=-1 WORLD_SIZE=2", "RANK='-1' "),
        ("RANK=² WORLD_SIZE=2", "RANK='²' "),
        ("LOCAL_RANK=x", "LOCAL_RANK='x' "),
        ("RANK=2 WORLD_SIZE=2", "RANK=2 with WORLD_SIZE=2: processes are numbered from 0 to 1"),
        ("RANK=1", r"RANK=1 is set .* but WORLD_SIZE is not\. segbox launch.* unset RANK"),
        ("WORLD_SIZE=2", r"WORLD_SIZE=2 is set .* but RANK is not\. .* unset WORLD_SIZE"),
    ],
)
def test_what_is_wrong_with_it(monkeypatch, environment, message):
    say(monkeypatch, environment)
    with pytest.raises(UserError, match=message), distributed.process_group(CPU):
        pass


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ("", "MASTER_ADDR and MASTER_PORT of the environment: not set"),
        ("MASTER_ADDR=a", "^MASTER_PORT of the environment: not set"),
        ("MASTER_PORT=1", "^MASTER_ADDR of the environment: not set"),
        ("MASTER_ADDR=a MASTER_PORT=x", "MASTER_PORT='x' .*from 1 to 65535"),
        ("MASTER_ADDR=a MASTER_PORT=65536", "MASTER_PORT='65536' "),
    ],
)
def test_processes_need_a_place_to_meet(monkeypatch, environment, message):
    say(monkeypatch, environment)
    with pytest.raises(UserError, match=message):
        meeting_point()


def test_the_gpu_of_a_process_must_be_said(monkeypatch):
    assert distributed.local_rank() == 0
    say(monkeypatch, "RANK=1 WORLD_SIZE=2")
    with pytest.raises(UserError, match=r"LOCAL_RANK is not set .* --device of its own"):
        distributed.local_rank()


@pytest.mark.parametrize("minutes", [float("nan"), float("inf"), -1.0, 0.0, 1e300])
def test_a_timeout_is_a_number_of_minutes(minutes):
    with (
        pytest.raises(UserError, match=r"--timeout .*: expected minutes, more than 0 and up to 525600"),
        distributed.process_group(CPU, minutes),
    ):
        pass


@pytest.mark.parametrize("name", ["nowhere.invalid", "a..b", "a" * 300])
def test_an_address_that_nobody_knows(monkeypatch, name):
    def unknown(host, port):
        host.encode("idna")
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    monkeypatch.setattr(distributed, "ADDRESS_SECONDS", 0.01)
    say(monkeypatch, f"RANK=1 WORLD_SIZE=2 MASTER_ADDR={name} MASTER_PORT=29500")
    with (
        pytest.raises(UserError, match=r"MASTER_ADDR='.*': no machine is known by this name \("),
        distributed.process_group(CPU),
    ):
        pass


def test_a_name_that_becomes_known_in_time(monkeypatch):
    answers = iter([socket.gaierror(-2, "not yet"), None])

    def later(host, port):
        if (answer := next(answers)) is not None:
            raise answer

    monkeypatch.setattr(socket, "getaddrinfo", later)
    monkeypatch.setattr(distributed.time, "sleep", lambda seconds: None)
    distributed.wait_for_address("node0", 29500, 60)
    assert next(answers, "all asked") == "all asked"


def test_a_port_in_use_is_named(monkeypatch):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        say(monkeypatch, f"RANK=0 WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT={port}")
        with (
            pytest.raises(UserError, match=f"MASTER_PORT={port} is in use on this machine"),
            distributed.process_group(CPU),
        ):
            pass


@pytest.mark.parametrize("rank", ["0", "1"])
def test_processes_that_do_not_come_are_waited_for_no_longer_than_the_timeout(monkeypatch, rank):
    say(monkeypatch, f"RANK={rank} WORLD_SIZE=2 MASTER_ADDR=127.0.0.1 MASTER_PORT={free_port()}")
    with (
        pytest.raises(UserError, match=r"the 2 processes of this run did not meet at 127\.0\.0\.1, port \d+ .*0\.01"),
        distributed.process_group(CPU, 0.01),
    ):
        pass


def test_all_processes_say_the_same(tmp_path):
    """All of them tell the first difference: the launcher shows one."""
    port = free_port()

    def work(rank):
        os.environ |= {"RANK": str(rank), "WORLD_SIZE": "3", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        said = {"config": {"optimizer": {"lr": 0.01 if rank < 2 else 0.02}, "seed": rank // 2}, "--resume": None}
        try:
            with distributed.process_group(CPU, 1, settings=said):
                pass
        except UserError as error:
            (tmp_path / str(rank)).write_text(str(error))
            raise SystemExit(2) from None

    children = [fork(lambda rank=rank: work(rank)) for rank in range(3)]
    try:
        assert wait(children, 30) == [2, 2, 2]
    finally:
        kill(children)
    told = {(tmp_path / str(rank)).read_text() for rank in range(3)}
    (message,) = told
    assert message.startswith(
        "process 2 was started with other settings than process 0: config.optimizer.lr 0.01 -> 0.02 (2 values differ)."
    )


@pytest.mark.parametrize(
    ("environment", "expected", "said"),
    [
        ("", (1, 1), ""),
        ("RANK=0 WORLD_SIZE=1", (1, 1), ""),
        ("RANK=2 WORLD_SIZE=8", (3, 8), "RANK=2 WORLD_SIZE=8"),
        ("S_ID=0 S_COUNT=4 S_MIN=0 S_STEP=1", (1, 4), "S_ID=0 S_COUNT=4"),
        ("S_ID=9 S_COUNT=3 S_MIN=5 S_STEP=2", (3, 3), "S_ID=9 S_COUNT=3"),
        ("S_ID=7 S_COUNT=1 S_MIN=7", (1, 1), ""),
        ("RANK=1 WORLD_SIZE=2 S_ID=3 S_COUNT=3 S_MIN=1", (6, 6), "RANK=1 WORLD_SIZE=2 S_ID=3 S_COUNT=3"),
    ],
)
def test_the_share_of_a_process_or_of_a_task_of_a_slurm_array(monkeypatch, environment, expected, said):
    say(monkeypatch, environment.replace("S_", ARRAY))
    assert share() == (Share(*expected), said.replace("S_", ARRAY))


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ("S_ID=3", "SLURM_ARRAY_TASK_ID=3 is set in the environment, but not SLURM_ARRAY_TASK_COUNT and"),
        (
            "S_ID=9 S_COUNT=3 S_MIN=1",
            r"an array of 3 tasks from 1 on: the array has gaps.* --array=0-2; or say --shard",
        ),
        ("S_ID=4 S_COUNT=3 S_MIN=1 S_STEP=2", "the array has gaps"),
        ("S_ID=x S_COUNT=3 S_MIN=1", "SLURM_ARRAY_TASK_ID='x' in the environment: expected a whole number"),
    ],
)
def test_slurm_arrays_that_do_not_say_the_share(monkeypatch, environment, message):
    say(monkeypatch, environment.replace("S_", ARRAY))
    with pytest.raises(UserError, match=message):
        share()
