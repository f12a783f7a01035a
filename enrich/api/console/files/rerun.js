// Asking again about the cells of a table that are in a certain state.

import { call } from "/console/api.js";
import { confirm } from "/console/dialogs.js";
import { make } from "/console/dom.js";

const WHICH = [
  ["failed", "Failed cells", { state: ["failed"] }],
  ["unfilled", "All cells that are not filled", null],
  ["empty", "Cells nobody was asked about", { state: ["empty"] }],
  ["not_found", "Cells nobody knew", { state: ["not_found"] }],
  ["pending", "Cells put off, and skipped ones", { state: ["pending", "skipped"] }],
  ["stale", "Stale cells: older than some days", null],
  ["weak", "Cells less sure than 60 %", { confidence_below: 0.6 }],
];

const DAY_S = 86_400;

/** Ask which cells, then begin a run. */
export function rerunDialog(table, columns) {
  const which = make("select", { id: "which" }, WHICH.map(([value, name]) => make("option", { value }, name)));
  const days = make("input", { id: "days", type: "number", min: "1", max: "3650", value: "30", inputmode: "numeric" });
  const daysLine = make("div", { class: "field", hidden: true }, make("label", { for: "days" }, "Older than, in days"), days);
  const column = make("select", { id: "column" }, make("option", { value: "" }, "All enriched columns"), columns.map((one) => make("option", { value: one.key }, one.key)));
  const most = make("input", { id: "most", type: "number", min: "0", step: "any", placeholder: "no limit", inputmode: "decimal" });
  which.addEventListener("change", () => (daysLine.hidden = which.value !== "stale"));
  const field = (label, input) => make("div", { class: "field" }, make("label", { for: input.id }, label), input);
  return confirm({
    title: `Enrich ${table} again`,
    says: ["What is still cached costs nothing; providers are asked about the rest. Typed values stay as they are."],
    yes: "Begin the run",
    no: "Not now",
    fields: [field("Which cells", which), daysLine, field("Of which columns", column), field("Spend at most, in credits", most)],
    act: async () => {
      const told = await call("POST", "/v1/runs", wish(table, which.value, days.value, column.value, most.value));
      if (!told.rows) throw new Error("No row has such cells; there is nothing to do.");
      return `Run ${told.run_id} has begun over ${told.rows} rows.`;
    },
  });
}

function wish(table, which, days, column, most) {
  const where = which === "stale" ? { older_than_s: daysOf(days) * DAY_S } : WHICH.find(([value]) => value === which)[2];
  const asked = { table_id: table };
  if (where) asked.where = where;
  if (column) asked.columns = [column];
  if (most !== "") asked.max_cost = Number(most);
  // What is stale may still be cached: it is asked for anew.
  if (which === "stale") asked.force = "responses";
  return asked;
}

function daysOf(text) {
  const days = Number(text);
  if (!(days >= 1 && days <= 3650)) throw new Error("Days must be a number from 1 to 3650.");
  return days;
}
