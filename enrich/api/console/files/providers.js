// Providers: how each does, and its breaker set by hand.

import { call, lacking, session } from "/console/api.js";
import { confirm } from "/console/dialogs.js";
import { announce, Keyed, make, mark, notice, say } from "/console/dom.js";
import { compact, credits, lasting, NONE, seconds, share } from "/console/format.js";

const SIGNS = { closed: "●", half_open: "◐", open: "○" };
const WORDS = { closed: "closed", half_open: "half open", open: "open" };

const COLUMNS = [
  ["Provider", ""],
  ["Breaker", "Closed lets calls through, open lets none, half open lets a few try"],
  ["Errors", "Share of failed answers: of the last minute, else ever"],
  ["p50", "Half of its calls take no longer"],
  ["p95", "95 of 100 calls take no longer"],
  ["p99", "99 of 100 calls take no longer"],
  ["Hit rate", "Share of rows that it knew, of those it was asked about"],
  ["Spent", "Credits since midnight, UTC"],
  ["Trust", "How often its values were right, as far as was learned"],
  ["", ""],
];

export class Providers {
  constructor(acted) {
    this.acted = acted;
    this.all = false;
    this.body = make("tbody", { role: "rowgroup" });
    const heads = COLUMNS.map(([name, means], place) => make("th", { role: "columnheader", scope: "col", title: means || null, class: place > 1 ? "right" : null }, name || make("span", { class: "unseen" }, "Set by hand")));
    this.table = make("table", { class: "providers", role: "table" }, make("thead", { role: "rowgroup" }, make("tr", { role: "row" }, heads)), this.body);
    this.more = make("button", { class: "quiet small", type: "button", "aria-expanded": "false" });
    this.more.addEventListener("click", () => {
      this.all = !this.all;
      this.#draw();
    });
    this.empty = make("p", { class: "empty" }, "No provider was asked yet. They appear with the first run; ", make("code", {}, "enrich providers"), " lists them in a terminal.");
    this.node = make("section", { "aria-labelledby": "providers-title" }, make("h2", { id: "providers-title" }, "Providers"), this.empty, (this.box = make("div", { class: "scroll" }, this.table)), this.more);
    this.keyed = new Keyed(this.body, { keyOf: (one) => one.provider, create: (one) => create(one, (now) => this.#force(now)), update });
    this.states = new Map();
  }

  show(told, spent, trust) {
    this.items = told.items.map((one) => ({ ...one, spent: spent[one.provider] ?? 0, trust: trust[one.provider] ?? null }));
    for (const one of this.items) {
      const was = this.states.get(one.provider);
      if (was && was !== one.breaker.state) announce(`The breaker of ${one.provider} is ${WORDS[one.breaker.state]}.`);
      this.states.set(one.provider, one.breaker.state);
    }
    this.#draw();
  }

  #draw() {
    const isUsed = (one) => one.asked || one.cached || one.breaker.state !== "closed" || one.breaker.held || one.breaker.keys_open;
    const used = this.items.filter(isUsed);
    const others = this.items.length - used.length;
    this.keyed.show(this.all ? this.items : used);
    mark(this.empty, "hidden", used.length || this.all ? true : null);
    mark(this.box, "hidden", used.length || this.all ? null : true);
    mark(this.more, "hidden", others ? null : true);
    mark(this.more, "aria-expanded", String(this.all));
    say(this.more, this.all ? "Show only those that were asked" : `Show ${others}${used.length ? " more" : ""} that were never asked`);
  }

  async #force(one) {
    const lacks = lacking("operate");
    if (lacks) return notice(lacks);
    if (session.may("operate_all")) return breakerDialog(one, "all", one.breaker, this.acted);
    const told = await call("GET", pathOf(one)).catch((problem) => notice(problem.message));
    if (!told) return null;
    if (!told.own) return notice(`Your tenant has no key of its own for ${one.provider}, so its breaker is everybody's. ${lacking("operate_all")}`);
    return breakerDialog(one, "tenant", told.own, this.acted);
  }
}

function create(one, force) {
  const part = { one };
  const cell = (name, more = "") => make("td", { role: "cell", "data-label": name, class: `right number ${more}` }, NONE);
  part.state = make("span", { class: "breaker" }, (part.sign = make("span", { "aria-hidden": "true" })), " ", (part.word = make("span")));
  part.note = make("span", { class: "muted note" });
  part.errors = cell("Errors");
  part.p50 = cell("p50");
  part.p95 = cell("p95");
  part.p99 = cell("p99");
  part.hits = cell("Hit rate");
  part.spent = cell("Spent");
  part.trust = cell("Trust");
  part.button = make("button", { class: "quiet small", type: "button", "aria-label": `Set the breaker of ${one.provider}` }, "Breaker…");
  part.button.addEventListener("click", () => force(part.one));
  part.facts = make("span", { class: "muted note" });
  part.node = make(
    "tr",
    { role: "row" },
    make("th", { role: "rowheader", scope: "row" }, make("span", { class: "name" }, one.provider), part.facts),
    make("td", { role: "cell", "data-label": "Breaker" }, part.state, part.note),
    part.errors, part.p50, part.p95, part.p99, part.hits, part.spent, part.trust,
    make("td", { role: "cell", class: "right act" }, part.button),
  );
  return part;
}

function update(part, one) {
  part.one = one;
  const { breaker } = one;
  say(part.facts, [one.tier, one.simulated ? "simulated" : "", one.asked ? `${compact(one.asked)} asked` : "never asked"].filter(Boolean).join(" · "));
  say(part.sign, SIGNS[breaker.state] ?? "?");
  say(part.word, WORDS[breaker.state] ?? breaker.state);
  mark(part.state, "data-state", breaker.state);
  say(part.note, noteOf(breaker));
  say(part.errors, share(one.error_rate));
  mark(part.errors, "data-bad", one.error_rate > 0.1 ? true : null);
  say(part.p50, seconds(one.p50_s));
  say(part.p95, seconds(one.p95_s));
  say(part.p99, seconds(one.p99_s));
  say(part.hits, share(one.hit_rate));
  say(part.spent, credits(one.spent));
  say(part.trust, one.trust ? share(one.trust.right) : NONE);
  mark(part.trust, "title", one.trust ? `by ${one.trust.of} answers` : "nothing was learned yet: enrich trust learn");
  mark(part.node, "data-quiet", one.lately ? null : true);
}

function noteOf(breaker) {
  if (breaker.held) return "held by hand";
  if (breaker.state === "open" && breaker.retry_at) {
    const left = (new Date(breaker.retry_at).getTime() - Date.now()) / 1000;
    return left > 0 ? `tried again in ${lasting(left)}` : "tried at the next call";
  }
  return breaker.keys_open ? `${breaker.keys_open} keys open` : "";
}

const CHOICES = [
  { value: "hold", state: "open", hold: true, name: "Hold open", says: "no worker calls it, until you release it" },
  { value: "open", state: "open", hold: false, name: "Open", says: "no worker calls it for a while; then a few calls try" },
  { value: "half_open", state: "half_open", hold: false, name: "Half open", says: "a few calls try now, and decide" },
  { value: "closed", state: "closed", hold: false, name: "Close", says: "calls go out again; old failures are forgotten" },
];
const RELEASE = { value: "release", state: null, hold: false, name: "Release", says: "ends the hold; the next calls try, and decide" };

/** What a set breaker counts for, in words. */
const COUNTS = {
  all: "What you set counts at once for all workers and tenants",
  tenant: "What you set counts at once for all workers, and for calls with your tenant's own keys alone",
};

function pathOf(one) {
  return `/v1/providers/${encodeURIComponent(one.provider)}/breaker`;
}

function breakerDialog(one, of, breaker, acted) {
  const choices = breaker.held ? [RELEASE, ...CHOICES] : CHOICES;
  const radios = choices.map((choice, place) => {
    const input = make("input", { type: "radio", name: "breaker", value: choice.value, id: `breaker-${choice.value}`, checked: place === 0 });
    return make("label", { class: "choice", for: `breaker-${choice.value}` }, input, make("span", {}, make("b", {}, choice.name), make("span", { class: "muted" }, ` – ${choice.says}`)));
  });
  const fields = make("fieldset", {}, make("legend", {}, "Set it to"), radios);
  const why = make("input", { id: "why", type: "text", maxlength: "500", placeholder: "for whoever looks later" });
  const note = noteOf(breaker);
  return confirm({
    title: `Breaker of ${one.provider}${of === "tenant" ? ", for your own keys" : ""}`,
    says: [`It is ${WORDS[breaker.state]}${note ? `, ${note}` : ""}. ${COUNTS[of]}, and is written down with your key's name.`],
    yes: "Set it",
    fields: [fields, make("div", { class: "field" }, make("label", { for: "why" }, "Why"), why)],
    act: async () => {
      const chosen = choices.find((choice) => choice.value === fields.querySelector("input:checked").value);
      const told = await call("POST", pathOf(one), { state: chosen.state, hold: chosen.hold, of, why: why.value.trim() });
      acted();
      return `The breaker of ${one.provider} is ${WORDS[told.state]}${told.held ? ", held" : ""}.`;
    },
  });
}
