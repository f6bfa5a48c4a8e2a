"""A browser without a window, driven by chromedriver's HTTP interface (W3C WebDriver)."""

import base64
import http.client
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.processes import free_port

OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")
OPTIONS += ("--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars")
SECONDS = 90


in_a_browser = pytest.mark.skipif(
    not (shutil.which("chromium") and shutil.which("chromedriver")), reason="needs chromium and chromedriver"
)


class Browser:
    def __init__(self, port: int, session: str = "") -> None:
        self.port = port
        self.session = session

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)) as connection:
            content = None if method == "GET" else json.dumps(body or {})
            connection.request(method, f"/session{self.session}{path}", content, {"Content-Type": "application/json"})
            value = json.loads(connection.getresponse().read())["value"]
        assert not (isinstance(value, dict) and "error" in value), value
        return value

    def open(self, url: str) -> None:
        self.ask("POST", "/url", {"url": url})

    def do(self, script: str, *arguments: Any) -> Any:
        return self.ask("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def wait_for(self, script: str) -> Any:
        until = time.monotonic() + SECONDS
        while not (value := self.do(f"return {script}")):
            assert time.monotonic() < until, f"waited in vain for {script}"
            time.sleep(0.1)
        return value

    def find(self, selector: str, action: str, body: Any = None) -> None:
        """Click, or write into, an element, as a user does."""
        found = self.ask("POST", "/element", {"using": "css selector", "value": selector})
        self.ask("POST", f"/element/{next(iter(found.values()))}/{action}", body)

    def point_at(self, x: float, y: float) -> None:
        move = {"type": "pointerMove", "duration": 0, "x": round(x), "y": round(y), "origin": "viewport"}
        self.ask("POST", "/actions", {"actions": [{"type": "pointer", "id": "mouse", "actions": [move]}]})

    def resize(self, width: int, height: int = 1000) -> None:
        """The page's own width: a window cannot be as narrow as a phone."""
        device = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.command("Emulation.setDeviceMetricsOverride", **device)

    def command(self, name: str, **parameters: Any) -> Any:
        """One of the Chrome DevTools Protocol."""
        return self.ask("POST", "/goog/cdp/execute", {"cmd": name, "params": parameters})

    def source_with(self, text: str) -> str:
        """The page when it holds this text; this needs no JavaScript."""
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            with suppress(AssertionError):  # a new page comes in between
                root = self.command("DOM.getDocument")["root"]
                source = self.command("DOM.getOuterHTML", nodeId=root["nodeId"])["outerHTML"]
                if text in source:
                    return source
            time.sleep(0.1)
        raise AssertionError(f"the page never held {text}")

    def console(self) -> list[str]:
        """The errors since the last call."""
        entries = self.ask("POST", "/se/log", {"type": "browser"})
        return [entry["message"] for entry in entries if entry["level"] == "SEVERE"]

    def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.ask("GET", "/screenshot")))


@contextmanager
def opened_browser(folder: Path, *options: str) -> Iterator[Browser]:
    port = free_port()
    driver = subprocess.Popen([shutil.which("chromedriver"), f"--port={port}"], stdout=subprocess.DEVNULL)
    own = Browser(port)
    wish = {"binary": shutil.which("chromium"), "args": [*OPTIONS, f"--user-data-dir={folder}", *options]}
    asked = {"goog:chromeOptions": wish, "goog:loggingPrefs": {"browser": "ALL"}}
    try:
        for _ in range(100):
            try:
                opened = own.ask("POST", "", {"capabilities": {"alwaysMatch": asked}})
                break
            except ConnectionRefusedError:
                time.sleep(0.1)
        own.session = f"/{opened['sessionId']}"
        yield own
        own.ask("DELETE", "")
    finally:
        driver.terminate()
        driver.wait()
