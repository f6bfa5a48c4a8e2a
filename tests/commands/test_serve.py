"""The command that serves models: its arguments, its models, and its end."""

import os
import signal
import subprocess
import sys
import threading
import urllib.request

import numpy as np
import pytest
import torch

from segbox.commands import main
from segbox.data.readers.files import read_image
from segbox.evaluation.predictor import Predictor
from segbox.serve.server import Server
from tests.faulty_data import smooth_image, write_image
from tests.runs import ROOT
from tests.serve.serving import Client
from tests.trained import write_checkpoint


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("served"))


def serve(monkeypatch, work, *arguments):
    """Run the command; `work` is called with a client while it serves, and then Ctrl-C is pressed."""
    forever = Server.serve_forever

    def for_a_while(server):
        thread = threading.Thread(target=forever, args=(server, 0.01))
        thread.start()
        try:
            work(Client(server))
        finally:
            server.shutdown()
            thread.join()
        raise KeyboardInterrupt

    monkeypatch.setattr(Server, "serve_forever", for_a_while)
    monkeypatch.setattr("segbox.commands.serve.end_now", lambda: None)
    main(["serve", *map(str, arguments), "--port", "0", "--device", "cpu"])


def test_masks_are_those_of_the_model(checkpoint, tmp_path, monkeypatch, capsys):
    photo = write_image(tmp_path / "photo.png", smooth_image(41, 57))
    found = []
    work = lambda client: found.append(client.predict(photo.read_bytes(), "output=mask").picture)  # noqa: E731
    serve(monkeypatch, work, checkpoint, "--cfg-options", "test.mode=slide", "test.window=24")
    out = capsys.readouterr().out
    assert out.startswith(f"{checkpoint.parent.name}/best: open http://127.0.0.1:")
    assert "POST /predict: 200, " in out
    sliding = {"mode": "slide", "window": (24, 24)}
    predictor = Predictor(None, checkpoint, torch.device("cpu"))
    whole = predictor.class_map(read_image(photo))
    predictor = Predictor({**predictor.opened.config, "test": sliding}, checkpoint, torch.device("cpu"))
    assert np.array_equal(found[0], predictor.class_map(read_image(photo))) and not np.array_equal(found[0], whole)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gone.pt"], "error: there is no checkpoint gone.pt"),
        (["a.pt", "a.pt"], "error: a.pt is given twice; name each model once"),
        (["a.pt", "--port", "70000"], "argument --port: expected a number, 0 to 65535, got '70000'"),
        (["a.pt", "--queue", "many"], "argument --queue: expected a number, 0 or more, got 'many'"),
        (["a.pt", "--host", "203.0.113.9"], "error: --host 203.0.113.9: this machine cannot be reached"),
    ],
)
def test_mistakes_end_with_one_message(arguments, message, capsys):
    with pytest.raises(SystemExit) as end:
        main(["serve", "--port", "0", *arguments])
    assert end.value.code == 2 and message in (error := capsys.readouterr().err) and "Traceback" not in error


@pytest.mark.slow
def test_ctrl_c_ends_it_at_once(checkpoint, tmp_path):
    """Also while a client waits for a model."""
    command = [sys.executable, "-m", "segbox", "serve", str(checkpoint), "--port", "0", "--device", "cpu"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment, cwd=tmp_path, **pipes) as process:
        url = process.stdout.readline().split("open ")[1].split(" in ")[0]
        photo = write_image(tmp_path / "photo.png", smooth_image(2500, 3000)).read_bytes()
        asked = threading.Thread(target=ask, args=(f"{url}/predict", photo))
        asked.start()
        while 'segbox_requests_total{path="/metrics"' not in ask(f"{url}/metrics"):
            pass
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130 and process.stderr.read() == "interrupted\n"
        asked.join()


def ask(url, content=None):
    try:
        with urllib.request.urlopen(url, content, timeout=60) as answer:
            return answer.read().decode()
    except OSError:  # the server has ended
        return ""
