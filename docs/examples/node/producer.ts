/** Send work to enrich over Celery's message protocol (version 2), and wait for what comes of it. */
import { randomUUID } from "node:crypto";
import { createClient } from "redis";

const QUEUE = "enrich.ingest";

export interface Cell {
  value: unknown;
  confidence: number;
  provider: string;
  state: "filled" | "not_found" | "pending" | "failed" | "skipped" | "typed" | "empty";
  reason: string;
}

/** A worker refused the request, or its run did not end well. */
export class TaskError extends Error {}
/** Nobody answered in time; the task may still be done. */
export class NoAnswerError extends Error {}

export class Producer {
  readonly #redis;

  private constructor(redis: ReturnType<typeof createClient>) {
    this.#redis = redis;
  }

  /** `url` is CELERY_BROKER_URL of `enrich env`: redis://, rediss:// or redis+socket://. */
  static async connect(url: string): Promise<Producer> {
    const redis = createClient(placeOf(url));
    redis.on("error", () => undefined); // whoever waits is told by what it awaits
    await redis.connect();
    return new Producer(redis);
  }

  async close(): Promise<void> {
    await this.#redis.close();
  }

  cell(table: string, row: string, column: string, timeoutMs = 30_000): Promise<Cell> {
    const named = { table_id: table, row_id: row, column_key: column };
    return this.#ask<Cell>("enrich.cell", named, timeoutMs);
  }

  row(table: string, row: string, columns: string[] | null = null, timeoutMs = 30_000) {
    const named = { table_id: table, row_id: row, columns };
    return this.#ask<Record<string, Cell>>("enrich.row", named, timeoutMs);
  }

  /** Send and go on; gives the task's id. When it rejects, nothing was sent. */
  async send(task: string, named: { table_id: string } & object, id = randomUUID()) {
    const follows = { callbacks: null, errbacks: null, chain: null, chord: null };
    const body = Buffer.from(JSON.stringify([[], named, follows])).toString("base64");
    const message = {
      body,
      "content-type": "application/json",
      "content-encoding": "utf-8",
      headers: {
        lang: "js", task, id, root_id: id, parent_id: null, group: null, retries: 0,
        eta: null, expires: null, timelimit: [null, null], ignore_result: false,
        // What Flower shows: no row's key, it may be somebody's address.
        argsrepr: "()", kwargsrepr: `table=${named.table_id}`,
      },
      properties: {
        correlation_id: id, delivery_mode: 2, delivery_tag: id, body_encoding: "base64",
        delivery_info: { exchange: "", routing_key: QUEUE }, priority: 0,
      },
    };
    await this.#redis.lPush(QUEUE, JSON.stringify(message));
    return id;
  }

  async #ask<T>(task: string, named: { table_id: string } & object, timeoutMs: number): Promise<T> {
    const id = randomUUID();
    const key = `celery-task-meta-${id}`;
    const listener = this.#redis.duplicate();
    listener.on("error", () => undefined);
    await listener.connect();
    try {
      // Listened for before it is sent: no answer can come unheard.
      const told = promised<string>();
      await listener.subscribe(key, told.resolve);
      await this.send(task, named, id);
      const late = setTimeout(
        () => told.reject(new NoAnswerError(`${task} was not answered within ${timeoutMs} ms`)),
        timeoutMs,
      );
      try {
        return read<T>(await told.promise);
      } finally {
        clearTimeout(late);
      }
    } finally {
      listener.destroy();
    }
  }
}

function placeOf(url: string) {
  const patience = { connectTimeout: 3000, reconnectStrategy: false } as const;
  const { protocol, pathname, searchParams } = new URL(url);
  if (protocol !== "redis+socket:") return { url, socket: patience };
  const database = Number(searchParams.get("virtual_host") ?? 0);
  return { database, socket: { path: decodeURIComponent(pathname), tls: false, ...patience } as const };
}

function read<T>(raw: string): T {
  const told = JSON.parse(raw) as { status: string; result: any };
  if (told.status === "SUCCESS") return told.result as T;
  throw new TaskError([told.result?.exc_message ?? "no reason was given"].flat().join(" "));
}

function promised<T>() {
  let resolve!: (value: T) => void, reject!: (error: Error) => void;
  const promise = new Promise<T>((yes, no) => ([resolve, reject] = [yes, no]));
  return { promise, resolve, reject };
}
