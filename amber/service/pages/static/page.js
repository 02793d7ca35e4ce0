// What every page does: keys, dark and light, times in the reader's own zone, and jobs as they go on.

export const mark = document.querySelector('meta[name="mark"]').content;

/** Fetch one of our own routes; what changes something says the session's mark. Throws what went wrong, in words. */
export async function ask(path, options = {}) {
  const headers = { "X-Amber-Mark": mark, ...options.headers };
  const answer = await fetch(path, { ...options, headers });
  if (!answer.ok) {
    const type = answer.headers.get("content-type") || "";
    const said = type.includes("json") ? (await answer.json()).detail : `${answer.status} ${answer.statusText}`;
    throw Object.assign(new Error(said), { status: answer.status });
  }
  return answer;
}

/** Whether a key is meant for what is being written, and not for the page. */
export function isWriting(event) {
  const at = event.target;
  return event.ctrlKey || event.metaKey || event.altKey
    || at.closest("input:not([type=checkbox]):not([type=radio]), textarea, select, dialog[open]") !== null;
}

export function seconds(value) {
  if (value < 60) return `${value.toFixed(value < 10 ? 1 : 0)} s`;
  return value < 3600 ? `${(value / 60).toFixed(1)} min` : `${(value / 3600).toFixed(1)} h`;
}

const themeButton = document.getElementById("theme");
function changeTheme() {
  const root = document.documentElement;
  const isLight = getComputedStyle(root).colorScheme === "light";
  root.dataset.theme = isLight ? "dark" : "light";
  localStorage.setItem("amber-theme", root.dataset.theme);
}
themeButton.addEventListener("click", changeTheme);
const help = document.getElementById("help");
document.getElementById("keys").addEventListener("click", () => help.showModal());
document.addEventListener("keydown", (event) => {
  if (isWriting(event)) return;
  if (event.key === "?") help.showModal();
  else if (event.key === "t") changeTheme();
  else if (event.key === "/") {
    const field = document.querySelector("input[type=search]");
    if (!field) return;
    field.focus();
    field.select();
  } else return;
  event.preventDefault();
});

for (const time of document.querySelectorAll("time[datetime]")) {
  const at = new Date(time.dateTime);
  time.title = time.dateTime;
  const pad = (number) => String(number).padStart(2, "0");
  time.textContent = `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())} ${pad(at.getHours())}:${pad(at.getMinutes())}`;
}

/** Follow a job until it has ended; goes on by itself when the service was away. `told` gets (state, document). */
export function follow(job, told) {
  const states = ["queued", "running", "ready", "failed", "cancelled"];
  let stream = null;
  function open() {
    stream = new EventSource(`/v1/jobs/${job}/events`);
    for (const state of states) {
      stream.addEventListener(state, (event) => {
        if (["ready", "failed", "cancelled"].includes(state)) stream.close();
        told(state, JSON.parse(event.data));
      });
    }
    stream.addEventListener("gone", () => { stream.close(); told("gone", {}); });
    stream.addEventListener("error", () => {
      told("away", {});
      // A browser goes on by itself while it can; where it gave up, we begin again.
      if (stream.readyState === EventSource.CLOSED) setTimeout(open, 1000);
    });
  }
  open();
  return () => stream.close();
}

/** Write into a line what a job says of itself. */
export function tell(line, state, job) {
  const said = line.querySelector("[data-said]");
  const left = line.querySelector("[data-left]");
  const bar = line.querySelector("progress");
  line.classList.toggle("failed", state === "failed");
  if (state === "away") { said.textContent = "the service is away; this goes on when it is back"; return; }
  if (state === "failed") { said.textContent = job.problem.detail; return; }
  if (state === "queued") { said.textContent = "waits for a worker"; bar.removeAttribute("value"); return; }
  if (state !== "running") return;
  const part = job.total ? job.done / job.total : 0;
  said.textContent = (job.step || "begins") + (job.total ? ` · ${job.done} of ${job.total} ${job.unit}` : "");
  if (job.steps_total) bar.value = Math.round((100 * (job.steps_done + part)) / job.steps_total);
  left.textContent = job.eta_seconds ? `${seconds(job.eta_seconds)} left` : "";
}

// A browser keeps six connections to one place, and pictures need some.
const MOST_STREAMS = 2;
const lines = [...document.querySelectorAll("[data-job]")].slice(0, MOST_STREAMS);
for (const line of lines) {
  follow(line.dataset.job, (state, job) => {
    tell(line, state, job);
    if (["ready", "failed", "cancelled", "gone"].includes(state)) location.reload();
  });
}
