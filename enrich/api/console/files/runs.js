// Runs: how far they are, what they found and cost, and stopping one.

import { call, lacking } from "/console/api.js";
import { confirm } from "/console/dialogs.js";
import { Keyed, make, mark, notice, say } from "/console/dom.js";
import { ago, count, credits, dateOf, lasting } from "/console/format.js";

const COUNTS = [
  ["filled", "filled"],
  ["not_found", "not found"],
  ["pending", "pending"],
  ["failed", "failed"],
  ["skipped", "skipped"],
];

export class Runs {
  /** `acted` is called when one was cancelled. */
  constructor(acted) {
    this.list = make("ol", { class: "runs", "aria-label": "Runs, newest first" });
    this.empty = make(
      "p",
      { class: "empty" },
      "No run yet. Begin one in a terminal with ",
      make("code", {}, "enrich run TABLE"),
      ", or open ",
      make("a", { href: "#/tables" }, "a table"),
      " and enrich what is empty.",
    );
    this.node = make("section", { "aria-labelledby": "runs-title" }, make("h2", { id: "runs-title" }, "Runs"), this.empty, this.list);
    mark(this.empty, "hidden", true);
    this.keyed = new Keyed(this.list, { keyOf: (run) => run.run_id, create: (run) => create(run, acted), update });
  }

  show(items) {
    mark(this.empty, "hidden", items.length ? true : null);
    this.keyed.show(items);
  }
}

function create(run, acted) {
  const part = { counts: {}, run };
  part.state = make("span", { class: "badge" });
  part.bar = make("progress", { max: "1", value: "0", "aria-label": `Progress of run ${run.run_id}` });
  part.says = make("p", { class: "muted says" });
  part.money = make("span", { class: "number" });
  part.cancel = make("button", { class: "quiet small", type: "button", "aria-label": `Cancel run ${run.run_id}` }, "Cancel");
  part.cancel.addEventListener("click", () => cancel(part.run, acted));
  const counted = COUNTS.map(([key, word]) => {
    part.counts[key] = make("dd", { class: "number" });
    return make("div", { data: { state: key } }, make("dt", {}, word), part.counts[key]);
  });
  part.node = make(
    "li",
    { class: "card run" },
    make("div", { class: "line" }, make("h3", {}, make("a", { href: `#/tables/${encodeURIComponent(run.table)}` }, run.table), " ", make("span", { class: "muted" }, `run ${run.run_id}`)), part.state, part.cancel),
    part.bar,
    part.says,
    make("dl", { class: "counts" }, counted, make("div", {}, make("dt", {}, "credits"), make("dd", {}, part.money))),
  );
  return part;
}

function update(part, run) {
  part.run = run;
  const running = run.state === "running";
  say(part.state, run.state);
  mark(part.state, "data-state", run.state);
  mark(part.cancel, "hidden", running ? null : true);
  const done = doneOf(run);
  mark(part.bar, "value", done.toFixed(4));
  mark(part.bar, "hidden", running ? null : true);
  say(part.says, running ? underWay(run, done) : ended(run));
  mark(part.says, "title", `begun ${dateOf(run.started_at)}`);
  for (const [key] of COUNTS) {
    say(part.counts[key], count(run[key]));
    mark(part.counts[key].parentElement, "data-none", run[key] ? null : true);
  }
  say(part.money, credits(run.cost));
}

// Batches end late and at once, cells by and by; of cells some are never taken up.
function doneOf(run) {
  const cells = run.rows * run.columns.length;
  const decided = COUNTS.reduce((sum, [key]) => sum + run[key], 0);
  const share = Math.max(run.batches ? run.batches_ended / run.batches : 1, cells ? Math.min(0.99, decided / cells) : 0);
  return run.state === "running" ? share : 1;
}

function underWay(run, done) {
  const past = (Date.now() - new Date(run.started_at).getTime()) / 1000;
  const parts = [`${Math.floor(done * 100)} %`, `${count(run.rows)} rows × ${run.columns.length} columns`];
  if (run.cells_per_s !== null) parts.push(`${count(Math.round(run.cells_per_s))} cells/s`);
  if (done > 0.02 && past > 2) parts.push(`about ${lasting((past / done) * (1 - done))} left`);
  return parts.join(" · ");
}

function ended(run) {
  const took = run.finished_at ? (new Date(run.finished_at) - new Date(run.started_at)) / 1000 : null;
  const parts = [`${count(run.rows)} rows × ${run.columns.length} columns`];
  if (took !== null) parts.push(`took ${lasting(took)}`, ago(run.finished_at));
  if (run.parked) parts.push(`${count(run.parked)} batches parked: ${run.parked_reasons.join(", ")}; enrich retry ${run.run_id} takes them up`);
  return parts.join(" · ");
}

function cancel(run, acted) {
  const lacks = lacking("enrich");
  if (lacks) return notice(lacks);
  return confirm({
    title: `Cancel run ${run.run_id}?`,
    says: [`No new call is made for ${run.table}, and what is under way changes nothing any more. Cells that are written stay, and what was spent is spent.`],
    yes: "Cancel the run",
    no: "Let it go on",
    danger: true,
    act: async () => {
      const told = await call("POST", `/v1/runs/${run.run_id}/cancel`);
      acted();
      return `Run ${run.run_id} is ${told.state}.`;
    },
  });
}
