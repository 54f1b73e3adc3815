#!/usr/bin/env python3
"""The page of elcl serve in a headless Chromium. Skipped without one.

usage: page_test.py ELCL FAKE [PICTURES]

ELCL and FAKE are the command and its build with the stand-in for the library.
PICTURES: a directory that receives the page at 1200 and 390 pixels, light and dark.
"""

import json
import os
import re
import sys
import time

import browser
from checks import Checks
from server import ROOT, Server

KEY = "page-key"
HOSTILE = "<b>kjv"  # a name that would show if the page took it as HTML
CONTROL = 2             # modifiers of DevTools

OUTPUTS = "[...document.querySelectorAll('#outputs li')]"
TEXTS = OUTPUTS + ".map(e => e.querySelector('.text')?.lastChild.data)"
MESSAGE = "document.getElementById('message').textContent"
IDLE = "document.getElementById('go').textContent === 'Generate'"


class PageTest:
    def __init__(self, server, page, checks):
        self.server, self.page, self.checks = server, page, checks

    def choose(self, model, **fields):
        """Chooses a model and fills fields; those that are not named become empty."""
        self.page.evaluate(
            f"(e => (e.value = {json.dumps(model)}, e.dispatchEvent(new Event('change'))))"
            "(document.getElementById('model'))")
        for name in ("n", "max_tokens", "num_beams"):
            self.page.type(f"#{name}", str(fields.get(name, "")))

    def generate(self, text):
        self.page.type("#text", text)
        self.page.press("Enter", 13, CONTROL)
        self.page.wait(f"{IDLE} && {MESSAGE}")
        return self.page.evaluate(MESSAGE)

    def key(self):
        """The server has a key: the page asks for it, until it is right."""
        page = self.page
        page.open(self.server.url + "/")
        dialog = "document.getElementById('key-dialog').open"
        self.checks.that("asks for the key", page.wait(dialog))
        page.press("Escape", 27)
        self.checks.that("says that it needs one", page.wait(f"{MESSAGE}.includes('API key')"))
        time.sleep(2.5)  # longer than between two looks at the server
        self.checks.that("asks no second time", not page.evaluate(dialog))
        page.open(self.server.url + "/")
        page.wait(dialog)
        for key, said in (("wrong", "This server requires an API key."),
                          (KEY, "The server refused this key.")):
            self.checks.that("says why it asks", page.wait(
                f"{dialog} && document.getElementById('key-text').textContent === {said!r}"))
            page.type("#key", key)
            page.press("Enter", 13)
            page.call("Input.dispatchKeyEvent", type="char", text="\r")
        self.checks.that("opens with the key",
                         page.wait(f"!{dialog} && !document.getElementById('go').disabled"))
        page.open(self.server.url + "/")
        self.checks.that("remembers the key",
                         page.wait("!document.getElementById('go').disabled"))

    def models(self):
        names = self.page.evaluate(
            "[...document.getElementById('model').options].map(o => o.text)")
        self.checks.that("names of models are text", names == ["g2p-en", HOSTILE], names)
        unnamed = self.page.unnamed()
        self.checks.that("all controls have names", not unnamed, unnamed)

    def best(self):
        """Beam search: the best outputs with their scores."""
        self.choose("g2p-en", n=3, num_beams=4)
        self.generate("attention")
        want = self.server.complete(model="g2p-en", prompt="attention", n=3,
                                    num_beams=4)[1]["choices"]
        texts = self.page.evaluate(TEXTS)
        self.checks.that("n best outputs", texts == [c["text"].lstrip() for c in want], texts)
        scores = self.page.evaluate(
            OUTPUTS + ".map(e => e.querySelector('.side span').textContent)")
        self.checks.that("their scores", scores == [
            f"{c['score']:.3f}".replace("-", "\u2212") for c in want], scores)

    def cut(self):
        """A text beyond the model's length: the page says how much is left out."""
        self.choose("g2p-en", max_tokens=2)
        self.generate("ab " * 100)
        note = self.page.evaluate("document.querySelector('.below')?.textContent") or ""
        self.checks.that("says what is cut", re.fullmatch(
            r"The text is too long: [\d,]+ of its tokens were left out", note), note)
        self.page.show(390, 844, "light")
        self.choose("g2p-en", n=4)
        self.generate("ab " * 100)
        place = self.page.evaluate("(e => [e.scrollTop, e.scrollHeight > e.clientHeight])"
                                   "(document.getElementById('outputs'))")
        self.checks.that("shows the beginning of what arrives whole", place == [0, True], place)
        self.page.show(1200, 860, "light")

    def stream(self):
        """Greedy search: the text grows."""
        self.choose(HOSTILE, num_beams=1, max_tokens=40)
        self.page.evaluate(
            "(window.seen = new Set(), new MutationObserver(() => seen.add("
            f"({TEXTS})[0])).observe(document.getElementById('outputs'), "
            "{subtree: true, childList: true, characterData: true}))")
        said = self.generate("In the beginning")
        want = self.server.complete(
            model=HOSTILE, prompt="In the beginning", num_beams=1, do_sample=False,
            max_tokens=40)[1]["choices"][0]["text"]
        texts = self.page.evaluate(TEXTS)
        self.checks.that("the text of a stream", texts == [want], texts, want)
        steps = [s for s in self.page.evaluate("[...seen]") if s]
        self.checks.that("arrives in parts", len(steps) > 5 and all(map(want.startswith, steps)),
                         steps)
        self.checks.that("counts and times", re.fullmatch(
            r"40 tokens in [\d.]+ m?s · first after [\d.]+ m?s", said), said)
        prompt = self.page.evaluate("document.querySelector('#outputs .prompt').textContent")
        self.checks.that("the prompt stands before it", prompt == "In the beginning", prompt)

    def hostile(self):
        """What a model repeats of the text is text."""
        self.choose(HOSTILE, num_beams=1, max_tokens=2)
        text = "<img src=x onerror=\"document.title='broken'\">"
        self.generate(text)
        self.checks.that("texts are not HTML", self.page.evaluate(
            "document.querySelectorAll('#outputs img').length === 0 && document.title === 'elcl' "
            f"&& document.querySelector('#outputs .prompt').textContent === {json.dumps(text)}"))

    def errors(self):
        """An error is one sentence, and the next request works."""
        self.choose("g2p-en", num_beams=9)
        self.page.evaluate("document.getElementById('num_beams').max = 64")
        said = self.generate("attention")
        self.checks.that("an error of the server is said",
                         "beams" in said and self.page.evaluate(
                             "document.getElementById('message').className === 'bad'"), said)
        self.choose("g2p-en")
        said = self.generate("attention")
        self.checks.that("and goes away", self.page.evaluate(
            "document.getElementById('message').className === ''"), said)

    def stop(self, fake):
        """Stop ends the request on the server too. The stand-in takes ten seconds for this text."""
        page = self.page
        with Server(fake, "model", environment={"FAKE_STEP_MS": "100"}) as server:
            page.open(server.url + "/")
            page.wait("!document.getElementById('go').disabled")
            page.type("#text", "!slow")
            page.press("Enter", 13, CONTROL)
            label = "document.getElementById('go').textContent"
            self.checks.that("the button stops", page.wait(f"{label} === 'Stop'"))
            batch = "document.getElementById('batch-text').textContent"
            self.checks.that("shows the batch", page.wait(f"{batch}.startsWith('1 of ')"))
            page.click("#go")
            page.wait(IDLE)
            said = page.evaluate(MESSAGE)
            self.checks.that("stops", said == "Stopped.", said)
            self.checks.that("shows that the batch is free", page.wait(
                f"{batch}.startsWith('0 of ')", 5))
            ended = {outcome: server.metrics().get(
                f'elcl_requests_total{{model="model",outcome="{outcome}"}}')
                for outcome in ("finished", "cancelled")}
            self.checks.that("the request ended on the server",
                             ended == {"finished": 0, "cancelled": 1}, ended)
            server.stop()
            page.type("#text", "text")
            page.press("Enter", 13, CONTROL)
            self.checks.that("says that the server has gone", page.wait(
                f"{MESSAGE} === 'The server does not answer.'"), page.evaluate(MESSAGE))

    def figures(self):
        page = self.page
        ready = "document.getElementById('state').textContent.startsWith('Ready')"
        self.checks.that("the state of the server", page.wait(ready))
        for name, form in (("batch-text", r"\d+ of \d+"), ("waiting", r"\d+ of [\d,]+"),
                           ("speed", r"[\d,]+ tokens/s"), ("memory", r".* state, .* weights"),
                           ("device", r".+"), ("attention", r"EL-attention|Multi-head")):
            text = page.evaluate(f"document.getElementById('{name}').textContent")
            self.checks.that(f"figures: {name}", re.fullmatch(form, text), text)

    def layout(self, pictures):
        """At two widths, light and dark: nothing is cut off, and nothing moves."""
        place = "document.getElementById('options').getBoundingClientRect().y + scrollY"
        for width, height in ((1200, 860), (390, 844)):
            for scheme in ("light", "dark"):
                self.page.show(width, height, scheme)
                self.choose("g2p-en", n=4, num_beams=4)
                before = self.page.evaluate(place)
                self.generate("transformer")
                name = f"{width} pixels, {scheme}"
                wide = self.page.evaluate("document.documentElement.scrollWidth")
                self.checks.that(f"{name}: fits", wide <= width, wide)
                outside = self.page.evaluate(
                    "[...document.querySelectorAll('button, input, select, textarea, dd')].filter("
                    "e => e.checkVisibility()).map(e => [e.id, e.getBoundingClientRect()]).filter("
                    f"([, r]) => r.left < 0 || r.right > {width}).map(([id]) => id)")
                self.checks.that(f"{name}: all controls can be reached", not outside, outside)
                after = self.page.evaluate(place)
                self.checks.that(f"{name}: nothing moves", before == after, before, after)
                if pictures:
                    self.page.screenshot(os.path.join(pictures, f"{width}-{scheme}.png"))
                dark = sum(map(int, re.findall(r"\d+", self.page.evaluate(
                    "getComputedStyle(document.body).backgroundColor"))[:3])) < 128
                self.checks.that(f"{name}: background", dark == (scheme == "dark"))

    def contrast(self):
        """WCAG AA: 4.5 for text, 3 for the edges of controls."""
        for scheme in ("light", "dark"):
            self.page.show(1200, 860, scheme)
            colors = self.page.evaluate(
                "(s => Object.fromEntries(['fg', 'dim', 'bg', 'soft', 'edge', 'accent', "
                "'on-accent', 'bad', 'warn', 'good'].map("
                "n => [n, s.getPropertyValue('--' + n).trim()])))"
                "(getComputedStyle(document.documentElement))")
            for front, back, least in (
                    ("fg", "bg", 7), ("fg", "soft", 7), ("dim", "bg", 4.5), ("dim", "soft", 4.5),
                    ("on-accent", "accent", 4.5), ("accent", "bg", 4.5), ("bad", "bg", 4.5),
                    ("warn", "soft", 4.5), ("good", "bg", 3), ("edge", "bg", 3)):
                a, b = luminance(colors[front]), luminance(colors[back])
                ratio = (max(a, b) + 0.05) / (min(a, b) + 0.05)
                self.checks.that(f"{scheme}: contrast of {front} on {back}", ratio >= least, ratio)

    def clean(self):
        """No complaint of the browser, and no request to anything but this server."""
        self.checks.that("the browser has no complaint", not self.page.complaints,
                         *self.page.complaints)
        ours = (self.server.url + "/", "data:")
        others = [u for u in self.page.requests if not u.startswith(ours)]
        self.checks.that("asks only this server", not others, *others)


def luminance(color):
    digits = color[1:] if len(color) == 7 else "".join(2 * c for c in color[1:])
    parts = [int(digits[i:i + 2], 16) / 255 for i in (0, 2, 4)]
    r, g, b = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def main():
    elcl, fake, pictures = (*sys.argv[1:], None)[:3]
    path = browser.find()
    if not path:
        print("skipped: no Chromium here\n0 passed, 0 failed, 1 skipped")
        return 0
    checks = Checks("page")
    models = [os.path.join(ROOT, "models", "g2p-en"),
              f"{HOSTILE}={os.path.join(ROOT, 'models', 'kjv-gpt2')}"]
    with Server(elcl, "--api-key", KEY, "--max-beams", "8", *models, key=KEY) as server, \
            browser.Browser(path) as b:
        test = PageTest(server, b.page(), checks)
        test.page.show(1200, 860, "light")
        test.key()
        test.models()
        test.best()
        test.cut()
        test.stream()
        test.hostile()
        test.errors()
        test.figures()
        test.layout(pictures)
        test.contrast()
        test.clean()
        test.stop(fake)
    return checks.end()


if __name__ == "__main__":
    sys.exit(main())
