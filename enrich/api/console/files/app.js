// The page: who is signed in, which view is shown, and what the stream says to it.

import { session } from "/console/api.js";
import { announce, clearNotices, mark, notice, say } from "/console/dom.js";
import { timeOf } from "/console/format.js";
import { Overview } from "/console/overview.js";
import { signIn } from "/console/signin.js";
import { Stream } from "/console/stream.js";
import { Grid } from "/console/grid.js";
import { Tables } from "/console/tables.js";

const at = (id) => document.getElementById(id);
const latest = new Map();
const broken = new Map();
let view = null;
let link = "opening";

const stream = new Stream(hear, tell);

function hear(event, data) {
  if (event === "refused") return leave(`The session has ended: ${data.detail}.`);
  if (event === "beat") return;
  if (data.error) {
    if (broken.get(event) !== data.error) notice(`Some numbers stand still: ${data.error}.`);
    broken.set(event, data.error);
    return;
  }
  broken.delete(event);
  latest.set(event, data);
  view?.hear?.(event, data);
}

function tell(state, detail = {}) {
  if (state === "refused") return leave(`${detail.detail[0].toUpperCase()}${detail.detail.slice(1)}.`);
  const was = link;
  link = state === "opening" && was === "lost" ? "lost" : state;
  mark(at("link"), "data-state", link);
  mark(document.body, "data-link", link);
  mark(at("retry"), "hidden", link !== "lost");
  if (link === "lost" && was !== "lost") announce("Connection lost. What is shown may be old.");
  if (link === "live" && was === "lost") announce("Connected again.");
  lostUntil = detail.until ?? lostUntil;
  tick();
}

let lostUntil = 0;

function tick() {
  view?.tick?.();
  if (link === "live") return say(at("link-says"), `Live · ${timeOf(Date.now())}`);
  if (link === "opening") return say(at("link-says"), "Connecting…");
  const left = Math.max(0, Math.ceil((lostUntil - Date.now()) / 1000));
  say(at("link-says"), left ? `Connection lost · again in ${left} s` : "Connection lost · trying");
}

function route() {
  if (!session.who) return;
  const [, page = "", name = ""] = location.hash.split("/");
  clearNotices();
  view?.leave?.();
  const main = at("main");
  if (page === "tables" && name) view = new Grid(decoded(name), latest);
  else if (page === "tables") view = new Tables();
  else view = new Overview(latest);
  main.replaceChildren(view.node);
  for (const [event, data] of latest) view.hear?.(event, data);
  for (const each of at("pages").children) {
    const own = each.getAttribute("href") === "#/" ? page === "" : page === "tables";
    mark(each, "aria-current", own ? "page" : null);
  }
  document.title = `${view.title} · enrich`;
}

function decoded(name) {
  try {
    return decodeURIComponent(name);
  } catch (_) {
    return name;
  }
}

function enter() {
  mark(at("pages"), "hidden", null);
  mark(at("who"), "hidden", null);
  say(at("tenant"), session.who.tenant);
  mark(at("tenant"), "title", `Tenant ${session.who.tenant}; key enr_${session.who.name}_… with ${session.who.scopes.join(", ")}`);
  route();
  stream.open();
}

function leave(why = "") {
  stream.close();
  session.leave();
  latest.clear();
  view?.leave?.();
  view = null;
  document.querySelectorAll("dialog").forEach((dialog) => dialog.close());
  mark(at("pages"), "hidden", true);
  mark(at("who"), "hidden", true);
  clearNotices();
  at("main").replaceChildren(signIn(enter, why));
  document.title = "Sign in · enrich";
  document.querySelector("#key")?.focus();
}

async function begin() {
  if (!session.key) return leave();
  try {
    await session.enter(session.key);
  } catch (problem) {
    return leave(problem.message);
  }
  enter();
}

window.addEventListener("hashchange", () => {
  route();
  at("main").focus({ preventScroll: true });
  window.scrollTo(0, 0);
});
window.addEventListener("refused", (event) => session.who && leave(event.detail));
at("leave").addEventListener("click", () => leave());
at("retry").addEventListener("click", () => stream.open());
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  at("main").focus();
});
setInterval(tick, 1000);
begin();
