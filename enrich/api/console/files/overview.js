// The overview: what goes on now, in numbers; runs; providers; what was done by hand.

import { call, session } from "/console/api.js";
import { announce, draw, make, mark, say } from "/console/dom.js";
import { ago, compact, count, credits, lasting, NONE, share, timeOf } from "/console/format.js";
import { Providers } from "/console/providers.js";
import { Runs } from "/console/runs.js";

const POINTS = 90;

export class Overview {
  title = "Overview";

  constructor(latest) {
    this.tiles = new Tiles();
    this.runs = new Runs(() => this.acts.load());
    this.providers = new Providers(() => this.acts.load());
    this.acts = new Acts();
    this.attention = make("ul", { class: "attention", "aria-label": "What needs a look" });
    this.node = make(
      "div",
      { class: "stack" },
      make("h1", { class: "unseen" }, "Overview"),
      this.attention,
      this.tiles.node,
      this.runs.node,
      this.providers.node,
      this.acts.node,
    );
    this.latest = latest;
    this.seen = new Map();
    this.acts.load();
  }

  hear(event, data) {
    if (event === "runs") this.#runs(data);
    if (event === "system") this.tiles.system(data);
    if (event === "workers") this.tiles.workers(data.workers);
    if (event === "spent") this.tiles.spent(data.today);
    if (event === "providers" || event === "spent" || event === "trust") this.#providers();
    if (event === "system" || event === "workers" || event === "providers") this.#attend();
  }

  #runs(data) {
    this.runs.show(data.items);
    const speeds = data.items.filter((run) => run.state === "running").map((run) => run.cells_per_s);
    this.tiles.speed(speeds.length ? speeds.reduce((all, one) => all + (one ?? 0), 0) : null);
    for (const run of data.items) {
      if (this.seen.get(run.run_id) === "running" && run.state !== "running") announce(`Run ${run.run_id} of ${run.table} is ${run.state}: ${count(run.filled)} cells filled.`);
      this.seen.set(run.run_id, run.state);
    }
    while (this.seen.size > 50) this.seen.delete(this.seen.keys().next().value);
  }

  #providers() {
    const told = this.latest.get("providers");
    if (told) this.providers.show(told, this.latest.get("spent")?.providers ?? {}, this.latest.get("trust")?.providers ?? {});
  }

  #attend() {
    const lines = [];
    const system = this.latest.get("system");
    if (this.latest.get("workers")?.workers === 0) lines.push("No worker answers; nothing is enriched until `enrich up` runs one.");
    if (system?.parked_messages) lines.push(`${count(system.parked_messages)} messages were put aside, because no task can be made of them; \`enrich doctor\` tells more.`);
    for (const one of this.latest.get("providers")?.items ?? []) {
      if (one.breaker.state === "open" && one.breaker.held) lines.push(`${one.provider} is held open by hand; nobody calls it until it is released.`);
      else if (isWaiting(one.breaker)) lines.push(`${one.provider} is left alone: ${why(one.breaker)}; it is tried again at ${timeOf(one.breaker.retry_at)}.`);
      else if (one.breaker.keys_open) lines.push(`${one.provider} is closed to ${one.breaker.keys_open === 1 ? "a key" : `${one.breaker.keys_open} keys`} that it refused or that is used up.`);
    }
    const text = lines.join("\n");
    if (this.attention.dataset.text === text) return;
    this.attention.dataset.text = text;
    this.attention.replaceChildren(...lines.map((line) => make("li", {}, line)));
  }

  // Every second: what is told in seconds goes on between two readings.
  tick() {
    this.tiles.tick();
    const runs = this.latest.get("runs");
    if (runs) this.runs.show(runs.items);
    this.#providers();
    this.#attend();
  }

  leave() {
    this.acts.leave();
  }
}

/** Why a breaker is open, in words. */
function why(breaker) {
  const reasons = { auth: "it refused our key", credits: "its account is used up", rate: "it asked us to slow down", gone: "nobody is there" };
  const calls = (breaker.failures ?? 0) + (breaker.successes ?? 0);
  return reasons[breaker.reason] ?? (calls ? `${breaker.failures} of its last ${calls} calls failed` : "too many of its calls failed");
}

// One whose wait has passed needs no look: the next call tries it.
function isWaiting(breaker) {
  return breaker.state === "open" && breaker.retry_at && new Date(breaker.retry_at).getTime() > Date.now();
}

class Tiles {
  constructor() {
    this.held = {};
    const tile = (key, name, more) => {
      const value = make("dd", { class: "value" }, NONE);
      const note = make("dd", { class: "note" }, " ");
      this.held[key] = { value, note };
      return make("div", { class: `tile ${more ? "wide" : ""}` }, make("dt", {}, name), value, note, more);
    };
    this.line = draw("polyline", { points: "", fill: "none" });
    this.chart = draw("svg", { viewBox: `0 0 ${POINTS - 1} 30`, preserveAspectRatio: "none", class: "chart", "aria-hidden": "true" }, this.line);
    this.points = [];
    this.node = make(
      "dl",
      { class: "tiles" },
      tile("speed", "Cells a second", this.chart),
      tile("cache", "From the cache"),
      tile("joins", "Calls shared"),
      tile("queue", "In the queues"),
      tile("batches", "Open batches"),
      tile("workers", "Workers"),
      tile("spent", "Spent today"),
    );
  }

  #set(key, value, note) {
    say(this.held[key].value, value);
    say(this.held[key].note, note || " ");
  }

  speed(speed) {
    this.#set("speed", speed === null ? "0" : compact(Math.round(speed)), speed === null ? "no run is under way" : "over the last seconds");
    this.now = speed ?? 0;
  }

  tick() {
    this.points.push(this.now ?? 0);
    if (this.points.length > POINTS) this.points.shift();
    const most = Math.max(1, ...this.points);
    const first = POINTS - this.points.length;
    mark(this.line, "points", this.points.map((one, place) => `${first + place},${(29 - (28 * one) / most).toFixed(1)}`).join(" "));
  }

  system(told) {
    this.#set("cache", share(told.cache_hit_rate), told.cache_requests ? `of ${compact(told.cache_requests)} look-ups` : "no look-ups yet");
    this.#set("joins", compact(told.singleflight_joins), "asked once for several");
    const waiting = Object.entries(told.queues).filter(([, depth]) => depth);
    const sum = waiting.reduce((all, [, depth]) => all + depth, 0);
    this.#set("queue", compact(sum), waiting.length ? waiting.map(([name, depth]) => `${name.replace("enrich.", "")} ${compact(depth)}`).join(" · ") : "no message waits");
    const open = Object.values(told.open_batches).reduce((all, one) => all + one, 0);
    this.#set("batches", compact(open), open ? `the oldest for ${lasting(told.oldest_run_s)}` : "nothing under way");
  }

  workers(number) {
    this.#set("workers", count(number), number ? "answer" : "none answers");
    mark(this.held.workers.value, "data-bad", number ? null : true);
  }

  spent(today) {
    this.#set("spent", credits(today), "credits, this day (UTC)");
  }
}

const WORDS = {
  "breaker.forced": (act) => `set the breaker of ${act.provider}${ofOwn(act)} to ${act.state}${act.hold ? ", held" : ""}${because(act)}`,
  "breaker.released": (act) => `released the breaker of ${act.provider}${ofOwn(act)}${because(act)}`,
  "run.cancelled": (act) => `cancelled run ${act.run}`,
  "row.erased": (act) => `erased a row of ${act.table}`,
};

function ofOwn(act) {
  return act.of === "tenant" ? ", for the tenant's own keys," : "";
}

function because(act) {
  return act.why ? `: ${act.why}` : "";
}

class Acts {
  constructor() {
    this.list = make("ul", { class: "acts" });
    this.node = make("section", { "aria-labelledby": "acts-title", hidden: true }, make("h2", { id: "acts-title" }, "Done by hand"), this.list);
    this.timer = setInterval(() => this.load(), 30_000);
  }

  async load() {
    if (!session.may("operate")) return;
    const told = await call("GET", "/v1/console/acts?limit=6").catch(() => null);
    if (!told) return;
    mark(this.node, "hidden", null);
    const lines = told.items.map((act) =>
      make("li", {}, make("span", { class: "muted" }, ago(act.at)), " ", make("b", {}, act.actor), ` ${(WORDS[act.act] ?? (() => act.act))(act)}`),
    );
    this.list.replaceChildren(...(lines.length ? lines : [make("li", { class: "muted" }, "Nothing yet. Breakers set, runs cancelled and rows erased are written down here.")]));
  }

  leave() {
    clearInterval(this.timer);
  }
}
