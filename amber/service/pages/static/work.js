// Work goes on: the page is taken again now and then, unless somebody is at one of its buttons.
const EVERY_MS = 2000;
const live = document.getElementById("live");

async function again() {
  if (document.hidden || live.contains(document.activeElement)) return;
  try {
    const answer = await fetch("/jobs");
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("live");
    if (fresh && !live.contains(document.activeElement)) live.replaceChildren(...fresh.childNodes);
    delete live.dataset.away;
  } catch {
    live.dataset.away = ""; // the service is away; it is asked again
  }
}
setInterval(again, EVERY_MS);
