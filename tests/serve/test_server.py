"""Requests to a server in this process: what it answers, what it refuses, and what it survives."""

import csv
import json
import socket
import struct
import threading
import time
import zlib

import cv2
import numpy as np
import pytest

from segbox import __version__
from segbox.errors import UserError
from segbox.serve.limits import Limits
from segbox.serve.server import Server
from tests.serve.serving import Model, as_png, form, half_bright, serving
from tests.tiff_files import write_tiff

PICTURE = as_png(half_bright())


@pytest.fixture
def model():
    model = Model()
    yield model
    model.may_run.set()  # after a failure, too: no client is left waiting


@pytest.fixture
def client(model):
    with serving(model) as client:
        yield client


def raw(client, data, seconds=10):
    """Bytes to the server, and all that it answers."""
    with socket.create_connection((client.host, client.port), seconds) as connection:
        connection.sendall(data)
        answer = b""
        while block := connection.recv(2**16):
            answer += block
        return answer


# --- answers ---------------------------------------------------------------------------------------------------------


def test_json_says_size_areas_and_confidence(client):
    reply = client.predict(PICTURE)
    assert reply.status == 200 and reply.headers["Content-Type"] == "application/json"
    seconds = reply.json.pop("seconds")
    said = reply.json
    assert said.pop("seconds") == seconds >= 0 and said.pop("mean_confidence") == 0.75
    areas = said.pop("areas")
    assert said == {"model": "a", "width": 10, "height": 6}
    assert [(area["class"], area["pixels"], area["share"]) for area in areas] == [
        ("road", 30, 0.5),
        ("<b>sky</b>", 30, 0.5),
        ("tree", 0, 0.0),
    ]
    assert areas[1]["id"] == 1 and areas[1]["color"] == [10, 120, 250]


def test_pictures_are_those_of_the_model(client, model):
    label = (half_bright()[..., 0] > 127).astype(np.uint8)
    assert np.array_equal(client.predict(PICTURE, "output=mask").picture, label)
    colours = np.array(model.palette, np.uint8)[label]
    assert np.array_equal(client.predict(PICTURE, "output=color").picture[..., ::-1], colours)
    grey = client.predict(PICTURE, "output=confidence").picture
    assert np.array_equal(grey, np.where(label, 255, 128))
    assert client.predict(PICTURE, "output=overlay").picture.shape[2] == 3
    rows = list(csv.reader(client.predict(PICTURE, "output=areas").content.decode().splitlines()))
    assert rows[:2] == [["image", "class", "pixels", "share"], ["picture", "road", "30", "0.500000"]]


def test_a_form_is_taken_as_well_as_the_bytes_alone(model):
    with serving(model, other := Model()) as client:
        body, kind = form(PICTURE, "my photo.jpg", model="b")
        reply = client.predict(body, "output=areas", Content_Type=kind)
        assert reply.status == 200 and reply.content.decode().splitlines()[1].startswith("my photo.jpg,road,30")
        assert client.predict(body, "output=json&model=a", Content_Type=kind).json["model"] == "a"
    assert (model.runs, other.runs) == (1, 1)


def test_a_photo_is_turned_as_viewers_show_it(client):
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    data = cv2.imencode(".jpg", half_bright())[1].tobytes()
    turned = data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:]
    assert client.predict(turned, "output=mask").picture.shape == (10, 6)


def test_models_health_and_metrics(model):
    with serving(model, Model()) as client:
        models = client.get("/models").json["models"]
        assert [found["name"] for found in models] == ["a", "b"] and models[0]["classes"][2]["class"] == "tree"
        assert client.get("/health").json == {"status": "ok", "models": ["a", "b"], "version": __version__}
        client.predict(PICTURE)
        client.predict(b"text")
        client.get("/nowhere")
        reply = client.get("/metrics")
    lines = reply.content.decode().splitlines()
    assert reply.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert 'segbox_requests_total{path="/predict",status="200"} 1' in lines
    assert 'segbox_errors_total{path="/predict",status="415"} 1' in lines
    assert 'segbox_errors_total{path="other",status="404"} 1' in lines
    assert 'segbox_pictures_total{model="a"} 1' in lines and 'segbox_waiting{model="b"} 0' in lines
    assert not [line for line in lines if line.startswith("segbox_errors_total") and 'status="200"' in line]


def test_head_is_a_get_without_content(client):
    reply = client.ask("HEAD", "/health")
    assert (reply.status, reply.content) == (200, b"") and int(reply.headers["Content-Length"]) > 10


# --- refusals --------------------------------------------------------------------------------------------------------


def png_of(width, height):
    """A header that claims this size, and pixels enough for a small one."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return PICTURE[:8] + chunk + PICTURE[33:]


CASES = {
    "text": (b"dear all", "", 415, "this is no picture that can be read; send a JPEG, PNG, WebP, TIFF or BMP"),
    "nothing": (b"", "", 400, "there is no picture in the request"),
    "a cut file": (PICTURE[:-20], "", 400, "the picture: the file is cut off after"),
    "a bomb": (png_of(30_000, 30_000), "", 413, "the picture has 30000 x 30000 pixels: at most 50 million are taken"),
    "an output": (PICTURE, "output=masks", 400, "output='masks' is none of json, mask, color, overlay, confidence,"),
    "a model": (PICTURE, "model=c", 400, "model='c' is none of a."),
}


@pytest.mark.parametrize("name", CASES)
def test_bad_requests_get_one_clear_answer(client, model, name):
    body, query, status, message = CASES[name]
    reply = client.predict(body, query)
    assert reply.status == status and message in reply.json["error"] and "\n" not in reply.json["error"]
    assert model.runs == 0
    assert client.predict(PICTURE).status == 200


def test_the_page_says_the_same_in_a_sentence(client):
    reply = client.predict(b"dear <b>all</b>", "output=page")
    assert reply.status == 415 and reply.headers["Content-Type"].startswith("text/html")
    assert '<p class="status bad" role="status" aria-live="polite">this is no picture that' in reply.content.decode()


def test_a_deep_tiff_counts_as_many_pictures(client, tmp_path):
    write_tiff(tmp_path / "a.tif", np.zeros((40, 50, 9), np.uint8))
    client.server.limits = Limits(pixels=5999)
    reply = client.predict((tmp_path / "a.tif").read_bytes())
    assert reply.status == 413 and "50 x 40 pixels in 9 channels" in reply.json["error"]
    client.server.limits = Limits(pixels=6000)
    reply = client.predict((tmp_path / "a.tif").read_bytes())
    assert reply.status == 400 and "has 9 channels, channels=3 was asked for" in reply.json["error"]


def test_what_is_too_large_is_refused_before_it_is_read(model):
    with serving(model, megabytes=0.001) as client:
        reply = client.predict(bytes(1001))
        assert reply.status == 413 and "larger than the 0.001 MB" in reply.json["error"]
        answer = raw(
            client, b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n"
        )
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert client.predict(PICTURE).status == 200


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("POST /predict HTTP/1.1\r\nHost: localhost", 411),
        ("POST /predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked", 411),
        ("POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1", 400),
        ("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0", 405),
        ("GET /predict HTTP/1.1\r\nHost: localhost", 405),
        ("GET /../../etc/passwd HTTP/1.1\r\nHost: localhost", 404),
        ("GET http://[ HTTP/1.1\r\nHost: localhost", 404),
        ("DELETE / HTTP/1.1\r\nHost: localhost", 501),
        (f"GET /{'a' * 70_000} HTTP/1.1\r\nHost: localhost", 414),
        (f"GET / HTTP/1.1\r\nHost: localhost\r\nX: {'a' * 70_000}", 431),
    ],
)
def test_requests_of_other_kinds_are_refused(client, head, status):
    start, _, content = raw(client, f"{head}\r\n\r\n".encode()).partition(b"\r\n\r\n")
    assert start.startswith(b"HTTP/1.1 %d " % status), start[:80]
    assert json.loads(content)["error"]


@pytest.mark.parametrize("body", [b"--xyz\r\n\r\nx", b"--xyz\r\n\r\nx\r\n" * 30 + b"--xyz--", b"", b"--xyz--"])
def test_forms_that_are_damaged_or_empty(client, body):
    reply = client.predict(body, Content_Type="multipart/form-data; boundary=xyz")
    assert reply.status == 400 and ("form" in reply.json["error"] or "no picture" in reply.json["error"])


# --- other web sites -------------------------------------------------------------------------------------------------


def test_only_names_of_this_machine_are_answered(client):
    """A page of evil.example whose name leads to 127.0.0.1 must not read the answers."""
    for host in ("evil.example", "evil.example:8000", "localhost.evil.example", "localhost@evil.example", "", "["):
        assert client.get("/models", Host=host).status == 403, host
    for host in ("localhost", "LOCALHOST:1", f"127.0.0.1:{client.port}", "[::1]:80"):
        assert client.get("/models", Host=host).status == 200, host


def test_pages_of_other_sites_cannot_send_pictures(client, model):
    own = f"127.0.0.1:{client.port}"
    for origin in ("http://evil.example", "null", f"http://{own}.evil.example", "http://127.0.0.1:1"):
        assert client.predict(PICTURE, Origin=origin).status == 403, origin
    assert model.runs == 0 and client.predict(PICTURE, Origin=f"http://{own}").status == 200


def test_a_server_for_others_has_any_name(model):
    with serving(model, host="0.0.0.0") as client:
        assert client.get("/health", Host="box.local:8000").status == 200


def test_browsers_are_told_what_the_page_may_do(client):
    rules = client.get("/").headers["Content-Security-Policy"]
    assert "default-src 'none'" in rules and "unsafe" not in rules and "frame-ancestors 'none'" in rules
    assert client.get("/").headers["X-Content-Type-Options"] == "nosniff"


# --- many, slow and failing ------------------------------------------------------------------------------------------


def together(count, work):
    found = [None] * count
    threads = [threading.Thread(target=lambda i=i: found.__setitem__(i, work())) for i in range(count)]
    for thread in threads:
        thread.start()
    return threads, found


def until(condition):
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_ten_requests_at_once_are_answered_or_refused_and_run_one_by_one(model):
    with serving(model, queue=3) as client:
        model.may_run.clear()
        threads, found = together(10, lambda: client.predict(PICTURE, "output=mask"))
        until(lambda: sum(reply is not None for reply in found) == 6)
        assert 'segbox_waiting{model="a"} 3' in client.get("/metrics").content.decode()
        model.may_run.set()
        for thread in threads:
            thread.join()
    assert sorted(reply.status for reply in found) == [200] * 4 + [503] * 6 and model.most_running == 1
    refused = next(reply for reply in found if reply.status == 503)
    assert refused.headers["Retry-After"] == "5" and "3 pictures wait for a already" in refused.json["error"]


def test_without_a_queue_one_after_the_other_is_answered(model):
    with serving(model, queue=0) as client:
        assert [client.predict(PICTURE).status for _ in range(20)] == [200] * 20


def finished(threads):
    for thread in threads:
        thread.join()


@pytest.mark.parametrize(("is_small", "batches"), [(False, [1, 3, 1, 2]), (True, [1, 3, 1, 1, 1, 1, 2, 1, 1])])
def test_pictures_of_one_size_that_wait_share_a_run(model, is_small, batches):
    """Up to three here; each client gets its own picture's mask, also when a batch is too much for the model."""
    model.most, model.is_small = 3, is_small
    image, wide, inverse = half_bright(), half_bright(6, 14), 255 - half_bright()
    images = [image, image, wide, inverse, image, inverse, image]
    running = []
    with serving(model) as client:
        model.may_run.clear()
        worker = client.server.workers["a"]
        for number, one in enumerate(images):
            running.append(together(1, lambda one=one: client.predict(as_png(one), "output=mask")))
            until(lambda waiting=number: len(worker._pictures) == waiting and model.running)
        model.may_run.set()
        for (threads, found), one in zip(running, images, strict=True):
            finished(threads)
            assert found[0].status == 200 and (found[0].picture == (one[..., 0] > 127)).all()
    assert model.batches == batches


def test_a_batch_that_the_model_works_on_takes_no_place_in_the_queue(model):
    model.most = 2
    with serving(model, queue=2) as client:
        worker = client.server.workers["a"]
        model.may_run.clear()
        threads, found = [], []
        for number in range(3):  # the first one alone, then two together
            threads += together(1, lambda: found.append(client.predict(PICTURE).status))[0]
            until(lambda waiting=number: model.running and worker.waiting == waiting)
        assert client.predict(PICTURE).status == 503
        step_on(model)
        until(lambda: worker.running == 2 and model.batches == [1, 2])
        threads += together(2, lambda: found.append(client.predict(PICTURE).status))[0]
        until(lambda: worker.waiting == 2)
        refused = client.predict(PICTURE)
        assert refused.status == 503 and "2 pictures wait" in refused.json["error"]
        model.may_run.set()
        finished(threads)
        assert found == [200] * 5 and model.batches == [1, 2, 2]
        assert worker.running == worker.unfinished == 0


def step_on(model):
    """The model ends its batch, and waits in the next one."""
    now, model.may_run = model.may_run, threading.Event()
    now.set()


def test_a_picture_waits_no_longer_than_it_may(model):
    with serving(model, wait=0.3) as client:
        model.may_run.clear()
        threads, found = together(1, lambda: client.predict(PICTURE))
        until(lambda: model.running)
        late = client.predict(PICTURE)
        assert late.status == 503 and late.headers["Retry-After"] == "5"
        assert late.json["error"] == "the picture has waited 0.3 seconds for a; try again in 5 seconds"
        assert not client.server.workers["a"]._pictures, "given up, and no memory is kept for it"
        model.may_run.set()
        finished(threads)
        assert found[0].status == 200, "the one that the model works on is not given up"
        assert model.runs == 1


def test_the_picture_of_a_client_that_has_gone_is_not_computed(model):
    with serving(model) as client:
        model.may_run.clear()
        threads, _ = together(1, lambda: client.predict(PICTURE))
        until(lambda: model.running)
        head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(PICTURE)
        with socket.create_connection((client.host, client.port)) as gone:
            gone.sendall(head + PICTURE)
            until(lambda: client.server.workers["a"].waiting)
        model.may_run.set()
        finished(threads)
        until(lambda: not client.server.workers["a"].unfinished)
        assert model.runs == 1
        line = 'segbox_errors_total{path="/predict",status="499"} 1'
        until(lambda: line in client.get("/metrics").content.decode())


def test_a_model_that_fails_is_answered_with_a_line_and_works_again(client, model, capsys):
    model.error = RuntimeError("secret\nof the house")
    reply = client.predict(PICTURE)
    assert reply.status == 500 and reply.json["error"] == "the model a failed; the server's terminal says why"
    model.error = UserError("cpu is out of memory")
    assert client.predict(PICTURE).json["error"] == "the model a failed: cpu is out of memory"
    model.error = None
    assert client.predict(PICTURE).status == 200


@pytest.mark.parametrize(
    "start", [b"", b"GET / HT", b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n1"]
)
def test_a_slow_client_does_not_hold_a_thread(model, start):
    """It sends a byte now and then; each of them would extend a time-out of the socket."""
    with serving(model, seconds=0.3) as client, socket.create_connection((client.host, client.port), 10) as slow:
        begin = time.monotonic()
        slow.sendall(start)
        slow.settimeout(0.1)
        answer = None
        while answer is None and time.monotonic() < begin + 5:
            try:
                answer = slow.recv(2**16)
            except TimeoutError:
                slow.sendall(b"1" if b"POST" in start else b"X")
        assert time.monotonic() - begin < 4
        assert answer == b"" or answer.startswith(b"HTTP/1.1 408 ")
        assert client.get("/health").status == 200


def test_more_clients_than_it_talks_to_are_told_so(model):
    with serving(model, connections=2, seconds=30) as client:
        idle = [socket.create_connection((client.host, client.port)) for _ in range(2)]
        until(lambda: client.server.places._value == 0)
        reply = client.get("/health")
        assert reply.status == 503 and "too many clients" in reply.json["error"]
        for connection in idle:
            connection.close()
        until(lambda: client.server.places._value == 2)
        assert client.get("/health").status == 200


def test_clients_that_go_away_are_no_error(client, model, capfd):
    model.may_run.clear()
    with socket.create_connection((client.host, client.port)) as gone:
        gone.sendall(
            b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(PICTURE) + PICTURE
        )
        until(lambda: model.running)
        gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # cut off, not closed
    model.may_run.set()
    assert client.predict(PICTURE).status == 200 and "Traceback" not in capfd.readouterr().err


# --- the address -----------------------------------------------------------------------------------------------------


def test_a_port_in_use_and_an_address_of_nobody(client):
    with pytest.raises(UserError, match=f"port {client.port} is in use; choose another with --port"):
        Server("127.0.0.1", client.port, Limits())
    with pytest.raises(UserError, match=r"--host 203\.0\.113\.9: this machine cannot be reached by that address"):
        Server("203.0.113.9", 0, Limits())


@pytest.mark.parametrize(
    ("host", "here", "others"),
    [
        ("127.0.0.1", "http://127.0.0.1:", None),
        ("localhost", "http://127.0.0.1:", None),
        ("0.0.0.0", "http://127.0.0.1:", "without a password, at http://198.51.100.7:"),
    ],
)
def test_the_greeting_says_where_it_is_and_who_can_use_it(host, here, others, monkeypatch):
    monkeypatch.setattr("segbox.serve.server.own_address", lambda: "198.51.100.7")
    with serving(Model(), host=host) as client:
        first, *more = client.server.greeting().splitlines()
    assert first.startswith(f"a: open {here}") and bool(more) == (others is not None)
    assert others is None or others in more[0]
