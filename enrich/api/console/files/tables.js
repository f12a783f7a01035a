// The tables of a tenant.

import { call } from "/console/api.js";
import { make, notice } from "/console/dom.js";
import { count } from "/console/format.js";

export class Tables {
  title = "Tables";

  constructor() {
    this.list = make("ul", { class: "tables" }, make("li", { class: "muted" }, "Loading…"));
    this.node = make("section", { class: "stack" }, make("h1", {}, "Tables"), this.list);
    this.#load();
  }

  async #load() {
    let told;
    try {
      told = await call("GET", "/v1/tables");
    } catch (problem) {
      this.list.replaceChildren();
      return notice(problem.message);
    }
    if (!told.items.length) {
      const empty = make("p", { class: "empty" }, "No table yet. Bring one in with ", make("code", {}, "enrich import FILE --table companies --key id"), "; it appears here at once.");
      return this.list.replaceWith(empty);
    }
    this.list.replaceChildren(...told.items.map(line));
  }
}

function line(table) {
  const enriched = table.columns.filter((column) => column.enriched);
  return make(
    "li",
    { class: "card" },
    make("a", { href: `#/tables/${encodeURIComponent(table.table)}` }, table.table),
    make("span", { class: "number" }, `${count(table.rows)} rows`),
    make("span", { class: "muted" }, enriched.length ? `${count(table.columns.length)} columns, of them enriched: ${enriched.slice(0, 8).map((column) => column.key).join(", ")}${enriched.length > 8 ? ", …" : ""}` : `${count(table.columns.length)} columns, none of them enriched yet`),
  );
}
