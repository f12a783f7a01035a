// Dialogs: the browser's own, which keep the focus within and give it back at their end.

import { announce, make } from "/console/dom.js";

let opened = 0;

/** Open a dialog with this content; gives it. `closed` is called at its end, however it came. */
export function open(title, content, { wide = false, closed = () => {} } = {}) {
  const back = document.activeElement;
  const id = `dialog-${++opened}`;
  const close = make("button", { class: "quiet close", type: "button", "aria-label": "Close" }, "✕");
  const heading = make("h2", { id, tabindex: "-1" }, title);
  const dialog = make(
    "dialog",
    { class: wide ? "wide" : null, "aria-labelledby": id },
    make("div", { class: "head" }, heading, close),
    make("div", { class: "body" }, content),
  );
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("keydown", (event) => event.key === "Tab" && keepWithin(dialog, event));
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (back?.isConnected) back.focus();
    closed();
  });
  document.body.append(dialog);
  dialog.showModal();
  heading.focus();
  return dialog;
}

// A browser would let Tab go on to its own bars; within a dialog it goes round.
function keepWithin(dialog, event) {
  const all = [...dialog.querySelectorAll("button, input, select, textarea, a[href], [tabindex='0']")];
  const places = all.filter((node) => !node.disabled && node.offsetParent !== null && node.tabIndex >= 0);
  const edge = event.shiftKey ? places[0] : places.at(-1);
  const outside = !places.includes(document.activeElement);
  if (document.activeElement === edge || (event.shiftKey && outside)) {
    event.preventDefault();
    (event.shiftKey ? places.at(-1) : places[0]).focus();
  }
}

/**
 * Ask before something is done: what it is, what follows, and two answers. `act` may throw; what it
 * gives is announced once the dialog is gone, because nothing behind a dialog is read out.
 */
export function confirm({ title, says, yes, no = "Keep it as it is", danger = false, fields = [], act }) {
  const wrong = make("p", { class: "wrong", role: "alert" });
  const accept = make("button", { class: danger ? "danger" : "primary", type: "submit" }, yes);
  const refuse = make("button", { class: "quiet", type: "button" }, no);
  const form = make("form", { class: "ask", novalidate: true }, says.map((text) => make("p", {}, text)), fields, wrong, make("div", { class: "answers" }, refuse, accept));
  const dialog = open(title, form);
  refuse.addEventListener("click", () => dialog.close());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    accept.disabled = true;
    try {
      const told = await act();
      dialog.close();
      announce(told);
    } catch (problem) {
      wrong.textContent = problem.message;
      accept.disabled = false;
      accept.focus();
    }
  });
  (form.querySelector("input, select") ?? refuse).focus();
  return dialog;
}
