// Server-sent events over fetch: EventSource cannot send a key as a header.

import { session } from "/console/api.js";

const SILENCE_MS = 4000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;
const HIDDEN_MS = 30_000;
const MOST_LETTERS = 8_000_000;

/** Follows the console's stream; comes back by itself, ever more patiently. */
export class Stream {
  /** `hear(event, data)` is told what comes, `tell(state, detail)` how the connection is. */
  constructor(hear, tell) {
    Object.assign(this, { hear, tell, pause: FIRST_PAUSE_MS, stop: null, timer: 0, wanted: false });
    document.addEventListener("visibilitychange", () => this.#look());
  }

  open() {
    this.wanted = true;
    this.pause = FIRST_PAUSE_MS;
    this.#begin();
  }

  close() {
    this.wanted = false;
    this.#end();
  }

  #end() {
    clearTimeout(this.timer);
    this.stop?.abort();
    this.stop = null;
  }

  // Nobody looks at a hidden page: it lets go of its connection, of which a browser has six.
  #look() {
    if (!this.wanted) return;
    if (document.hidden) {
      this.hiding = setTimeout(() => this.#end(), HIDDEN_MS);
      return;
    }
    clearTimeout(this.hiding);
    if (!this.stop) this.open();
  }

  async #begin() {
    this.#end();
    const stop = (this.stop = new AbortController());
    this.tell("opening");
    try {
      const answer = await this.#asked(stop);
      if (answer.status === 401 || answer.status === 403) {
        const told = await answer.json().catch(() => ({}));
        this.wanted = false;
        this.tell("refused", { status: answer.status, detail: told.detail || "the key opens nothing here" });
        return;
      }
      if (!answer.ok) throw new Error(String(answer.status));
      await this.#hearAll(answer.body.getReader(), stop);
    } catch (_) {
      // Whatever broke, it is tried again.
    }
    if (this.stop === stop) this.#later();
  }

  #asked(stop) {
    this.#patience(stop);
    return fetch("/v1/console/events", { headers: session.headers(), signal: stop.signal, cache: "no-store" });
  }

  #patience(stop) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => stop.abort(), SILENCE_MS);
  }

  async #hearAll(reader, stop) {
    const decoder = new TextDecoder();
    let held = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      this.#patience(stop);
      held += decoder.decode(value, { stream: true });
      const events = held.split("\n\n");
      held = events.pop();
      if (held.length > MOST_LETTERS) throw new Error("too long");
      if (events.length) {
        this.pause = FIRST_PAUSE_MS;
        this.tell("live");
      }
      for (const event of events) this.#one(event);
    }
  }

  #one(text) {
    const lines = text.split("\n");
    const name = lines.find((line) => line.startsWith("event: "))?.slice(7) ?? "message";
    const data = lines.filter((line) => line.startsWith("data: ")).map((line) => line.slice(6));
    this.hear(name, JSON.parse(data.join("\n") || "{}"));
  }

  #later() {
    this.#end();
    if (!this.wanted || document.hidden) return;
    const wait = this.pause * (0.75 + Math.random() / 2);
    this.pause = Math.min(LONGEST_PAUSE_MS, this.pause * 2);
    this.tell("lost", { until: Date.now() + wait });
    this.timer = setTimeout(() => this.#begin(), wait);
  }
}
