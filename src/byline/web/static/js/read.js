// Reading an answer: a card beside each numeral, the source beside the answer, copying.
// The page works without this: numerals link to the list of sources, and those to the documents.

const panel = document.getElementById("panel");
const card = document.getElementById("glance");
const narrow = matchMedia("(max-width: 54rem)");
const SOURCE = /^#((?:t\d+-)?source-\d+)$/;
const APPEARS_MS = 150;
const LINGERS_MS = 250; // time to move from the numeral onto the card

// --- cards: what a numeral or a mark of doubt stands for ------------------------------------------

let shownFor = null;
let timer = 0;

function target(link) {
  return document.getElementById(decodeURIComponent(link.hash.slice(1)));
}

function part(name, className, text, lang) {
  const element = document.createElement(name);
  element.className = className;
  element.textContent = text;
  element.dir = "auto";
  if (lang) element.lang = lang;
  return element;
}

function contents(link) {
  const found = target(link);
  if (!found) return [];
  if (link.classList.contains("doubt")) {
    const verdict = found.querySelector(".verdict");
    return [part("p", "why", verdict ? verdict.textContent.trim() : "")];
  }
  const title = found.querySelector(".title");
  const parts = [part("strong", "title", title.textContent.trim(), title.lang)];
  for (const small of found.querySelectorAll("small")) parts.push(part("small", small.className, small.textContent.trim()));
  for (const quote of found.querySelectorAll("blockquote")) parts.push(part("blockquote", "", quote.textContent, quote.lang));
  return parts;
}

function showCard(link) {
  clearTimeout(timer);
  if (shownFor === link) return;
  hideCard();
  const parts = contents(link);
  if (parts.length === 0) return;
  card.replaceChildren(...parts);
  card.hidden = false;
  shownFor = link;
  link.setAttribute("aria-describedby", "glance");
  place(link);
}

function place(link) {
  const gap = 6;
  const there = link.getBoundingClientRect();
  const width = card.offsetWidth;
  const left = Math.min(Math.max(gap, there.left - 24), innerWidth - width - gap);
  const below = there.bottom + gap + card.offsetHeight <= innerHeight;
  card.style.left = `${left}px`;
  card.style.top = below ? `${there.bottom + gap}px` : `${Math.max(gap, there.top - gap - card.offsetHeight)}px`;
}

function hideCard() {
  clearTimeout(timer);
  if (shownFor) shownFor.removeAttribute("aria-describedby");
  shownFor = null;
  card.hidden = true;
}

function later(act, ms) {
  clearTimeout(timer);
  timer = setTimeout(act, ms);
}

function told(event) {
  return event.target instanceof Element ? event.target.closest("a.mark, a.doubt") : null;
}

document.addEventListener("pointerover", (event) => {
  if (event.pointerType === "touch") return;
  const link = told(event);
  if (link) later(() => showCard(link), APPEARS_MS);
  else if (card.contains(event.target)) clearTimeout(timer);
  else if (shownFor && shownFor !== document.activeElement) later(hideCard, LINGERS_MS);
});
document.addEventListener("focusin", (event) => {
  const link = told(event);
  if (link && link.matches(":focus-visible")) showCard(link);
  else hideCard();
});
addEventListener("scroll", hideCard, { passive: true });

// --- the panel: a source beside the answer -------------------------------------------------------

let opener = null;
let loading = null;

/** The place in the list of sources that an address's hash names, or null. */
function named(hash) {
  const found = SOURCE.exec(decodeURIComponent(hash));
  return found ? document.getElementById(found[1]) : null;
}

async function openPanel(entry, from) {
  hideCard();
  opener = from ?? opener;
  document.querySelector(".sources li.open")?.classList.remove("open");
  entry.classList.add("open");
  const heading = document.getElementById("panel-title");
  const matter = panel.querySelector(".matter");
  matter.replaceChildren(part("p", "hint", panel.dataset.loading));
  if (!panel.open) {
    if (narrow.matches) panel.showModal();
    else panel.show();
  }
  heading.focus({ preventScroll: true });
  loading?.abort();
  const own = (loading = new AbortController());
  try {
    const ask = entry.closest("[data-read]").dataset.read;
    const answer = await fetch(`/asks/${ask}/sources/${entry.value}`, { signal: own.signal });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const leaf = page.querySelector(".leaf");
    if (!answer.ok || !leaf) throw new Error(`HTTP ${answer.status}`);
    const picture = leaf.querySelector("img");
    const address = picture?.getAttribute("src");
    picture?.removeAttribute("src");
    matter.replaceChildren(document.adoptNode(leaf));
    matter.scrollTop = 0;
    if (picture) await showPage(matter, picture, address, own.signal);
    else scrollTo(matter, matter.querySelector("mark"));
  } catch (error) {
    if (own.signal.aborted) return;
    const link = entry.querySelector("a.title");
    matter.replaceChildren(part("p", "notice", panel.dataset.failed));
    if (link) matter.append(link.cloneNode(true));
  }
}

/** The picture is fetched before it is shown: its headers tell where on it the passage is. */
async function showPage(matter, picture, address, signal) {
  const answer = await fetch(address, { signal });
  if (!answer.ok) {
    matter.querySelector(".page").remove();
    matter.querySelector(".broken").hidden = false;
    matter.querySelector(".astext").open = true;
    return;
  }
  await answer.blob();
  picture.src = address;
  await picture.decode().catch(() => {});
  picture.classList.add("seen");
  if (answer.headers.get("X-Byline-Passage") === "not_found") {
    matter.querySelector(".unfound").hidden = false;
    matter.querySelector(".astext").open = true;
  }
  const box = (answer.headers.get("X-Byline-Passage-Box") ?? "").split(",").map(Number);
  if (box.length === 4) {
    const top = picture.getBoundingClientRect().top - matter.getBoundingClientRect().top + matter.scrollTop;
    const middle = ((box[1] + box[3]) / 2) * picture.clientHeight;
    matter.scrollTop = top + middle - matter.clientHeight / 2;
  }
}

function scrollTo(matter, mark) {
  if (!mark) return;
  const top = mark.getBoundingClientRect().top - matter.getBoundingClientRect().top + matter.scrollTop;
  matter.scrollTop = top - matter.clientHeight / 3;
}

function closePanel() {
  if (!panel.open) return;
  loading?.abort();
  panel.close();
  document.querySelector(".sources li.open")?.classList.remove("open");
  if (opener?.isConnected) opener.focus({ preventScroll: true });
  opener = null;
}

/** Closing goes back in the history, so that «back» closes and does not open again. */
function leavePanel() {
  if (history.state?.panel) history.back();
  else {
    history.replaceState(null, "", location.pathname + location.search);
    closePanel();
  }
}

function asPlain(event) {
  return event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
}

document.addEventListener("click", (event) => {
  if (!(event.target instanceof Element) || !asPlain(event)) return;
  if (event.target.closest("#panel .close")) return leavePanel();
  const link = event.target.closest("a.mark, .sources a.title");
  const entry = link ? (link.matches(".mark") ? target(link) : link.closest("li")) : null;
  if (!entry?.closest("[data-read]")) return;
  event.preventDefault();
  const address = `#${entry.id}`;
  if (history.state?.panel) history.replaceState({ panel: true }, "", address);
  else history.pushState({ panel: true }, "", address);
  openPanel(entry, link);
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  if (!card.hidden) {
    hideCard();
    event.preventDefault(); // Escape takes away one thing at a time
  } else if (panel.open && !event.isComposing) {
    event.preventDefault();
    leavePanel();
  }
});
panel.addEventListener("cancel", (event) => {
  event.preventDefault();
  leavePanel();
});

addEventListener("popstate", () => {
  const entry = named(location.hash);
  if (entry) openPanel(entry);
  else closePanel();
});
const first = named(location.hash);
if (first) openPanel(first);

// --- copying, and colours that are remembered ----------------------------------------------------

document.addEventListener("click", async (event) => {
  const link = event.target instanceof Element ? event.target.closest("a.copy") : null;
  if (!link || !asPlain(event) || !navigator.clipboard) return; // then it is a plain link
  event.preventDefault();
  const said = link.parentElement.querySelector(".copied");
  try {
    const answer = await fetch(link.href);
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
    await navigator.clipboard.writeText(await answer.text());
    said.textContent = link.dataset.copied;
  } catch {
    location.assign(link.href);
  }
});

const TINTED = "byline.tinted";

function remembered(act) {
  try {
    return act(localStorage);
  } catch {
    return null; // storage is switched off: the colours hold for this page
  }
}

function tint(on) {
  document.documentElement.toggleAttribute("data-tinted", on);
  for (const box of document.querySelectorAll(".tint")) box.checked = on;
}

document.addEventListener("change", (event) => {
  if (!event.target.matches(".tint")) return;
  tint(event.target.checked);
  remembered((kept) => kept.setItem(TINTED, event.target.checked ? "yes" : "no"));
});
const wasTinted = () => remembered((kept) => kept.getItem(TINTED)) === "yes";
if (wasTinted()) tint(true);
document.addEventListener("byline:shown", () => {
  if (wasTinted()) tint(true); // an answer that has just been finished
});
