"use strict";
// One audio element for all lines: a sound is fetched when it is played, however many there are.
const audio = new Audio();
audio.preload = "none";
let playing = null;

function stop() {
  audio.pause();
  if (playing) {
    playing.button?.setAttribute("aria-pressed", "false");
    playing.button?.style.removeProperty("--done");
    if (playing.needle) playing.needle.style.display = "none";
  }
  playing = null;
}

async function play(what) {
  stop();
  playing = what;
  what.button?.setAttribute("aria-pressed", "true");
  const url = new URL(what.src, document.baseURI).href;
  if (audio.src !== url) audio.src = url;
  try {
    audio.currentTime = what.start;
    await audio.play();
  } catch (error) {
    if (playing === what && error.name !== "AbortError") {
      stop();
      document.getElementById("said").textContent = `cannot play ${what.src}: ${error.message}`;
    }
  }
}

function tick() {
  if (playing) {
    const { start, end, button, needle, seconds } = playing;
    const now = audio.currentTime;
    if (now >= end || audio.ended) stop();
    else if (button) button.style.setProperty("--done", Math.max(0, (now - start) / (end - start)));
    else if (needle) Object.assign(needle.style, { display: "block", left: `${(100 * now) / seconds}%` });
  }
  requestAnimationFrame(tick);
}
requestAnimationFrame(tick);

document.addEventListener("click", (event) => {
  const button = event.target.closest(".play");
  if (button) {
    if (playing?.button === button) return stop();
    const start = Number(button.dataset.start);
    return play({ button, src: button.dataset.src, start, end: start + Number(button.dataset.seconds) });
  }
  const plot = event.target.closest(".plot");
  if (!plot) return;
  const box = plot.getBoundingClientRect();
  const seconds = Number(plot.dataset.seconds);
  const start = ((event.clientX - box.left) / box.width) * seconds;
  play({ src: plot.dataset.src, start, end: seconds, seconds, needle: plot.querySelector("i") });
});

const search = document.getElementById("search");
const only = document.getElementById("only");
const who = document.getElementById("who");
const rows = [...document.querySelectorAll(".row")];

function filter() {
  const wanted = search.value.trim().toLowerCase();
  let shown = 0;
  for (const row of rows) {
    const { status, reason, who: speaker } = row.dataset;
    const fits =
      (only.value !== "problems" || status !== "ok") &&
      (only.value !== "rendered" || reason !== "") &&
      (!who.value || speaker === who.value) &&
      (!wanted || row.textContent.toLowerCase().includes(wanted));
    row.classList.toggle("hidden", !fits);
    shown += fits;
  }
  document.getElementById("said").textContent = shown === rows.length ? "" : `${shown} of ${rows.length} lines`;
}
for (const field of [search, only, who]) field.addEventListener("input", filter);
