// Numbers and moments as people read them.

const whole = new Intl.NumberFormat("en");
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

export const NONE = "–";

export const count = (n) => (n === null || n === undefined ? NONE : whole.format(n));

export const compact = (n) => (n < 100_000 ? whole.format(n) : short.format(n));

export function share(rate) {
  if (rate === null || rate === undefined) return NONE;
  const percent = rate * 100;
  const digits = percent > 0 && percent < 10 ? 1 : percent > 99 && percent < 100 ? 1 : 0;
  return `${percent.toFixed(digits)} %`;
}

export function credits(amount) {
  if (amount === null || amount === undefined) return NONE;
  if (amount === 0) return "0";
  if (amount >= 1000) return whole.format(Math.round(amount));
  return String(Number(amount.toPrecision(3)));
}

export function seconds(s) {
  if (s === null || s === undefined) return NONE;
  if (s < 0.001) return "<1 ms";
  if (s < 0.995) return `${Math.round(s * 1000)} ms`;
  if (s < 10) return `${s.toFixed(1)} s`;
  return lasting(s);
}

export function lasting(s) {
  const all = Math.max(0, Math.round(s));
  if (all < 90) return `${all} s`;
  if (all < 5400) return `${Math.round(all / 60)} min`;
  if (all < 129_600) return `${Math.round(all / 3600)} h`;
  return `${Math.round(all / 86_400)} days`;
}

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

export const timeOf = (moment) => clock.format(new Date(moment));

export const dateOf = (moment) => day.format(new Date(moment));

export function ago(moment, now = Date.now()) {
  return `${lasting((now - new Date(moment).getTime()) / 1000)} ago`;
}

/** A cell's value as text; of what is no text its JSON. */
export function shown(value) {
  if (value === null || value === undefined || value === "") return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** The states of cells: a sign, a word, and what the word means. */
export const STATES = {
  filled: { sign: "●", word: "filled", means: "enriched; the bar and number say how surely" },
  typed: { sign: "✎", word: "typed", means: "a person's own value, or imported" },
  pending: { sign: "◷", word: "pending", means: "later: a limit or a slow provider" },
  failed: { sign: "✕", word: "failed", means: "somebody who might know could not be asked" },
  not_found: { sign: "∅", word: "not found", means: "all were asked, nobody knew" },
  skipped: { sign: "⤼", word: "skipped", means: "nobody could be asked" },
  empty: { sign: "·", word: "empty", means: "nobody was asked yet" },
};

/** How sure a value is, in three steps for the eye. */
export const surely = (confidence) => (confidence >= 0.8 ? "sure" : confidence >= 0.6 ? "fair" : "weak");
