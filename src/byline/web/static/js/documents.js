// The page of documents: files and folders are dropped or chosen and sent a few at a time, each with
// its progress, until each is read or its failure is shown; the list is kept up to date.
//
// Without this script the same forms send the same files.

import { say } from "/static/js/words.js";

const AT_ONCE = 3; // uploads side by side
const LOOK_MS = 1500; // so often it is looked how far the documents are
const LOOK_MS_MAX = 8000; // and no seldomer, while anything is still to come
const ASKED_AT_ONCE = 100; // documents in one question to the server
const SHOWN_MAX = 200; // files shown one by one; the others are counted
const JUNK = /^(\.DS_Store|Thumbs\.db|desktop\.ini|\._.*)$/i;
const SETTLED = new Set(["indexed", "embedded", "enriched", "failed"]);

// ---------------------------------------------------------------- which files

/** The files of `items` (DataTransferItemList), those in folders with their paths. */
async function dropped(transfer) {
  // The items are gone after the event: take the entries before the first await.
  const entries = [...transfer.items]
    .filter((item) => item.kind === "file")
    .map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile());
  const found = [];
  for (const entry of entries) await gather(entry, found);
  return found;
}

async function gather(entry, found) {
  if (!entry) return;
  if (entry instanceof File) {
    found.push({ file: entry, path: entry.name });
  } else if (entry.isFile) {
    const file = await new Promise((resolve) => entry.file(resolve, () => resolve(null)));
    if (file) found.push({ file, path: entry.fullPath.replace(/^\//, "") });
  } else if (entry.isDirectory) {
    const reader = entry.createReader();
    for (;;) {
      const some = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
      if (some.length === 0) return; // a reader gives a hundred at a time
      for (const inner of some) await gather(inner, found);
    }
  }
}

function chosen(input) {
  return [...input.files].map((file) => ({ file, path: file.webkitRelativePath || file.name }));
}

// ---------------------------------------------------------------- sending them

class Uploads {
  constructor(place, form) {
    this.place = place;
    this.form = form;
    this.list = place.querySelector("ul");
    this.all = [];
    this.waiting = [];
    this.running = new Set();
    this.reading = new Map(); // by document: the uploads that became it
    this.pause = LOOK_MS;
    place.querySelector("[data-part=stop]").addEventListener("click", () => this.stop());
  }

  add(files) {
    const wanted = files.filter(({ file }) => !JUNK.test(file.name));
    this.place.hidden = false;
    if (wanted.length === 0) {
      this.summary.textContent = say("none");
      return;
    }
    const fields = new FormData(this.form);
    const where = { collection: fields.get("collection"), tags: fields.get("tags") };
    for (const { file, path } of wanted) {
      const upload = { file, path, where, state: "waiting", line: null };
      this.all.push(upload);
      this.waiting.push(upload);
    }
    this.next();
  }

  get summary() {
    return this.place.querySelector("[data-part=summary]");
  }

  next() {
    while (this.running.size < AT_ONCE && this.waiting.length > 0) this.send(this.waiting.shift());
    this.tell();
  }

  send(upload) {
    const body = new FormData();
    for (const [name, value] of Object.entries(upload.where)) if (value) body.append(name, value);
    body.append("file", upload.file, upload.path);
    const request = new XMLHttpRequest();
    upload.request = request;
    this.running.add(upload);
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) this.progress(upload, event.loaded / event.total);
    });
    request.addEventListener("loadend", () => {
      this.running.delete(upload);
      this.answered(upload, request);
      this.next();
    });
    request.open("POST", "/api/documents");
    request.responseType = "json";
    this.become(upload, "sending");
    request.send(body);
  }

  answered(upload, request) {
    upload.request = null;
    if (upload.state === "stopped") return;
    const told = request.response;
    if (request.status === 202 && told?.documents?.length === 1) {
      const [document] = told.documents;
      upload.id = document.id;
      upload.duplicate = document.duplicate;
      this.become(upload, document.state);
      this.follow(upload);
    } else if (told?.error) {
      upload.why = [told.error.message, told.error.remedy].filter(Boolean).join(" ");
      this.become(upload, "refused");
    } else {
      upload.why = say(request.status === 0 ? "unreachable" : "strange");
      upload.again = true;
      this.become(upload, "refused");
    }
  }

  /** Poll until the document is read or has failed. */
  follow(upload) {
    list.changed();
    if (SETTLED.has(upload.state)) return;
    this.reading.set(upload.id, [...(this.reading.get(upload.id) ?? []), upload]);
    this.pause = LOOK_MS;
    this.timer ??= setTimeout(() => this.look(), this.pause);
  }

  async look() {
    const ids = [...this.reading.keys()].slice(0, ASKED_AT_ONCE);
    const before = this.reading.size;
    if (!document.hidden) {
      try {
        const address = `/api/documents?limit=${ASKED_AT_ONCE}&documents=${ids.join(",")}`;
        const answer = await fetch(address, { cache: "no-store" });
        if (answer.ok) this.heard(ids, (await answer.json()).documents);
      } catch {
        // It may come back: poll again later.
      }
    }
    this.pause = this.reading.size < before ? LOOK_MS : Math.min(this.pause * 1.3, LOOK_MS_MAX);
    this.timer = this.reading.size > 0 ? setTimeout(() => this.look(), this.pause) : null;
    this.tell();
  }

  heard(ids, documents) {
    const found = new Map(documents.map((document) => [document.id, document]));
    for (const id of ids) {
      const now = found.get(id);
      for (const upload of this.reading.get(id)) {
        upload.why = now?.error ? `${now.error.message} ${now.error.remedy}` : "";
        if (now) this.become(upload, now.state);
      }
      if (!now || SETTLED.has(now.state)) {
        this.reading.delete(id);
        list.changed();
      } else {
        // Documents just polled move to the end, so that each has its turn.
        const uploads = this.reading.get(id);
        this.reading.delete(id);
        this.reading.set(id, uploads);
      }
    }
  }

  stop() {
    for (const upload of this.waiting.splice(0)) this.become(upload, "stopped");
    for (const upload of this.running) {
      this.become(upload, "stopped");
      upload.request?.abort();
    }
    this.tell();
  }

  retry(upload) {
    upload.why = "";
    upload.again = false;
    if (upload.id && upload.state === "failed") {
      fetch(`/api/documents/${upload.id}/retry`, { method: "POST" })
        .then((answer) => answer.json())
        .then((told) => {
          this.become(upload, told.state);
          this.follow(upload);
        })
        .catch(() => this.become(upload, "failed"));
      return;
    }
    this.waiting.push(upload);
    this.next();
  }

  // ------------------------------------------------------------ showing them

  become(upload, state) {
    upload.state = state;
    if (!upload.line) {
      if (this.list.childElementCount >= SHOWN_MAX && !this.makeRoom()) return;
      upload.line = line(upload, () => this.retry(upload));
      this.list.prepend(upload.line);
    }
    const trouble = state === "failed" || state === "refused";
    const bar = upload.line.querySelector("progress");
    const said = upload.line.querySelector(".said");
    upload.line.classList.toggle("trouble", trouble);
    bar.hidden = state !== "sending";
    upload.line.querySelector("button").hidden = !(state === "failed" || upload.again);
    upload.line.querySelector("a").hidden = !upload.id;
    if (upload.id) upload.line.querySelector("a").href = `/documents/${upload.id}`;
    const words = state === "refused" ? "" : state === "sending" ? "" : say(state);
    said.textContent = [words, upload.duplicate ? say("duplicate") : "", upload.why ?? ""]
      .filter(Boolean)
      .join(" · ");
  }

  progress(upload, share) {
    const bar = upload.line?.querySelector("progress");
    if (!bar) return;
    bar.value = share;
    bar.setAttribute("aria-label", say("sending", { percent: Math.round(share * 100) }));
  }

  /** Remove the oldest line that is finished. */
  makeRoom() {
    const quiet = this.all.find((one) => one.line && ["indexed", "embedded"].includes(one.state));
    quiet?.line.remove();
    if (quiet) quiet.line = null;
    return Boolean(quiet);
  }

  tell() {
    const count = (test) => this.all.filter(test).length;
    const sent = count((one) => one.id || one.state === "refused");
    const done = count((one) => one.id && SETTLED.has(one.state) && one.state !== "failed");
    const trouble = count((one) => one.state === "refused" || one.state === "failed");
    const summary = say("summary", { sent, all: this.all.length, done });
    const words = trouble ? `${summary} ${say("troubles", { count: trouble })}` : summary;
    if (this.summary.textContent !== words) this.summary.textContent = words;
    const busy = this.waiting.length + this.running.size > 0;
    this.place.querySelector("[data-part=stop]").hidden = !busy;
  }
}

function line(upload, retry) {
  const made = document.createElement("li");
  const name = document.createElement("span");
  name.className = "file";
  name.dir = "auto";
  name.textContent = upload.path;
  const bar = document.createElement("progress");
  bar.max = 1;
  bar.setAttribute("aria-label", say("waiting"));
  const said = document.createElement("span");
  said.className = "said";
  const open = document.createElement("a");
  open.textContent = say("open");
  open.hidden = true;
  const again = document.createElement("button");
  again.type = "button";
  again.className = "quiet";
  again.textContent = say("again");
  again.addEventListener("click", retry);
  made.append(name, bar, said, open, again);
  return made;
}

// ---------------------------------------------------------------- the list

const list = {
  place: document.getElementById("list"),
  timer: null,

  /** The list has changed: fetch it, a moment later because more changes may follow. */
  changed(waitMs = 400) {
    this.timer ??= setTimeout(() => this.fetch(), waitMs);
  },

  async fetch() {
    this.timer = null;
    if (document.hidden) return this.changed(LOOK_MS);
    try {
      const answer = await fetch(location.href, { cache: "no-store" });
      if (answer.ok) this.show(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch {
      // The uploads report it, if there are any; the next change is shown anyway.
    }
    this.look();
  },

  /** Poll while documents are being read, less often the longer it takes. */
  look() {
    const unsettled = Number(this.place.dataset.unsettled) > 0;
    this.pause = unsettled ? Math.min((this.pause ?? LOOK_MS) * 1.3, LOOK_MS_MAX) : LOOK_MS;
    if (unsettled) this.changed(this.pause);
  },

  show(page) {
    const fresh = page.getElementById("list");
    if (!fresh) return;
    const ticked = new Set(this.ticks().filter((box) => box.checked).map((box) => box.value));
    const focus = this.place.contains(document.activeElement) ? document.activeElement : null;
    const rows = (root) => [...root.querySelectorAll("tr[data-id]")];
    const old = rows(this.place);
    const now = rows(fresh);
    if (old.length === now.length && old.every((row, at) => row.dataset.id === now[at].dataset.id)) {
      old.forEach((row, at) => {
        const same = row.dataset.stamp === now[at].dataset.stamp;
        if (!same && !row.contains(focus)) row.replaceWith(document.adoptNode(now[at]));
      });
      this.place.querySelector(".tally").replaceWith(
        document.adoptNode(fresh.querySelector(".tally")),
      );
    } else if (!focus && !this.place.querySelector("details[open]")) {
      this.place.replaceChildren(...[...fresh.childNodes].map((node) => document.adoptNode(node)));
    }
    this.place.dataset.unsettled = fresh.dataset.unsettled;
    for (const box of this.ticks()) box.checked = ticked.has(box.value);
    this.ticking();
  },

  ticks() {
    return [...this.place.querySelectorAll("tbody .tick input")];
  },

  ticking() {
    const all = this.place.querySelector("#all");
    const button = this.place.querySelector("[data-part=remove-ticked]");
    if (!all || !button) return;
    const boxes = this.ticks();
    const count = boxes.filter((box) => box.checked).length;
    all.hidden = false;
    all.checked = count > 0 && count === boxes.length;
    all.indeterminate = count > 0 && count < boxes.length;
    button.disabled = count === 0;
    button.textContent = say("ticked", { count });
  },
};

list.place.addEventListener("change", (event) => {
  if (event.target.id === "all") for (const box of list.ticks()) box.checked = event.target.checked;
  list.ticking();
});
addEventListener("pageshow", () => list.ticking()); // a page gone back to keeps its ticks
list.ticking();
list.look();

// ---------------------------------------------------------------- dropping and choosing

const form = document.getElementById("add");
const uploads = new Uploads(document.getElementById("uploads"), form);
form.querySelector("button[type=submit]").hidden = true; // what is chosen is sent at once

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const inputs = [...form.querySelectorAll("input[type=file]")];
  const files = inputs.flatMap(chosen);
  uploads.add(files);
  for (const input of inputs) input.value = "";
});
for (const input of form.querySelectorAll("input[type=file]")) {
  input.addEventListener("change", () => input.files.length > 0 && form.requestSubmit());
}

const holdsFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
addEventListener("dragover", (event) => {
  if (!holdsFiles(event)) return;
  event.preventDefault();
  event.dataTransfer.dropEffect = "copy";
  document.body.classList.add("dropping");
});
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("dropping");
});
addEventListener("drop", async (event) => {
  if (!holdsFiles(event)) return;
  event.preventDefault();
  document.body.classList.remove("dropping");
  uploads.add(await dropped(event.dataTransfer));
});
addEventListener("beforeunload", (event) => {
  if (uploads.running.size + uploads.waiting.length > 0) event.preventDefault();
});
