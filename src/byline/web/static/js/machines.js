// Keeps the machines page up to date: fetches its list every few seconds while the page is visible,
// and replaces the parts that have changed. A part that has the focus is left alone.

const EVERY_MS = 3000;
const WAIT_MS_MAX = 10000;
const stale = document.getElementById("stale");
let timer = 0;

async function look() {
  try {
    const answer = await fetch("/machines/now", { signal: AbortSignal.timeout(WAIT_MS_MAX) });
    if (!answer.ok) throw new Error(String(answer.status));
    takeOver(new DOMParser().parseFromString(await answer.text(), "text/html"));
    stale.hidden = true;
  } catch {
    stale.hidden = false;
  }
  plan();
}

function takeOver(fresh) {
  for (const piece of fresh.querySelectorAll("[data-live]")) {
    const shown = document.getElementById(piece.id);
    if (!shown || shown.contains(document.activeElement)) continue;
    for (const open of shown.querySelectorAll("details[open]")) {
      fresh.getElementById(open.id)?.setAttribute("open", "");
    }
    if (shown.outerHTML === piece.outerHTML) continue;
    for (const { name, value } of piece.attributes) shown.setAttribute(name, value);
    shown.replaceChildren(...piece.childNodes);
  }
}

function plan() {
  clearTimeout(timer);
  if (!document.hidden) timer = setTimeout(look, EVERY_MS);
}

document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : look()));
plan();
