// Signing in: a key, held by this tab alone.

import { session } from "/console/api.js";
import { make } from "/console/dom.js";

/** Make the form; `entered` is called once a key has been taken. */
export function signIn(entered, why) {
  const field = make("input", { id: "key", type: "password", autocomplete: "off", spellcheck: "false", required: true, "aria-describedby": "key-hint" });
  const wrong = make("p", { class: "wrong", role: "alert" }, why);
  const go = make("button", { class: "primary", type: "submit" }, "Sign in");
  const form = make(
    "form",
    { class: "card sign-in" },
    make("h1", {}, "Sign in"),
    make("label", { for: "key" }, "API key"),
    field,
    make("p", { class: "hint", id: "key-hint" }, "The first start of ", make("code", {}, "enrich up"), " prints one. ", make("code", {}, "enrich keys create --scope read --scope enrich --scope operate"), " makes another."),
    wrong,
    make("div", { class: "answers" }, go),
    make("p", { class: "hint" }, "This tab keeps it until it is closed."),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    go.disabled = true;
    wrong.textContent = "";
    try {
      const key = field.value.trim();
      if (!/^[\x21-\x7e]+$/.test(key)) throw new Error("That is no key: it is one word of letters, digits, - and _.");
      await session.enter(key);
      entered();
    } catch (problem) {
      wrong.textContent = problem.message;
      go.disabled = false;
      field.select();
      field.focus();
    }
  });
  return form;
}
