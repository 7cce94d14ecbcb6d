// Reads server-sent events by `fetch`, and reconnects when the connection was lost.
//
// Not an EventSource: that one retries for ever, does not report why it failed, and cannot be given
// an event to start at.

const WAITS_MS = [300, 1000, 2000, 3000];
const TRIES_MAX = 200; // of 3 s: ten minutes without Byline
const SILENCE_MS_MAX = 40_000; // a comment comes every 15 s, so the connection is dead

/** Splits the text of a stream into events `{id, name, data}`; an incomplete event is kept. */
export class Decoder {
  #rest = "";
  retryMs = null;

  feed(text) {
    const blocks = (this.#rest + text).split("\n\n");
    this.#rest = blocks.pop();
    return blocks.map((block) => this.#event(block)).filter((event) => event !== null);
  }

  #event(block) {
    const fields = {};
    for (const line of block.split("\n")) {
      const colon = line.indexOf(": ");
      if (colon > 0) fields[line.slice(0, colon)] = line.slice(colon + 2);
    }
    if ("retry" in fields) this.retryMs = Number(fields.retry);
    if (!("data" in fields)) return null;
    return { id: Number(fields.id), name: fields.event, data: JSON.parse(fields.data) };
  }
}

/**
 * Follow `address` from the event after number `after` on. `heard(event)` is called for each, and
 * may return true: that was the last. `lost()` is called whenever the connection is gone, `back()`
 * when it is there again.
 *
 * Resolves to "ended", "gone" (nothing is there: 404), "left" (`signal`), or "lost" for good.
 */
export async function follow(address, { after = 0, heard, lost, back, signal }) {
  for (let tries = 0; tries < TRIES_MAX; ) {
    const decoder = new Decoder();
    try {
      const response = await open(address, after, signal);
      if (response.status === 204) return "ended";
      if (response.status === 404) return "gone";
      if (!response.ok) throw new Error(`HTTP ${response.status}`);
      if (tries > 0) back();
      tries = 0;
      for await (const text of response.chunks) {
        for (const event of decoder.feed(text)) {
          after = event.id;
          if (take(heard, event)) return "ended";
        }
      }
    } catch {
      if (signal.aborted) return "left";
    }
    if (decoder.retryMs === null) {
      lost();
      tries += 1;
    }
    const waitMs = decoder.retryMs ?? WAITS_MS[Math.min(tries, WAITS_MS.length) - 1];
    if (!(await pause(waitMs, signal))) return "left";
  }
  return "lost";
}

/** An error of the handler is not one of the connection: report it, and read the next event. */
function take(heard, event) {
  try {
    return heard(event);
  } catch (fault) {
    reportError(fault);
    return false;
  }
}

/** A response whose `chunks` are text; silence for too long counts as an error. */
async function open(address, after, signal) {
  const attempt = new AbortController();
  const stop = () => attempt.abort();
  signal.addEventListener("abort", stop, { once: true });
  let watch = setTimeout(stop, SILENCE_MS_MAX);
  const headers = { Accept: "text/event-stream" };
  if (after > 0) headers["Last-Event-ID"] = String(after);
  const response = await fetch(address, { headers, signal: attempt.signal, cache: "no-store" });
  if (response.status !== 200) clearTimeout(watch);

  async function* chunks() {
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        clearTimeout(watch);
        watch = setTimeout(stop, SILENCE_MS_MAX);
        yield value;
      }
    } finally {
      clearTimeout(watch);
      signal.removeEventListener("abort", stop);
      attempt.abort();
    }
  }

  return { status: response.status, ok: response.ok, chunks: chunks() };
}

/** Wait, but not longer than until the network is back; false if `signal` ended the wait. */
function pause(ms, signal) {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve(false);
    const end = () => {
      clearTimeout(timer);
      removeEventListener("online", end);
      signal.removeEventListener("abort", end);
      resolve(!signal.aborted);
    };
    const timer = setTimeout(end, ms);
    addEventListener("online", end);
    signal.addEventListener("abort", end);
  });
}
