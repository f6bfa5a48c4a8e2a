"""Headless Chromium, driven through chromedriver's REST interface."""

import http.client
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
ARGUMENTS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update"),
)


class Browser:
    """One window. Scripts return plain values."""

    def __init__(self, port: int, profile: Path) -> None:
        self.port = port
        options = {"args": [*ARGUMENTS, f"--user-data-dir={profile}"], "binary": CHROMIUM}
        always = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        self.session = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": always}})["sessionId"]

    def open(self, page: Path) -> None:
        self._of_session("/url", {"url": page.resolve().as_uri()})

    def resize(self, width: int, height: int) -> None:
        """The size of the page, which a window of Chromium does not make as narrow as a phone."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._of_session("/goog/cdp/execute", {"cmd": "Emulation.setDeviceMetricsOverride", "params": size})

    def run(self, script: str) -> Any:
        return self._of_session("/execute/sync", {"script": script, "args": []})

    def point_at(self, x: float, y: float) -> None:
        move = {"type": "pointerMove", "duration": 0, "x": round(x), "y": round(y), "origin": "viewport"}
        self._of_session("/actions", {"actions": [{"type": "pointer", "id": "mouse", "actions": [move]}]})

    def messages(self) -> list[str]:
        """What the console has said since the last call."""
        return [entry["message"] for entry in self._of_session("/se/log", {"type": "browser"})]

    def close(self) -> None:
        self._ask("DELETE", f"/session/{self.session}")

    def _of_session(self, path: str, content: dict[str, Any]) -> Any:
        return self._ask("POST", f"/session/{self.session}{path}", content)

    def _ask(self, method: str, path: str, content: dict[str, Any] | None = None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        connection.request(method, path, None if content is None else json.dumps(content))
        value = json.loads(connection.getresponse().read())["value"]
        connection.close()
        if isinstance(value, dict) and "error" in value:
            raise RuntimeError(f"{path}: {value['message']}")
        return value


@contextmanager
def opened_browser(profile: Path) -> Iterator[Browser]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    driver = subprocess.Popen([DRIVER, f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(port)
        browser = Browser(port, profile)
        yield browser
        browser.close()
    finally:
        driver.terminate()
        driver.wait()


def wait_for(port: int) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
            return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
