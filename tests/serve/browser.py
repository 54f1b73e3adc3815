"""A headless Chromium, driven by its DevTools protocol."""

import base64
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import tempfile
import time
import urllib.request

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


def find():
    """The path of a browser, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class WebSocket:
    """As much of a client of RFC 6455 as DevTools needs."""

    def __init__(self, url):
        host, port, path = re.fullmatch(r"ws://([^:/]+):(\d+)(/.*)", url).groups()
        self.socket = socket.create_connection((host, int(port)), timeout=30)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n".encode())
        self.input = self.socket.makefile("rb")
        if b" 101 " not in self.input.readline():
            raise RuntimeError("the browser refused the connection")
        while self.input.readline() != b"\r\n":
            pass

    def send(self, text):
        data = text.encode()
        n = len(data)
        head = bytes([0x81, 0x80 | n]) if n < 126 else \
            struct.pack("!BBH", 0x81, 0xFE, n) if n < 65536 else struct.pack("!BBQ", 0x81, 0xFF, n)
        self.socket.sendall(head + bytes(4) + data)  # masked with zeros

    def receive(self):
        """The next message."""
        message = b""
        while True:
            first, n = self.input.read(2)
            if n == 126:
                n = struct.unpack("!H", self.input.read(2))[0]
            elif n == 127:
                n = struct.unpack("!Q", self.input.read(8))[0]
            message += self.input.read(n)
            if first & 0x80:
                return message.decode()

    def close(self):
        self.input.close()
        self.socket.close()


class Page:
    """A page of the browser. What it complains about is in `complaints`, and the addresses that it
    asked for are in `requests`."""

    def __init__(self, url):
        self.socket = WebSocket(url)
        self.id = 0
        self.complaints, self.requests = [], []
        for domain in ("Page", "Runtime", "Log", "Network", "Accessibility"):
            self.call(f"{domain}.enable")

    def call(self, method, **params):
        self.id += 1
        self.socket.send(json.dumps({"id": self.id, "method": method, "params": params}))
        while True:
            message = json.loads(self.socket.receive())
            if message.get("id") == self.id:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']['message']}")
                return message["result"]
            self.note(message)

    def note(self, event):
        params = event.get("params", {})
        if event.get("method") == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif event.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(params["exceptionDetails"]["exception"].get("description"))
        elif event.get("method") == "Log.entryAdded" and params["entry"]["source"] != "network":
            self.complaints.append(params["entry"]["text"])

    def evaluate(self, expression):
        """The value of an expression of JavaScript, after it is settled."""
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True,
                           returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"]["exception"]["description"])
        return answer["result"].get("value")

    def wait(self, expression, seconds=20):
        """Waits until an expression is true. Returns whether it became so."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.evaluate(f"Boolean({expression})"):
                return True
            time.sleep(0.02)
        return False

    def open(self, url):
        self.call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete'")

    def show(self, width, height, scheme):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=width < 600)
        self.call("Emulation.setEmulatedMedia",
                  features=[{"name": "prefers-color-scheme", "value": scheme}])

    def type(self, selector, text):
        """Replaces the text of a field, as a person types it."""
        self.evaluate(f"document.querySelector({selector!r}).focus()")
        self.evaluate(f"document.querySelector({selector!r}).select()")
        if text:
            self.call("Input.insertText", text=text)
        else:
            self.press("Delete", 46)

    def press(self, key, code, modifiers=0):
        for kind in ("rawKeyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key,
                      windowsVirtualKeyCode=code, modifiers=modifiers)

    def click(self, selector):
        x, y = self.evaluate(
            f"(e => (e.scrollIntoView({{block: 'center'}}), r = e.getBoundingClientRect(), "
            f"[r.x + r.width / 2, r.y + r.height / 2]))(document.querySelector({selector!r}))")
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def unnamed(self):
        """Controls without a name for a screen reader."""
        controls = ("button", "textbox", "combobox", "spinbutton", "checkbox", "radio", "list",
                    "radiogroup", "progressbar", "ProgressIndicator")
        nodes = self.call("Accessibility.getFullAXTree")["nodes"]
        return [n["role"]["value"] for n in nodes
                if n.get("role", {}).get("value") in controls and not n.get("ignored")
                and not n.get("name", {}).get("value")]

    def screenshot(self, path):
        with open(path, "wb") as file:
            file.write(base64.b64decode(
                self.call("Page.captureScreenshot", captureBeyondViewport=True)["data"]))


class Browser:
    def __init__(self, path):
        self.home = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.process = subprocess.Popen(
            [path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             "--no-first-run", "--disable-extensions", "--disable-background-networking",
             "--hide-scrollbars",  # pictures lack a part of the page otherwise
             "--remote-debugging-port=0", f"--user-data-dir={self.home.name}", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.port = None
        for line in self.process.stderr:
            found = re.search(r"DevTools listening on ws://[^:]+:(\d+)/", line)
            if found:
                self.port = int(found.group(1))
                break
        if self.port is None:
            raise RuntimeError("the browser did not start")

    def page(self):
        address = f"http://127.0.0.1:{self.port}/json/list"
        while True:
            with urllib.request.urlopen(address, timeout=30) as answer:
                pages = [t for t in json.load(answer) if t["type"] == "page"]
            if pages:
                return Page(pages[0]["webSocketDebuggerUrl"])
            time.sleep(0.05)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(30)
        self.process.stderr.close()
        self.home.cleanup()
