// Asking and waiting: sends the forms, follows running asks, keeps the machines' states fresh.
//
// The words for every state come from the server. After an event the parts of the page that show it
// are fetched again; only tokens are inserted here.

import { follow } from "/static/js/stream.js";

const STEP_MS = 2000; // a waiting state is looked at again so often: a model may be loading
const STATES_MS = 5000; // and the machines' states

// ---------------------------------------------------------------- a running ask

/** Follow the ask of `live` (see live.html) until it has ended, then show the article as it is. */
function attach(live) {
  const leaving = new AbortController();
  const { signal } = leaving;
  addEventListener("pagehide", () => leaving.abort(), { signal });
  const view = new View(live, signal);
  follow(live.dataset.events, {
    after: Number(live.dataset.seq),
    heard: (event) => view.heard(event),
    lost: () => view.say(live.dataset.lost),
    back: () => view.refresh(),
    signal,
  }).then(async (end) => {
    if (end === "left") return;
    view.rest();
    if (end === "lost") return view.say(live.dataset.unreachable);
    await view.end();
    leaving.abort();
  });
}

class View {
  constructor(live, signal) {
    this.live = live;
    this.signal = signal;
    this.article = live.closest("article");
    this.text = new Writer(live.querySelector("[data-part=text]"));
    this.begun = performance.now() - Number(live.dataset.elapsed);
    this.busy = null;
    this.stale = false;
    this.clock = setInterval(() => this.tick(), 1000);
    this.looking = setInterval(() => document.hidden || this.refresh(), STEP_MS);
    signal.addEventListener("abort", () => this.rest());
    this.cancelling();
    this.tick();
  }

  heard({ name, data }) {
    switch (name) {
      case "token":
        if (this.text.isEmpty) this.refresh();
        this.text.add(data.text);
        clearInterval(this.looking);
        return false;
      case "tool_call":
      case "note":
        this.text.clear(); // what came before was no part of the answer
        this.refresh();
        return false;
      case "citation":
        return false;
      case "done":
        if (data.status === "interrupted") this.say(this.live.dataset.interrupted);
        return true;
      case "error":
        this.error = data.error.message; // should there be no page to tell of it
        return true;
      default:
        this.refresh();
        return false;
    }
  }

  say(words) {
    const status = this.live.querySelector("[data-part=status]");
    if (status && status.textContent.trim() !== words.trim()) status.textContent = words;
  }

  tick() {
    const seconds = Math.round((performance.now() - this.begun) / 1000);
    const place = this.live.querySelector("[data-part=elapsed]");
    if (place) place.textContent = seconds < 1 ? "" : duration(seconds);
  }

  /** Stop everything that runs by itself. */
  rest() {
    clearInterval(this.clock);
    clearInterval(this.looking);
  }

  /** Fetch the progress of the ask in words. One request at a time; the latest call wins. */
  refresh() {
    this.stale = true;
    this.busy ??= this.#refresh().finally(() => (this.busy = null));
    return this.busy;
  }

  async #refresh() {
    while (this.stale && !this.signal.aborted) {
      this.stale = false;
      const fresh = await fetched(this.live.dataset.standing, this.signal);
      const now = fresh?.querySelector(`[data-live="${this.live.dataset.live}"]`);
      if (!now) return; // it has ended, or cannot be told now: the events will say
      const status = now.querySelector("[data-part=status]").textContent;
      if (!this.text.isEmpty || now.dataset.phase !== "writing") this.say(status);
      this.part("steps", now);
      showSources(this.article, now.closest("article"));
    }
  }

  part(name, fresh) {
    const old = this.live.querySelector(`[data-part=${name}]`);
    const now = fresh.querySelector(`[data-part=${name}]`);
    if (old && now && old.innerHTML !== now.innerHTML) old.replaceWith(document.adoptNode(now));
  }

  cancelling() {
    const form = this.live.querySelector("form[data-cancel]");
    form?.addEventListener("submit", async (event) => {
      event.preventDefault();
      const button = form.querySelector("button");
      button.disabled = true;
      try {
        await fetch(form.action, { method: "POST", body: new URLSearchParams() });
      } catch {
        button.disabled = false; // the stream says that the connection is lost
      }
    });
  }

  /** The ask has ended: show its article as the server renders it. */
  async end() {
    for (const waitMs of [0, 300, 1000, 3000, 5000, 10_000, 20_000]) {
      await new Promise((resolve) => setTimeout(resolve, waitMs));
      if (this.signal.aborted) return;
      const page = await fetched(this.live.dataset.page, this.signal);
      const fresh = page && articleOf(page, this.live.dataset.live);
      if (fresh && !fresh.querySelector("[data-live]")) return this.show(fresh);
    }
    this.say(this.error ?? this.live.dataset.unreachable);
  }

  show(fresh) {
    const { article } = this;
    const held = article.contains(document.activeElement);
    const { finished: words, kept } = this.live.dataset;
    const { top, text } = this.text;
    article.replaceChildren(...[...fresh.childNodes].map((node) => document.adoptNode(node)));
    if (text && !article.querySelector(".answer")) this.keepText(text, kept);
    this.keepPlace(top);
    announce(words);
    if (held) focus(article.querySelector("h1, h2"));
    for (const form of document.querySelectorAll("form[data-after]")) form.hidden = false;
    prepare(article);
    document.dispatchEvent(new CustomEvent("byline:shown", { detail: article }));
  }

  /** A Byline process that died stored nothing of what it had sent. */
  keepText(text, words) {
    const hint = document.createElement("p");
    hint.className = "hint";
    hint.textContent = words;
    const answer = document.createElement("div");
    answer.className = "answer writing";
    answer.dir = "auto";
    answer.textContent = text;
    this.article.querySelector(".notice")?.after(hint, answer);
  }

  /** Keep the text in its place on the screen while the byline above it grows. */
  keepPlace(top) {
    const answer = this.article.querySelector(".answer");
    if (top === null || !answer) return;
    scrollBy({ top: answer.getBoundingClientRect().top - top, behavior: "instant" });
    const above = top - answer.getBoundingClientRect().top; // the window was at its beginning
    if (above > 0) answer.style.marginTop = `${above}px`;
  }
}

/** Appends text to one text node, once a frame at most. */
class Writer {
  constructor(place) {
    this.node = place.firstChild ?? place.appendChild(document.createTextNode(""));
    this.waiting = "";
    this.frame = 0;
  }

  get text() {
    return this.node.data + this.waiting;
  }

  get isEmpty() {
    return this.node.length === 0 && this.waiting === "";
  }

  /** The top of the text in the window; null while there is no text. */
  get top() {
    return this.isEmpty ? null : this.node.parentElement.getBoundingClientRect().top;
  }

  add(text) {
    this.waiting += text;
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.node.appendData(this.waiting);
      this.waiting = "";
    });
  }

  clear() {
    this.waiting = "";
    this.node.data = "";
  }
}

function showSources(article, fresh) {
  const now = fresh.querySelector(".sources");
  const old = article.querySelector(".sources");
  if (!now || old?.innerHTML === now.innerHTML) return;
  const shown = document.adoptNode(now);
  if (old) old.replaceWith(shown);
  else article.querySelector(".columns").append(shown);
}

function articleOf(page, ask) {
  return page.getElementById(`turn-${ask}`) ?? page.querySelector("main article");
}

async function fetched(address, signal) {
  const wanted = new URL(address, location.href);
  for (const [name, value] of new URLSearchParams(location.search)) {
    if (["lang", "theme"].includes(name)) wanted.searchParams.set(name, value); // no cookies
  }
  try {
    const response = await fetch(wanted, { signal, cache: "no-store" });
    return response.ok ? parsed(await response.text()) : null;
  } catch {
    return null;
  }
}

function parsed(html) {
  return new DOMParser().parseFromString(html, "text/html");
}

function duration(seconds) {
  const language = document.documentElement.lang;
  const unit = (value, name) =>
    new Intl.NumberFormat(language, { style: "unit", unit: name, unitDisplay: "short" }).format(value);
  const minutes = Math.floor(seconds / 60);
  return minutes ? `${unit(minutes, "minute")} ${unit(seconds % 60, "second")}` : unit(seconds, "second");
}

function announce(words) {
  let place = document.getElementById("announced");
  if (!place) {
    place = document.createElement("p");
    place.id = "announced";
    place.className = "unseen";
    place.setAttribute("role", "status");
    document.querySelector("main").append(place);
  }
  place.textContent = words;
}

function focus(element) {
  if (!element) return;
  element.tabIndex = -1;
  element.focus({ preventScroll: true });
}

// ---------------------------------------------------------------- asking

/** A form that asks: Enter sends; the text stays until the question was accepted. */
function asking(form) {
  const field = form.querySelector("textarea");
  if (field) {
    const draft = new Draft(field);
    if (!field.value) draft.restore();
    field.addEventListener("keydown", (event) => {
      // While a syllable is being composed, Enter only ends it; Safari reports this as key code 229.
      if (event.key !== "Enter" || event.isComposing || event.keyCode === 229) return;
      if (event.shiftKey || event.ctrlKey || event.altKey || event.metaKey) return;
      event.preventDefault();
      if (field.value.trim()) form.requestSubmit(form.querySelector("button[data-main]"));
    });
    form.addEventListener("input", () => draft.keep());
  }
  form.addEventListener("submit", (event) => {
    if (event.submitter?.hasAttribute("formaction")) return;
    event.preventDefault();
    if (!form.dataset.sending) send(form);
  });
}

async function send(form) {
  const sending = new AbortController();
  const waiting = form.querySelector("[data-sending]");
  const stop = waiting?.querySelector("button");
  const end = () => sending.abort();
  form.dataset.sending = "yes";
  for (const old of form.parentElement.querySelectorAll(".notice[role=alert]")) old.remove();
  // Most are accepted at once; a line that appears and disappears would only flicker.
  const slow = setTimeout(() => waiting && (waiting.hidden = false), 150);
  stop?.addEventListener("click", end, { once: true });
  try {
    const response = await fetch(form.action, {
      method: "POST",
      body: new URLSearchParams(new FormData(form)),
      headers: { Prefer: "respond-async" },
      signal: sending.signal,
    });
    if (response.status === 202) {
      new Draft(form.querySelector("textarea")).sent();
      return await go(response.headers.get("Location"), form);
    }
    refused(form, parsed(await response.text()).querySelector(".notice[role=alert]"));
  } catch {
    if (!sending.signal.aborted) refused(form, null);
  } finally {
    clearTimeout(slow);
    stop?.removeEventListener("click", end);
    if (waiting) waiting.hidden = true;
    delete form.dataset.sending;
  }
}

/** Show why the question was refused, above the form that still holds it. */
function refused(form, notice) {
  let shown = notice && document.adoptNode(notice);
  if (!shown) {
    shown = document.createElement("div");
    shown.className = "notice";
    shown.setAttribute("role", "alert");
    const said = shown.appendChild(document.createElement("p"));
    said.className = "said";
    said.textContent = form.dataset.unreachable ?? "";
  }
  form.before(shown);
  shown.scrollIntoView({ block: "nearest" });
}

/** Go to the address of the ask; in an open conversation, append the new turn. */
async function go(address, form) {
  const target = new URL(address, location.href);
  if (target.pathname !== location.pathname) return location.assign(target);
  const page = await fetched(target.pathname);
  const turn = page?.getElementById(target.hash.slice(1));
  if (!turn) return location.reload();
  form.before(document.adoptNode(turn));
  const field = form.querySelector("textarea");
  field.value = "";
  new Draft(field).forget();
  const runs = turn.querySelector("[data-live]");
  form.hidden = Boolean(runs);
  form.dataset.after = "yes";
  prepare(turn);
  history.replaceState(history.state, "", target.hash);
  turn.scrollIntoView({ block: "start" });
  focus(turn.querySelector("h2"));
  if (!runs) document.dispatchEvent(new CustomEvent("byline:shown", { detail: turn }));
}

/** Keep text that was typed and not yet asked for as long as the tab is open. */
class Draft {
  constructor(field) {
    this.field = field;
    this.key = field && `draft ${new URL(field.form.action).pathname} ${field.name}`;
  }

  restore() {
    const kept = this.#kept();
    if (!kept) return;
    // A question that was asked is useful only to somebody who returns to rephrase it.
    const [entry] = performance.getEntriesByType("navigation");
    if (kept.sent && entry?.type === "navigate") return this.forget();
    this.field.value = kept.text;
  }

  keep() {
    this.#store({ text: this.field.value, sent: false });
  }

  sent() {
    if (this.field) this.#store({ text: this.field.value, sent: true });
  }

  forget() {
    this.#store(null);
  }

  #kept() {
    try {
      return JSON.parse(sessionStorage.getItem(this.key));
    } catch {
      return null; // no storage: the browser's own memory of forms must do
    }
  }

  #store(draft) {
    try {
      sessionStorage.setItem(this.key, JSON.stringify(draft));
    } catch {
      // As above.
    }
  }
}

// ---------------------------------------------------------------- the machines' states

/** Keep the cards of the machines up to date while the page is visible. */
function states(cards) {
  let seen = null;

  async function look() {
    const page = await fetched(location.pathname, seen?.signal);
    for (const card of cards.querySelectorAll("[data-backend]")) {
      const name = CSS.escape(card.dataset.backend);
      const now = page?.querySelector(`[data-backend="${name}"] .standing`);
      const old = card.querySelector(".standing");
      if (now && old.innerHTML !== now.innerHTML) old.replaceWith(document.adoptNode(now));
    }
  }

  function begin() {
    if (document.hidden || seen) return;
    seen = new AbortController();
    const timer = setInterval(look, STATES_MS);
    seen.signal.addEventListener("abort", () => clearInterval(timer));
    let soon = 0;
    const heard = ({ data }) => {
      if (data.was !== null) soon ||= setTimeout(() => (soon = look() && 0), 100); // one look for a burst of events
      return false;
    };
    follow("/api/events", { heard, lost() {}, back: look, signal: seen.signal });
  }

  function end() {
    seen?.abort();
    seen = null;
  }

  document.addEventListener("visibilitychange", () => (document.hidden ? end() : begin()));
  addEventListener("pagehide", end);
  addEventListener("pageshow", begin);
  begin();
}

// ---------------------------------------------------------------- this page

function prepare(root) {
  for (const live of root.querySelectorAll("[data-live]")) attach(live);
  for (const form of root.querySelectorAll("form[data-asks]")) asking(form);
}

prepare(document);
for (const cards of document.querySelectorAll("[data-states]")) states(cards);
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const live of document.querySelectorAll("[data-live]")) attach(live);
});
