// A cell's evidence: who said what, when, for how much, and why this one stands.

import { call, lacking, query } from "/console/api.js";
import { open } from "/console/dialogs.js";
import { make } from "/console/dom.js";
import { ago, count, credits, dateOf, NONE, seconds, shown, STATES } from "/console/format.js";

const METHODS = { best: "the surest answer", ensemble: "agreement between providers", learned: "what was learned about whom to trust" };

export class CellDialog {
  constructor({ table, row, column, changed }) {
    Object.assign(this, { table, row, column, changed });
    this.body = make("div", { class: "stack", "aria-busy": "true" }, make("p", { class: "muted" }, "Loading…"));
    this.wrong = make("p", { class: "wrong", role: "alert" });
    this.dialog = open(`${column.key} of ${row}`, [this.body, this.wrong], { wide: true });
    this.#load();
  }

  async #load() {
    try {
      this.#show(await call("GET", `/v1/console/cell?${query(this.#named)}`));
    } catch (problem) {
      this.body.replaceChildren();
      this.wrong.textContent = problem.message;
    }
  }

  get #named() {
    return { table_id: this.table, row_id: this.row, column_key: this.column.key };
  }

  #show(told) {
    this.body.removeAttribute("aria-busy");
    this.body.replaceChildren(this.#standing(told), this.#actions(told), ...this.#reasons(told), this.#said(told));
  }

  #standing(told) {
    const state = told.typed ? "typed" : (told.provenance?.state ?? "empty");
    const value = shown(told.value);
    return make(
      "div",
      { class: "standing", data: { state } },
      make("p", { class: "big" }, value || NONE),
      make("p", {}, make("span", { class: "sign", "aria-hidden": "true" }, STATES[state]?.sign ?? ""), ` ${standing(state, told.provenance)}`),
    );
  }

  #actions(told) {
    const button = (text, act, label) => make("button", { class: "quiet", type: "button", "aria-label": label, on: { click: (event) => this.#act(event.target, act) } }, text);
    const right = button("✓ Right", () => this.#label(true), "This value is right");
    const wrong = button("✕ Wrong", () => this.#label(false), "This value is wrong");
    const again = button("Ask again", () => this.#again());
    const parts = shown(told.value) ? [right, wrong] : [];
    return make("div", { class: "answers left" }, parts, this.column.enriched && !told.typed ? again : null);
  }

  async #act(button, act) {
    this.wrong.textContent = lacking("enrich");
    if (this.wrong.textContent) return;
    button.disabled = true;
    try {
      await act();
    } catch (problem) {
      this.wrong.textContent = problem.message;
    }
    button.disabled = false;
  }

  async #label(right) {
    await call("POST", "/v1/console/labels", { ...this.#named, right });
    this.#note(`Taken down as ${right ? "right" : "wrong"}. The cell stays as it is; it counts when trust is learned next.`);
  }

  async #again() {
    this.#note("Asking all providers again…");
    const told = await call("POST", "/v1/enrich/cell", { ...this.#named, force: "responses", wait_s: 20 });
    await this.#load();
    this.#note(told.run_id ? `Run ${told.run_id} is still at it; open the cell again in a moment.` : "Asked again; this is what came of it.");
    this.changed();
  }

  #note(text) {
    this.body.querySelector(".noted")?.remove();
    this.body.querySelector(".answers").after(make("p", { class: "noted", role: "status" }, text));
  }

  #reasons(told) {
    const { why } = told;
    if (told.typed) return [part("Why this one", make("p", {}, "A person gave this value, or it came with an import. Enrichment leaves it alone."))];
    if (!why.decided) return [part("Why this one", make("p", {}, "Nobody gave a value."), asked(why.asked))];
    return [part("Why this one", ...decision(why, told), asked(why.asked))];
  }

  #said(told) {
    if (!told.evidence.length) return part("Who said what", make("p", { class: "muted" }, "Nobody was asked about this row yet."));
    const telling = told.evidence.filter((one) => one.value !== null || one.outcome.kind !== "found");
    const silent = told.evidence.length - telling.length;
    const rows = telling.map((one) => make("tr", {}, make("th", { scope: "row" }, one.provider), make("td", {}, said(one)), make("td", { class: "number" }, one.confidence === null ? NONE : one.confidence.toFixed(2)), make("td", { class: "number", title: one.fields > 1 ? `for ${one.fields} fields together` : null }, credits(one.cost)), make("td", { class: "number" }, one.from_cache ? "cached" : seconds(one.latency_s)), make("td", { title: dateOf(one.observed_at) }, ago(one.observed_at))));
    const heads = ["Provider", "Said", "Its own confidence", "Credits", "Took", "When"].map((name) => make("th", { scope: "col" }, name));
    const others = silent ? make("p", { class: "hint" }, `${silent === 1 ? "One more answer about this row says" : `${count(silent)} more answers about this row say`} nothing about ${told.column}.`) : null;
    if (!rows.length) return part("Who said what", others);
    return part("Who said what", make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Who said what" }, make("table", { class: "plain" }, make("thead", {}, make("tr", {}, heads)), make("tbody", {}, rows))), others);
  }
}

function part(title, ...content) {
  return make("section", {}, make("h3", {}, title), content);
}

function standing(state, provenance) {
  if (state === "typed") return "typed by a person or imported";
  if (!provenance) return "empty: nobody was asked yet";
  const parts = [STATES[state]?.word ?? state];
  if (state === "filled") parts.push(`by ${provenance.provider}`, `${Math.round(provenance.confidence * 100)} % sure`);
  if (provenance.reason) parts.push(provenance.reason);
  if (provenance.retry_at) parts.push(`asked again at ${dateOf(provenance.retry_at)}`);
  if (provenance.observed_at) parts.push(`said ${ago(provenance.observed_at)}`);
  parts.push(`run ${provenance.run}`);
  return parts.join(" · ");
}

function said(one) {
  if (one.value !== null) return shown(one.value);
  const reason = one.outcome.reason ? ` (${one.outcome.reason})` : "";
  return `${String(one.outcome.kind).replaceAll("_", " ")}${reason}`;
}

function decision(why, told) {
  const { decided } = why;
  const [first, second] = decided.candidates;
  const lines = [`Decided by ${METHODS[why.method] ?? why.method}${why.trust ? `, version ${why.trust} of trust` : ""}; values are accepted from a confidence of ${why.accepted_from} on.`];
  if (first) lines.push(`${first.providers.join(", ")} gave it: ${decided.support} independent ${decided.support === 1 ? "source" : "sources"}, agreement ${Math.round(decided.agreement * 100)} %.`);
  if (second) lines.push(`Next best was ${shown(second.value)} by ${second.providers.join(", ")}, at ${second.probability.toFixed(2)}.`);
  if (decided.flags.length) lines.push(`Worth a look: ${decided.flags.join(", ")}.`);
  if (!why.reproduced && told.value !== null) lines.push("The cell holds another value than these answers give now.");
  return [...lines.map((line) => make("p", {}, line)), weights(why.voices)];
}

function weights(voices) {
  if (!voices.length) return null;
  const heads = ["Provider", "Said", "Right so far", "Weight, in nats"].map((name) => make("th", { scope: "col" }, name));
  const rows = voices.map((voice) => make("tr", {}, make("th", { scope: "row" }, voice.provider), make("td", {}, shown(voice.value)), make("td", { class: "number" }, voice.evidence ? `${Math.round(voice.accuracy * 100)} % of ${count(Math.round(voice.evidence))}` : "not known yet"), make("td", { class: "number" }, voice.counts ? voice.nats.toFixed(2) : `not counted: ${voice.family} has spoken`)));
  return make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "What each word weighed" }, make("table", { class: "plain" }, make("thead", {}, make("tr", {}, heads)), make("tbody", {}, rows)));
}

function asked(list) {
  const others = list.filter((one) => !one.asked);
  if (!others.length) return null;
  const lines = others.map((one) => make("li", {}, make("b", {}, one.provider), make("span", { class: "muted" }, ` ${one.tier} – ${one.what}`)));
  return make("details", {}, make("summary", {}, others.length === 1 ? "1 provider was not asked" : `${count(others.length)} providers were not asked`), make("ul", {}, lines));
}
