// Elements, made of text alone: nothing here turns a string into markup.

/** Make an element. `props`: `class`, `on` (listeners), `data`, and any attribute; null leaves out. */
export function make(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") node.className = value;
    else if (name === "on") for (const [event, hear] of Object.entries(value)) node.addEventListener(event, hear);
    else if (name === "data") Object.assign(node.dataset, value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** Make an element of SVG. */
export function draw(tag, props = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(props)) node.setAttribute(name, String(value));
  node.append(...children);
  return node;
}

/** Change a text only where it differs, so that nothing flickers and no selection is lost. */
export function say(node, text) {
  const wanted = String(text);
  if (node.textContent !== wanted) node.textContent = wanted;
}

/** Set or remove an attribute, only where it differs. */
export function mark(node, name, value) {
  if (value === null || value === undefined || value === false) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
  } else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, String(value));
}

/** Keep a list of nodes as `items` say: nodes stay the same while their key does, so focus stays. */
export class Keyed {
  constructor(parent, { keyOf, create, update }) {
    Object.assign(this, { parent, keyOf, create, update, held: new Map() });
  }

  show(items) {
    const wanted = new Set(items.map(this.keyOf));
    for (const [key, part] of this.held) {
      if (!wanted.has(key)) {
        part.node.remove();
        this.held.delete(key);
      }
    }
    let place = this.parent.firstElementChild;
    for (const item of items) {
      const key = this.keyOf(item);
      let part = this.held.get(key);
      if (!part) {
        part = this.create(item);
        this.held.set(key, part);
      }
      this.update(part, item);
      if (part.node === place) place = place.nextElementSibling;
      else this.parent.insertBefore(part.node, place);
    }
  }
}

/** Tell those who listen rather than look. */
export function announce(text) {
  say(document.getElementById("said"), text);
}

/** Show one sentence at the top of the page until it is closed or ten others have come. */
export function notice(text, kind = "bad") {
  const box = document.getElementById("notices");
  for (const old of box.children) if (old.dataset.text === text) old.remove();
  const close = make("button", { class: "quiet small", "aria-label": "Close this message" }, "Close");
  const line = make("p", { class: `notice ${kind}`, data: { text } }, make("span", {}, text), close);
  close.addEventListener("click", () => line.remove());
  box.append(line);
  while (box.children.length > 3) box.firstElementChild.remove();
}

/** Take away all sentences. */
export function clearNotices() {
  document.getElementById("notices").replaceChildren();
}
