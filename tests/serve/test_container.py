"""The container recipe of docs/serve.md: what it names is there."""

import json
import re
import shlex

import pytest

from segbox.commands import command_parser
from tests.runs import ROOT

PAGE = (ROOT / "docs" / "serve.md").read_text(encoding="utf-8")
LINES = [line.split(" ", 1) for line in re.search(r"```dockerfile\n(.*?)```", PAGE, re.S)[1].splitlines()]


def lines_of(name):
    return [rest for own, rest in LINES if own == name]


def test_files_that_it_copies_are_there_and_all_that_the_installation_needs():
    copied = [word for line in lines_of("COPY") for word in shlex.split(line)[:-1]]
    assert [name for name in copied if name != "model.pt" and not (ROOT / name).exists()] == []
    assert {"setup.py", "pyproject.toml", "README.md", "LICENSE", "requirements", "configs", "segbox"} <= set(copied)


def test_it_starts_a_server_that_others_reach_at_the_port_that_it_opens_and_asks_for():
    (command,) = map(json.loads, lines_of("CMD"))
    assert command[:2] == ["segbox", "serve"]
    args = command_parser("serve").parse_args(command[2:])
    assert args.host == "0.0.0.0" and args.checkpoints == [lines_of("COPY")[-1].split()[1]]
    assert lines_of("EXPOSE") == [str(args.port)] and f":{args.port}/health" in lines_of("HEALTHCHECK")[0]


def test_it_does_not_run_as_root_and_its_python_is_one_that_segbox_takes():
    assert lines_of("USER") == ["serve"] and LINES.index(["USER", "serve"]) < len(LINES) - 1
    least = re.search(r'python_requires=">=3\.(\d+)"', (ROOT / "setup.py").read_text())[1]
    assert int(re.fullmatch(r"python:3\.(\d+)-slim", lines_of("FROM")[0])[1]) >= int(least)


@pytest.mark.parametrize("address", ["/health", "/metrics"])
def test_the_addresses_that_the_page_names_are_there(address):
    assert address in (ROOT / "segbox/serve/handler.py").read_text(encoding="utf-8") and address in PAGE
