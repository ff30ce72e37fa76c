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
    playing.plot?.classList.remove("playing");
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
    const { start, end, button, plot } = playing;
    const now = audio.currentTime;
    if (now >= end || audio.ended) stop();
    else if (button) button.style.setProperty("--done", Math.max(0, (now - start) / (end - start)));
    else if (plot) point(plot, now);
  }
  requestAnimationFrame(tick);
}
requestAnimationFrame(tick);

const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

// Where a plot is, or will begin to play: seen, and told by its slider's value.
function point(plot, at) {
  const seconds = Number(plot.dataset.seconds);
  plot.querySelector("i").style.left = `${(100 * at) / seconds}%`;
  plot.setAttribute("aria-valuenow", at.toFixed(1));
  plot.setAttribute("aria-valuetext", `${clock(at)} of ${clock(seconds)}`);
}

function playPlot(plot, at) {
  const seconds = Number(plot.dataset.seconds);
  const start = Math.min(Math.max(at, 0), seconds);
  point(plot, start);
  play({ plot, src: plot.dataset.src, start, end: seconds });
  plot.classList.add("playing");
}

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
  playPlot(plot, ((event.clientX - box.left) / box.width) * Number(plot.dataset.seconds));
});

const STEPS = { ArrowLeft: -5, ArrowDown: -5, ArrowRight: 5, ArrowUp: 5, PageDown: -30, PageUp: 30 };

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape" && playing) return stop();
  const plot = event.target.closest(".plot");
  if (event.key === " " || (plot && event.key === "Enter")) {
    // Elsewhere the space bar writes, presses a button, or opens a chapter.
    if (!plot && (!playing || event.target.closest("input, select, button, summary, a"))) return;
    event.preventDefault();
    if (playing) return stop();
    return playPlot(plot, Number(plot.getAttribute("aria-valuenow")));
  }
  if (!plot) return;
  const at = Number(plot.getAttribute("aria-valuenow"));
  const to = { Home: 0, End: Number(plot.dataset.seconds) }[event.key] ?? at + STEPS[event.key];
  if (Number.isNaN(to)) return;
  event.preventDefault();
  if (playing?.plot === plot) playPlot(plot, to);
  else point(plot, Math.min(Math.max(to, 0), Number(plot.dataset.seconds)));
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
  for (const chapter of document.querySelectorAll("details")) {
    const isEmpty = shown < rows.length && !chapter.querySelector(".row:not(.hidden)");
    chapter.classList.toggle("hidden", isEmpty);
    document.querySelector(`nav a[href="#${chapter.id}"]`)?.parentElement.classList.toggle("hidden", isEmpty);
  }
  document.getElementById("said").textContent = shown === rows.length ? "" : `${shown} of ${rows.length} lines`;
}
for (const field of [search, only, who]) field.addEventListener("input", filter);
