// The library: filter as you type, walk by arrow keys, and add films.
import { ask, follow, isWriting, tell } from "./page.js";

const list = document.getElementById("films");
const field = document.getElementById("q");
const films = list ? [...list.children] : [];

field?.addEventListener("input", () => {
  if (!films.length) return;
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const film of films) {
    const fits = words.every((word) => film.dataset.said.includes(word));
    film.hidden = !fits;
    shown += fits;
  }
  document.getElementById("none").hidden = shown > 0;
  document.getElementById("shown").textContent = `${shown.toLocaleString("en")} ${shown === 1 ? "film" : "films"}`;
});

document.addEventListener("keydown", (event) => {
  const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: "row", ArrowUp: "-row" };
  if (isWriting(event) || !(event.key in steps) || !films.length) return;
  const links = films.filter((film) => !film.hidden).map((film) => film.querySelector("a"));
  const at = links.indexOf(document.activeElement);
  const across = Math.max(1, getComputedStyle(list).gridTemplateColumns.split(" ").length);
  const step = steps[event.key];
  const by = step === "row" ? across : step === "-row" ? -across : step;
  const next = links[at < 0 ? 0 : Math.min(Math.max(at + by, 0), links.length - 1)];
  next?.focus();
  event.preventDefault();
});

// Uploads go in parts, so that a line that breaks, or a service that is started again, costs one part at most.
const PART = 8 << 20;
const AGAIN_MS = 500;
const uploads = document.getElementById("uploads");
const later = (ms) => new Promise((go) => setTimeout(go, ms));

function line(name) {
  const made = document.createElement("div");
  made.className = "job";
  made.innerHTML = '<div class="job-line"><b></b> <span class="muted" data-said></span><span class="num muted" data-left></span></div><progress max="100" value="0"></progress>';
  made.querySelector("b").textContent = name;
  made.querySelector("progress").setAttribute("aria-label", `How far ${name} is`);
  uploads.append(made);
  return made;
}

/** Do something again until the service is there; what it refuses for good is thrown. */
async function patiently(does, away) {
  for (;;) {
    try {
      return await does();
    } catch (error) {
      const passes = error.status === undefined || error.status === 409 || error.status === 429 || error.status >= 500;
      if (!passes || error.status === 507) throw error;
      away();
      await later(AGAIN_MS);
    }
  }
}

async function send(file, row) {
  const said = row.querySelector("[data-said]");
  const bar = row.querySelector("progress");
  const away = () => { said.textContent = "the service is away; this goes on when it is back"; };
  const bytes = new TextEncoder().encode(file.name);
  const title = btoa(String.fromCharCode(...bytes));
  const begun = await patiently(() => ask("/v1/uploads", {
    method: "POST", headers: { "Upload-Length": String(file.size), "Upload-Metadata": `filename ${title}`, "Tus-Resumable": "1.0.0" },
  }), away);
  const place = begun.headers.get("location");
  let offset = 0;
  while (offset < file.size) {
    said.textContent = `${(offset / 1e6).toFixed(1)} of ${(file.size / 1e6).toFixed(1)} MB`;
    offset = await patiently(async () => {
      const known = Number((await ask(place, { method: "HEAD", headers: { "Tus-Resumable": "1.0.0" } })).headers.get("upload-offset"));
      if (known >= file.size) return known;
      const sent = await ask(place, {
        method: "PATCH", body: file.slice(known, known + PART),
        headers: { "Content-Type": "application/offset+octet-stream", "Upload-Offset": String(known), "Tus-Resumable": "1.0.0" },
      });
      return Number(sent.headers.get("upload-offset"));
    }, away);
    bar.value = (100 * offset) / file.size;
  }
  said.textContent = "is being read";
  bar.removeAttribute("value");
  const named = await patiently(() => ask("/v1/assets", {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ upload: place.split("/").pop() }),
  }), away);
  return named.json();
}

/** Ask for what makes a film useful; a film that is only named has no picture yet. */
async function analyse(asset, row) {
  const algorithm = uploads.dataset.first;
  if (!algorithm) return;
  const answer = await patiently(() => ask(`/v1/assets/${asset}/features/${algorithm}`), () => {});
  if (answer.status !== 202) return;
  const job = (await answer.json()).job;
  await new Promise((done) => {
    follow(job, (state, told) => {
      tell(row, state, told);
      if (["ready", "failed", "cancelled", "gone"].includes(state)) done(state);
    });
  });
}

async function add(file) {
  const row = line(file.name);
  const said = row.querySelector("[data-said]");
  try {
    const known = await send(file, row);
    const link = document.createElement("a");
    link.href = `/films/${known.asset}`;
    link.textContent = known.title;
    row.querySelector("b").replaceChildren(link);
    said.textContent = known.state === "known" ? "was here already" : "is named";
    await analyse(known.asset, row);
    return true;
  } catch (error) {
    row.classList.add("failed");
    said.textContent = error.message;
    return false;
  }
}

async function addAll(chosen) {
  let isWhole = true;
  for (const file of chosen) isWhole = (await add(file)) && isWhole;
  if (isWhole && chosen.length) location.reload();
}

if (uploads) {
  document.getElementById("upload").addEventListener("change", (event) => addAll([...event.target.files]));
  const drop = document.getElementById("drop");
  let depth = 0;
  const hasFiles = (event) => [...(event.dataTransfer?.types || [])].includes("Files");
  document.addEventListener("dragenter", (event) => { if (hasFiles(event)) { depth += 1; drop.hidden = false; } });
  document.addEventListener("dragleave", () => { depth = Math.max(0, depth - 1); drop.hidden = depth === 0; });
  document.addEventListener("dragover", (event) => { if (hasFiles(event)) event.preventDefault(); });
  document.addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth = 0;
    drop.hidden = true;
    addAll([...event.dataTransfer.files]);
  });
}

// While something is being made, look again now and then; not while somebody writes or uploads.
if (list?.dataset.busy !== undefined) {
  setInterval(async () => {
    if (document.hidden || field.value || uploads?.children.length || document.activeElement !== document.body) return;
    location.reload();
  }, 5000);
}
