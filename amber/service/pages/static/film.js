// A film: exact frames under the playhead, shots on one timeline, overlays.
import { isWriting } from "./page.js";

const player = document.getElementById("player");
const list = document.getElementById("shots");
const cards = list ? [...list.children] : [];
const shots = cards.map((card) => ({
  card, number: Number(card.dataset.shot), start: Number(card.dataset.start), end: Number(card.dataset.end),
}));
const rects = [...document.querySelectorAll("#timeline rect")];

if (player) begin(player);

async function begin(room) {
  const video = room.querySelector("video");
  const frames = Number(room.dataset.frames);
  const [over, under] = (room.dataset.rate || "0/1").split("/").map(Number);
  const times = room.dataset.times ? await (await fetch(room.dataset.times)).json() : null;
  const time = (index) => (times ? times[index] : (index * under) / over);
  const after = (index) => (index + 1 < frames ? time(index + 1) : time(index) + (times ? 0.04 : under / over));
  let now = 0;

  function indexAt(seconds) {
    if (!times) return Math.min(frames - 1, Math.max(0, Math.floor((seconds * over) / under + 0.01)));
    let low = 0, high = times.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (times[middle] <= seconds + 0.0005) low = middle; else high = middle - 1;
    }
    return low;
  }

  const pad = (number, width = 2) => String(number).padStart(width, "0");
  function code(index) {
    if (times) {
      const thousandths = Math.round(times[index] * 1000), whole = Math.floor(thousandths / 1000);
      return `${pad(Math.floor(whole / 3600))}:${pad(Math.floor(whole / 60) % 60)}:${pad(whole % 60)}.${pad(thousandths % 1000, 3)}`;
    }
    const nominal = Math.round(over / under), whole = Math.floor(index / nominal);
    return `${pad(Math.floor(whole / 3600))}:${pad(Math.floor(whole / 60) % 60)}:${pad(whole % 60)}:${pad(index % nominal)}`;
  }

  function shotOf(index) {
    let low = 0, high = shots.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (shots[middle].start <= index) low = middle; else high = middle - 1;
    }
    return shots[low];
  }

  function show(index) {
    now = index;
    room.dataset.at = String(index);
    document.getElementById("code").textContent = code(index);
    document.getElementById("frame").textContent = `frame ${index.toLocaleString("en")}`;
    if (!shots.length) return;
    const shot = shotOf(index);
    document.getElementById("shot").textContent = `shot ${shot.number + 1} of ${shots.length}`;
    for (const one of list.querySelectorAll(".now")) one.classList.remove("now");
    for (const one of rects) one.classList.toggle("now", Number(one.dataset.shot) === shot.number);
    shot.card.classList.add("now");
    const length = Math.max(after(frames - 1), 0.001);
    const x = String((1000 * time(index)) / length);
    const head = document.getElementById("playhead");
    head.setAttribute("x1", x);
    head.setAttribute("x2", x);
  }

  // The middle of a frame's time is inside it, however a browser rounds.
  function seek(index) {
    const to = Math.min(frames - 1, Math.max(0, index));
    room.dataset.wanted = String(to);
    video.currentTime = (time(to) + after(to)) / 2;
    show(to);
  }

  function presented(_, frame) {
    room.dataset.presented = String(indexAt(frame.mediaTime));
    if (!video.paused) show(indexAt(frame.mediaTime));
    video.requestVideoFrameCallback(presented);
  }
  video.requestVideoFrameCallback(presented);
  video.addEventListener("pause", () => { if (room.dataset.presented) show(Number(room.dataset.presented)); });
  video.addEventListener("seeked", () => { if (video.paused) show(indexAt(video.currentTime)); });

  for (const shot of shots) {
    shot.card.querySelector("button").addEventListener("click", () => { video.pause(); seek(shot.start); });
  }
  document.getElementById("timeline")?.addEventListener("click", (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    video.pause();
    seek(indexAt(((event.clientX - box.left) / box.width) * after(frames - 1)));
  });
  const play = document.getElementById("play");
  const toggle = () => { if (video.paused) video.play(); else video.pause(); };
  const told = () => { play.textContent = video.paused ? "Play" : "Pause"; play.setAttribute("aria-pressed", String(!video.paused)); };
  play.addEventListener("click", toggle);
  video.addEventListener("click", toggle);
  for (const name of ["play", "pause", "ended"]) video.addEventListener(name, told);
  const sound = document.getElementById("sound");
  function changeSound() { video.muted = !video.muted; sound.setAttribute("aria-pressed", String(!video.muted)); }
  sound.addEventListener("click", changeSound);
  const whole = () => { if (document.fullscreenElement) document.exitFullscreen(); else video.requestFullscreen(); };
  document.getElementById("whole").addEventListener("click", whole);
  for (const button of room.querySelectorAll("[data-step]")) {
    button.addEventListener("click", () => { video.pause(); seek(now + Number(button.dataset.step)); });
  }
  const second = times ? null : Math.round(over / under);
  document.addEventListener("keydown", (event) => {
    if (isWriting(event)) return;
    const onButton = event.target.closest("button, a, summary") !== null;
    const by = event.shiftKey ? second || 25 : 1;
    if (event.key === " " && !onButton) toggle();
    else if (event.key === "o") changeSound();
    else if (event.key === "w") whole();
    else if (event.key === "ArrowRight") { video.pause(); seek(now + by); }
    else if (event.key === "ArrowLeft") { video.pause(); seek(now - by); }
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      if (!shots.length) return;
      const to = shotOf(now).number + (event.key === "ArrowDown" ? 1 : -1);
      const shot = shots[Math.min(shots.length - 1, Math.max(0, to))];
      video.pause();
      seek(shot.start);
      shot.card.querySelector("button").focus({ preventScroll: true });
      shot.card.scrollIntoView({ block: "nearest" });
    } else return;
    event.preventDefault();
  });
  const asked = new URLSearchParams(location.search).get("frame");
  if (asked !== null && /^\d+$/.test(asked)) seek(Number(asked));
  else show(0);
  room.dataset.ready = "";
}

// What the cards show.
const buttons = [...document.querySelectorAll("[data-show]")];
function press(name) {
  const button = buttons.find((one) => one.dataset.show === name);
  if (!button) return;
  const isOn = button.getAttribute("aria-pressed") !== "true";
  const set = (one, on) => buttons.find((it) => it.dataset.show === one)?.setAttribute("aria-pressed", String(on));
  if (name === "first" || name === "middle") {
    set("first", name === "first");
    set("middle", name === "middle");
    if (name === "first") set("people", false);
  } else set(name, isOn);
  if (name === "people" && isOn) { set("first", false); set("middle", true); }
  paint();
}
function isOn(name) {
  return buttons.find((one) => one.dataset.show === name)?.getAttribute("aria-pressed") === "true";
}
function paint() {
  const asset = player?.dataset.asset;
  if (!asset) return;
  for (const { card } of shots) {
    const frame = isOn("middle") ? card.dataset.middle : card.dataset.start;
    const image = card.querySelector("img");
    const path = `/v1/media/${asset}/frames/${frame}.jpg?width=320`;
    if (image.getAttribute("src") !== path) image.src = path;
    card.querySelector(".over")?.remove();
    if (isOn("people") && card.dataset.people !== undefined) {
      const over = new Image();
      over.className = "over";
      over.alt = "";
      over.loading = "lazy";
      over.src = `/films/${asset}/people/${card.dataset.shot}.png`;
      card.querySelector(".still").append(over);
    }
  }
  const order = (one) => (isOn("group") ? Number(one.card.dataset.group) * 1e6 : 0) + one.number;
  list.append(...[...shots].sort((a, b) => order(a) - order(b)).map((one) => one.card));
}
for (const button of buttons) button.addEventListener("click", () => press(button.dataset.show));
document.addEventListener("keydown", (event) => {
  const names = { f: "first", m: "middle", s: "people", g: "group" };
  if (!isWriting(event) && event.key in names) press(names[event.key]);
});
