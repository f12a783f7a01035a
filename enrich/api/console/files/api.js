// Requests with the key of this tab. It is sent as a header and never as a cookie: no other page can
// make this browser send it, so there is nothing to forge a request with.

const KEPT = "enrich.key";

/** Something went wrong, in one sentence. */
export class Problem extends Error {
  constructor(status, detail) {
    super(sentence(detail));
    this.status = status;
  }
}

function sentence(text) {
  const plain = String(text || "").trim() || "The request failed";
  const begun = /^[a-z]+ /.test(plain) ? plain[0].toUpperCase() + plain.slice(1) : plain;
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}

export const AWAY = "The interface does not answer; is `enrich up` running?";

export const session = {
  key: sessionStorage.getItem(KEPT) || "",
  who: null,

  may(scope) {
    return Boolean(this.who && this.who.scopes.includes(scope));
  },

  /** Take a key, if it opens something. */
  async enter(key) {
    this.key = key;
    try {
      this.who = await call("GET", "/v1/console/session");
    } catch (problem) {
      this.key = "";
      throw problem;
    }
    sessionStorage.setItem(KEPT, key);
  },

  leave() {
    this.key = "";
    this.who = null;
    sessionStorage.removeItem(KEPT);
  },

  headers() {
    const own = { Authorization: `Bearer ${this.key}` };
    return this.who ? { ...own, "X-Tenant-ID": this.who.tenant } : own;
  },
};

/** Say what a key lacks for a thing, and the way out; "" when it may. */
export function lacking(scope) {
  if (session.may(scope)) return "";
  return `This key may not do that: it lacks the scope ${scope}. An administrator makes one that may by: enrich keys create --scope read --scope ${scope === "operate_all" ? "operate --scope operate_all" : scope}`;
}

/** Send a request and give its JSON. Throws `Problem`. */
export async function call(method, path, body) {
  const headers = session.headers();
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), cache: "no-store" });
  } catch (_) {
    throw new Problem(0, AWAY);
  }
  return read(answer);
}

/** Read an answer's JSON. Throws `Problem` with the server's own sentence. */
export async function read(answer) {
  const told = await answer.json().catch(() => null);
  if (answer.ok) return told;
  const detail = told && typeof told.detail === "string" ? told.detail : `The interface answered ${answer.status}`;
  if (answer.status === 401) window.dispatchEvent(new CustomEvent("refused", { detail: sentence(detail) }));
  throw new Problem(answer.status, detail);
}

/** Write a query. */
export const query = (named) => new URLSearchParams(Object.entries(named).filter(([, value]) => value)).toString();
