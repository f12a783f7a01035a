// One table by the page: cells by state and sureness, evidence at a click, and asking again.

import { call, lacking, query } from "/console/api.js";
import { CellDialog } from "/console/cell.js";
import { announce, make, mark, notice, say } from "/console/dom.js";
import { count, shown, STATES, surely } from "/console/format.js";
import { rerunDialog } from "/console/rerun.js";

const ROWS = 50;
/** Columns that are shown at once; more are reached by a step to the side. */
const COLUMNS = 24;
const REFRESH_MS = 1500;

export class Grid {
  constructor(table, latest) {
    Object.assign(this, { table, latest, cursors: [""], place: 0, first: 0, active: [0, 0], columns: [], items: [], runs: "" });
    this.title = table;
    this.about = make("small", { class: "muted" }, "Loading…");
    this.head = make("thead");
    this.body = make("tbody");
    this.grid = make("table", { class: "grid", role: "grid", "aria-label": `Cells of ${table}`, "aria-describedby": "grid-hint" }, this.head, this.body);
    this.box = make("div", { class: "scroll tall" }, this.grid);
    this.#controls();
    const hint = make("p", { class: "hint", id: "grid-hint" }, "Arrow keys move, Enter opens a cell's evidence.");
    this.node = make("section", { class: "stack tight" }, make("header", {}, make("p", { class: "crumbs" }, make("a", { href: "#/tables" }, "Tables")), make("h1", {}, table, " ", this.about)), this.bar, this.box, legend(), hint);
    this.grid.addEventListener("keydown", (event) => this.#key(event));
    this.grid.addEventListener("click", (event) => this.#click(event));
    this.#begin();
  }

  #controls() {
    const button = (text, act, kind = "quiet") => make("button", { class: kind, type: "button", on: { click: act } }, text);
    this.rerun = button("Enrich again…", () => this.#rerun(), "primary");
    this.back = button("Earlier rows", () => this.#turn(-1));
    this.forth = button("Later rows", () => this.#turn(1));
    this.left = button("◂", () => this.#shift(-COLUMNS));
    this.right = button("▸", () => this.#shift(COLUMNS));
    mark(this.left, "aria-label", "Columns to the left");
    mark(this.right, "aria-label", "Columns to the right");
    this.which = make("span", { class: "muted number" });
    // On a narrow screen the columns to be filled come into view at once.
    this.only = matchMedia("(max-width: 760px)").matches;
    const check = make("input", { type: "checkbox", id: "only", checked: this.only, on: { change: () => this.#narrow(check.checked) } });
    this.side = make("span", { class: "group" }, this.left, this.which, this.right);
    this.bar = make("div", { class: "toolbar" }, this.rerun, make("label", { class: "check", for: "only" }, check, "only enriched columns"), this.side, make("span", { class: "group" }, this.back, this.forth));
  }

  async #begin() {
    try {
      const told = await call("GET", "/v1/tables");
      const own = told.items.find((one) => one.table === this.table);
      if (!own) {
        this.bar.remove();
        return say(this.about, "There is no table of this name; it may have been renamed or removed.");
      }
      this.all = own.columns;
      say(this.about, `${count(own.rows)} rows · ${count(own.columns.length)} columns`);
      this.#narrow(this.only && own.columns.some((column) => column.enriched));
      await this.#load();
    } catch (problem) {
      notice(problem.message);
    }
  }

  #narrow(only) {
    this.columns = only ? this.all.filter((column) => column.enriched) : this.all;
    this.#shift(-this.first);
  }

  #shift(by) {
    const most = Math.max(0, this.columns.length - 1);
    this.first = Math.min(most - (most % COLUMNS), Math.max(0, this.first + by));
    const last = Math.min(this.columns.length, this.first + COLUMNS);
    mark(this.side, "hidden", this.columns.length > COLUMNS ? null : true);
    say(this.which, `columns ${this.first + 1}–${last} of ${this.columns.length}`);
    this.left.disabled = this.first === 0;
    this.right.disabled = last >= this.columns.length;
    this.active = [0, 0];
    this.#draw();
  }

  async #load() {
    const asked = query({ table_id: this.table, limit: ROWS, cursor: this.cursors[this.place] });
    const told = await call("GET", `/v1/console/rows?${asked}`);
    this.items = told.items;
    this.loaded = true;
    this.cursors[this.place + 1] = told.next;
    this.back.disabled = this.place === 0;
    this.forth.disabled = !told.next;
    this.#draw();
  }

  async #turn(by) {
    const was = this.place;
    this.place += by;
    this.active = [0, this.active[1]];
    try {
      await this.#load();
      this.box.scrollTop = 0;
      announce(`Rows ${this.place * ROWS + 1} to ${this.place * ROWS + this.items.length}`);
    } catch (problem) {
      this.place = was;
      notice(problem.message);
    }
  }

  get #shownColumns() {
    return this.columns.slice(this.first, this.first + COLUMNS);
  }

  // Cells stay where they are and only change what they say, so that focus and scroll stay too.
  #draw() {
    const columns = this.#shownColumns;
    const names = columns.map((column) => column.key).join("\n");
    if (!this.loaded) return;
    if (!this.items.length) return this.#none(columns);
    if (this.names !== names || this.body.rows.length !== this.items.length) this.#build(columns, names);
    this.items.forEach((item, place) => {
      const row = this.body.rows[place];
      say(row.cells[0], item.row);
      columns.forEach((column, side) => fillCell(row.cells[side + 1], item.row, column, item.cells[column.key]));
    });
    mark(this.grid, "aria-rowcount", String(this.items.length + 1));
  }

  #none(columns) {
    this.names = null;
    const way = make("code", {}, `enrich import FILE --table ${this.table}`);
    this.body.replaceChildren(make("tr", {}, make("td", { class: "empty", colspan: columns.length + 1 }, "No rows yet. ", way, " brings some in.")));
  }

  #build(columns, names) {
    this.names = names;
    const heads = columns.map((column) => make("th", { scope: "col", role: "columnheader", class: column.enriched ? null : "given", title: column.enriched ? `enriched: ${column.field}` : "given, not enriched" }, column.key));
    this.head.replaceChildren(make("tr", { role: "row" }, make("th", { scope: "col", role: "columnheader", class: "key" }, "row"), heads));
    this.body.replaceChildren(
      ...this.items.map((_, place) =>
        make("tr", { role: "row" }, make("th", { scope: "row", role: "rowheader", class: "key" }), columns.map((_, side) => make("td", { role: "gridcell", tabindex: "-1", data: { place, side } }))),
      ),
    );
    this.#rove(false);
  }

  #rove(focus) {
    this.grid.querySelector("[tabindex='0']")?.setAttribute("tabindex", "-1");
    const cell = this.body.rows[this.active[0]]?.cells[this.active[1] + 1];
    if (!cell) return;
    cell.setAttribute("tabindex", "0");
    if (focus) cell.focus();
  }

  #key(event) {
    const [row, side] = this.active;
    const lastRow = this.items.length - 1;
    const lastSide = this.#shownColumns.length - 1;
    const moves = {
      ArrowDown: [row + 1, side], ArrowUp: [row - 1, side], ArrowRight: [row, side + 1], ArrowLeft: [row, side - 1],
      Home: [event.ctrlKey ? 0 : row, 0], End: [event.ctrlKey ? lastRow : row, lastSide], PageDown: [row + 10, side], PageUp: [row - 10, side],
    };
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      return this.#open(row, side);
    }
    const move = moves[event.key];
    if (!move) return undefined;
    event.preventDefault();
    this.active = [Math.min(lastRow, Math.max(0, move[0])), Math.min(lastSide, Math.max(0, move[1]))];
    return this.#rove(true);
  }

  #click(event) {
    const cell = event.target.closest("[role='gridcell']");
    if (!cell) return;
    this.active = [Number(cell.dataset.place), Number(cell.dataset.side)];
    this.#rove(true);
    this.#open(...this.active);
  }

  #open(row, side) {
    const column = this.#shownColumns[side];
    const item = this.items[row];
    if (column && item) new CellDialog({ table: this.table, row: item.row, column, changed: () => this.#again() });
  }

  #rerun() {
    const lacks = lacking("enrich");
    if (lacks) return notice(lacks);
    return rerunDialog(this.table, this.all.filter((column) => column.enriched));
  }

  #again() {
    return this.#load().catch((problem) => notice(problem.message));
  }

  hear(event, data) {
    if (event !== "runs" || !this.all) return;
    const own = data.items.filter((run) => run.table === this.table);
    const news = own.map((run) => `${run.run_id} ${run.state} ${run.batches_ended} ${run.filled}`).join("\n");
    if (news === this.runs) return;
    const first = this.runs === "";
    this.runs = news;
    this.runs ||= " ";
    if (first || this.timer) return;
    // Cells change by the hundred: the page is read again at most so often.
    this.timer = setTimeout(() => {
      this.timer = 0;
      this.#again();
    }, REFRESH_MS);
  }

  leave() {
    clearTimeout(this.timer);
    this.timer = -1;
  }
}

function fillCell(node, row, column, cell) {
  const state = cell?.state ?? "empty";
  const told = STATES[state] ?? STATES.empty;
  const value = shown(cell?.value);
  const sure = state === "filled" ? cell.confidence : null;
  const key = `${state}|${value}|${sure}`;
  if (node.dataset.key === key && node.dataset.row === row) return;
  const changed = node.dataset.key !== undefined && node.dataset.row === row;
  Object.assign(node.dataset, { key, row, state });
  mark(node, "data-sure", sure === null ? null : surely(sure));
  const label = [column.key, value || null, told.word, sure === null ? null : `${Math.round(sure * 100)} % sure`].filter(Boolean);
  mark(node, "aria-label", label.join(", "));
  mark(node, "title", value.length > 24 ? value : null);
  const sign = make("span", { class: "sign", "aria-hidden": "true" }, told.sign);
  const text = make("span", { class: "text" }, value || (state === "empty" ? "" : told.word));
  const number = sure === null ? null : make("span", { class: "sure" }, String(Math.round(sure * 100)));
  node.replaceChildren(make("div", { class: "in" }, sign, text, number));
  if (changed) node.animate?.([{ outlineColor: "var(--accent)" }, { outlineColor: "transparent" }], matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 900);
}

function legend() {
  const items = Object.entries(STATES).map(([state, told]) => make("li", {}, make("span", { class: "swatch", data: { state }, "aria-hidden": "true" }, told.sign), make("b", {}, told.word), make("span", { class: "muted" }, ` ${told.means}`)));
  return make("details", { class: "legend" }, make("summary", {}, "What the signs mean"), make("ul", {}, items));
}
