// Match cuts: walk through them, play them, and say what is wanted.
import { ask, isWriting, mark } from "./page.js";

const list = document.getElementById("cuts");
const cuts = list ? [...list.children] : [];
const at = (id) => document.getElementById(id);
const screen = at("screen");
const clips = new Map();
const MOST_CLIPS = 24;
const DWELL_MS = 450;
let now = null;
let playing = null;

function choose(cut, focus = true) {
  if (!cut) return;
  if (now !== cut) stop();
  now?.classList.remove("now");
  now = cut;
  cut.classList.add("now");
  const { dataset } = cut;
  at("which").textContent = `Cut ${dataset.rank} · shot ${Number(dataset.beforeShot) + 1} → ${Number(dataset.afterShot) + 1}`;
  at("score").textContent = dataset.score;
  at("out").textContent = dataset.out;
  at("in").textContent = dataset.in;
  at("from").textContent = dataset.from;
  at("to").textContent = dataset.to;
  if (focus) {
    cut.querySelector("button").focus({ preventScroll: true });
    cut.scrollIntoView({ block: "nearest" });
  }
}

/** The clip of a cut; it is made once and kept while the page stands. */
async function clip(cut) {
  const path = cut.dataset.play;
  if (!clips.has(path)) {
    clips.set(path, ask(path).then((answer) => answer.blob()).then((blob) => URL.createObjectURL(blob)));
    if (clips.size > MOST_CLIPS) {
      const [oldest, made] = clips.entries().next().value;
      clips.delete(oldest);
      made.then((url) => URL.revokeObjectURL(url), () => {});
    }
  }
  return clips.get(path);
}

async function play(cut) {
  if (!cut) return;
  playing = cut;
  at("hint").textContent = "The cut is being made …";
  at("hint").hidden = false;
  try {
    const url = await clip(cut);
    if (playing !== cut) return;
    if (screen.src !== url) screen.src = url;
    await screen.play();
    at("hint").hidden = true;
  } catch (error) {
    clips.delete(cut.dataset.play);
    if (playing === cut && error.name !== "AbortError") at("hint").textContent = error.message;
  }
}

function stop() {
  playing = null;
  screen.pause();
}

function toggle() {
  if (playing === now && !screen.paused) stop();
  else play(now);
}

const words = { kept: "kept", rejected: "rejected" };
function paint(cut, state) {
  cut.dataset.state = state;
  cut.classList.toggle("kept", state === "kept");
  cut.classList.toggle("rejected", state === "rejected");
  const place = cut.querySelector("[data-mark]");
  place.replaceChildren();
  if (!words[state]) return;
  const pill = document.createElement("span");
  pill.className = `pill ${state}`;
  pill.textContent = words[state];
  place.append(pill);
}

async function say(verdict) {
  const cut = now;
  if (!cut) return;
  const { dataset } = cut;
  const before = dataset.state;
  paint(cut, verdict);
  const body = new URLSearchParams({
    mark, verdict, before: dataset.before, before_start: dataset.beforeStart, before_end: dataset.beforeEnd,
    after: dataset.after, after_start: dataset.afterStart, after_end: dataset.afterEnd,
  });
  try {
    await ask("/cuts/verdicts", { method: "POST", body });
    at("told").textContent = `cut ${dataset.rank} is ${verdict}`;
  } catch (error) {
    paint(cut, before);
    at("told").textContent = error.status ? error.message : "the service is away; try again when it is back";
  }
}

function masks() {
  const button = at("masks");
  if (!button) return;
  const isOn = button.getAttribute("aria-pressed") !== "true";
  button.setAttribute("aria-pressed", String(isOn));
  for (const cut of cuts) {
    for (const over of cut.querySelectorAll(".over")) over.remove();
    if (!isOn || cut.dataset.masks === undefined) continue;
    const { dataset } = cut;
    const sides = [[dataset.before, dataset.beforeShot], [dataset.after, dataset.afterShot]];
    cut.querySelectorAll(".still").forEach((still, side) => {
      const over = new Image();
      over.className = "over";
      over.alt = "";
      over.loading = "lazy";
      over.src = `/films/${sides[side][0]}/people/${sides[side][1]}.png`;
      still.append(over);
    });
  }
}

function sound() {
  screen.muted = !screen.muted;
  at("sound").setAttribute("aria-pressed", String(!screen.muted));
}

if (list) {
  for (const cut of cuts) {
    const button = cut.querySelector("button");
    let dwell = 0;
    button.addEventListener("click", () => { choose(cut); toggle(); });
    button.addEventListener("focus", () => choose(cut, false));
    button.addEventListener("mouseenter", () => { dwell = setTimeout(() => { choose(cut, false); play(cut); }, DWELL_MS); });
    button.addEventListener("mouseleave", () => clearTimeout(dwell));
  }
  at("play").addEventListener("click", toggle);
  at("sound").addEventListener("click", sound);
  at("masks")?.addEventListener("click", masks);
  for (const button of document.querySelectorAll("[data-say]")) button.addEventListener("click", () => say(button.dataset.say));
  const mayWrite = document.querySelector("[data-say]") !== null;
  document.addEventListener("keydown", (event) => {
    if (isWriting(event)) return;
    const across = Math.max(1, getComputedStyle(list).gridTemplateColumns.split(" ").length);
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: across, ArrowUp: -across };
    const says = { k: "kept", x: "rejected", u: "open" };
    if (event.key in steps) choose(cuts[Math.min(cuts.length - 1, Math.max(0, cuts.indexOf(now) + steps[event.key]))]);
    else if (event.key === " " && !event.target.closest("button:not(.pair), a, summary, input")) toggle();
    else if (event.key in says && mayWrite) say(says[event.key]);
    else if (event.key === "s") masks();
    else if (event.key === "o") sound();
    else return;
    event.preventDefault();
  });
  choose(cuts[0], false);
}
