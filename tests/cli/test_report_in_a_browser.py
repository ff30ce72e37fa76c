"""The report page's script in a real browser: it is played by clicks and keys, and stopped by keys."""

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import pytest

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
SCRIPT = """\
defaults: {engine: tone}
chapters:
  - {id: one, title: One, lines: [{id: a, text: The tide was out.}, {id: b, text: A bell rang.}]}
  - {id: two, title: Two, lines: [{id: c, text: Then it was still.}]}
"""
# Sound needs a device and time; what is asked of the player is enough.
ACTS = """
<script>{
const told = [];
audio.play = async () => { told.push("play " + decodeURI(audio.src.split("/").pop())); };
audio.pause = () => told.push("pause");
const key = (target, name) => target.dispatchEvent(new KeyboardEvent("keydown", { key: name, bubbles: true }));
const plot = document.querySelector(".plot");
const playing = () => document.querySelectorAll(".plot.playing").length;
const seen = {};
const box = plot.getBoundingClientRect();
plot.dispatchEvent(new MouseEvent("click", { bubbles: true, clientX: box.left + box.width / 2 }));
seen.clicked = [playing(), plot.getAttribute("aria-valuenow") / plot.dataset.seconds];
key(document.body, " ");
seen.space = playing();
key(plot, "Home"); key(plot, "Enter");
seen.enter = [playing(), plot.getAttribute("aria-valuenow")];
key(document.body, "Escape");
seen.escape = playing();
const button = document.querySelectorAll(".play")[1];
button.click(); seen.pressed = button.getAttribute("aria-pressed");
key(button, "Escape"); seen.released = button.getAttribute("aria-pressed");
search.value = "still"; search.dispatchEvent(new Event("input"));
const shown = (selector) => [...document.querySelectorAll(selector)].filter((one) => one.offsetParent).length;
seen.found = [shown("details"), shown("nav li"), shown(".row")];
seen.told = told;
const out = document.createElement("pre"); out.id = "seen"; out.textContent = JSON.stringify(seen);
document.body.append(out);
}</script></body>"""


@pytest.mark.skipif(not BROWSER, reason="no browser")
def test_a_waveform_is_played_and_stopped_by_mouse_and_keys(cli, tmp_path: Path) -> None:
    (tmp_path / "book.yaml").write_text(SCRIPT)
    assert cli("render", "book.yaml", "-o", "out").code == 0
    assert cli("report", "out").code == 0
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    acted = tmp_path / "out" / "acted.html"
    acted.write_text(page.replace("</body>", ACTS), encoding="utf-8")
    command = [str(BROWSER), *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", acted.as_uri()]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    found = re.search(r'<pre id="seen">(.*?)</pre>', said, re.DOTALL)
    assert found, said[-2000:]
    seen = json.loads(unescape(found[1]))
    assert seen["clicked"] == [1, pytest.approx(0.5, abs=0.05)]
    assert (seen["space"], seen["enter"], seen["escape"]) == (0, [1, "0.0"], 0)
    assert (seen["pressed"], seen["released"]) == ("true", "false")
    assert seen["found"] == [1, 1, 1]
    assert [word for word in seen["told"] if word != "pause"] == ["play 01-one.wav"] * 3
