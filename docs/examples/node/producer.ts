/** Send work to enrich over Celery's message protocol (version 2), and wait for what comes of it. */
import { randomUUID } from "node:crypto";
import { createClient } from "redis";

const QUEUE = "enrich.ingest";
const PATIENCE_MS = 2_000;
/** Longer than the minute after which the work of a worker that died is taken up by another. */
const ANSWER_MS = 90_000;

export interface Cell {
  value: unknown;
  confidence: number;
  provider: string;
  state: "filled" | "not_found" | "pending" | "failed" | "skipped" | "typed" | "empty";
  /** Why there is no value. */
  reason: string;
  metadata: {
    /** All that was said of the row came from the cache: nothing was asked or paid now. */
    cache_hit: boolean;
    /** The same, and what it knew is that nothing is known. */
    negative_cache_hit: boolean;
    singleflight_coalesced: boolean;
    providers_tried: string[];
    /** Credits, and milliseconds, of the run of this row: cells asked for together share them. */
    cost: number;
    duration_ms: number;
  };
}

/** What a run came to. `filled` to `skipped` count cells by how they ended. */
export interface Totals {
  run_id: number;
  table: string;
  state: "running" | "done" | "cancelled" | "failed";
  rows: number;
  filled: number;
  /** Of the filled: those that held another value before. */
  changed: number;
  /** Cells about which somebody was asked, and nobody knew anything. */
  not_found: number;
  pending: number;
  failed: number;
  /** Cells about which nobody was asked, as the budget or the policy would have it. */
  skipped: number;
  cost: number;
  /** Answers of providers about a row that came by a call; one answer may fill many cells. */
  provider_calls: number;
  /** Answers about a row that came from the cache instead of a call. */
  cache_hits: number;
  premium_saved: number;
}

/** A worker refused the request, or its run did not end well. */
export class TaskError extends Error {}
/** The broker does not answer. */
export class BrokerDownError extends Error {}
/** Nobody answered in time. The task may still be done: ask for `result(taskId)` later. */
export class NoAnswerError extends Error {
  constructor(readonly taskId: string, readonly reason: string) {
    super(`task ${taskId} was not answered in time: ${reason}`);
  }
}

type Named = { table_id: string; [name: string]: unknown };
type Redis = ReturnType<typeof createClient>;

export class Producer {
  readonly #redis: Redis;
  readonly #listener: Redis;
  /** The messages of those who wait, by task: whether one still waits tells why there is no answer. */
  readonly #sent = new Map<string, string>();

  private constructor(redis: Redis, listener: Redis) {
    this.#redis = redis;
    this.#listener = listener;
  }

  /** `url` is CELERY_BROKER_URL of `enrich env`: redis://, rediss:// or redis+socket://. */
  static async connect(url: string): Promise<Producer> {
    const redis = createClient(placeOf(url)) as Redis;
    const both = [redis, redis.duplicate()] as const;
    for (const client of both) {
      client.on("error", () => undefined); // whoever waits is told by what it awaits
      client.setMaxListeners(0);
    }
    try {
      await within(Promise.all(both.map((client) => client.connect())));
    } catch (error) {
      for (const client of both) client.destroy();
      throw error;
    }
    return new Producer(...both);
  }

  async close(): Promise<void> {
    this.#redis.destroy();
    this.#listener.destroy();
  }

  cell(table: string, row: string, column: string, timeoutMs = ANSWER_MS): Promise<Cell> {
    return this.#ask("enrich.cell", { table_id: table, row_id: row, column_key: column }, timeoutMs);
  }

  row(table: string, row: string, columns: string[] | null = null, timeoutMs = ANSWER_MS) {
    const named = { table_id: table, row_id: row, columns };
    return this.#ask<Record<string, Cell>>("enrich.row", named, timeoutMs);
  }

  rows(table: string, keys: string[], columns: string[] | null = null, timeoutMs = ANSWER_MS) {
    const named = { table_id: table, row_ids: keys, columns };
    return this.#ask<Totals>("enrich.rows", named, timeoutMs);
  }

  /** Send and go on; gives the task's id. A BrokerDownError means that nothing was sent. */
  async send(task: string, named: Named, id: string = randomUUID()): Promise<string> {
    await this.#push(messageOf(task, named, id));
    return id;
  }

  /** Wait for a task that was sent, by this process or another; a result is kept for an hour. */
  result<T>(id: string, timeoutMs = ANSWER_MS): Promise<T> {
    return this.#await<T>(id, timeoutMs, async () => undefined);
  }

  /** Listened for before `send` sends: no answer comes unheard. */
  async #await<T>(id: string, timeoutMs: number, send: () => Promise<void>): Promise<T> {
    const key = `celery-task-meta-${id}`;
    const told = promised<string>();
    told.promise.catch(() => undefined); // it may end while the task is being sent
    const look = () => this.#redis.get(key).then((raw) => raw && told.resolve(raw), () => undefined);
    const late = setTimeout(async () => {
      const why = await within(this.#whyNot(id)).catch(() => "the broker does not answer");
      told.reject(new NoAnswerError(id, why));
    }, timeoutMs);
    this.#listener.on("ready", look); // what was told while the connection was away
    try {
      await within(this.#listener.subscribe(key, told.resolve));
      await send();
      void look();
      return read<T>(await told.promise);
    } finally {
      clearTimeout(late);
      this.#listener.off("ready", look);
      void this.#listener.unsubscribe(key, told.resolve).catch(() => undefined);
    }
  }

  async #ask<T>(task: string, named: Named, timeoutMs: number): Promise<T> {
    const id = randomUUID();
    const message = messageOf(task, named, id);
    this.#sent.set(id, message);
    try {
      return await this.#await<T>(id, timeoutMs, () => this.#push(message));
    } finally {
      this.#sent.delete(id);
    }
  }

  async #push(message: string): Promise<void> {
    // Taken back where it has not been written by then: nothing is sent after it was given up.
    const inTime = this.#redis.withAbortSignal(AbortSignal.timeout(PATIENCE_MS));
    await inTime.lPush(QUEUE, message).catch((error: Error) => {
      throw new BrokerDownError(`the broker does not take the task: ${error.message}`);
    });
  }

  async #whyNot(id: string): Promise<string> {
    const message = this.#sent.get(id);
    if (message === undefined) return "it is unknown, forgotten after an hour, or not done yet";
    const place = await this.#redis.lPos(QUEUE, message);
    if (place === null) return "a worker has taken it and goes on; ask for the result again";
    return `no worker has taken it, ${await this.#redis.lLen(QUEUE)} wait; start one: enrich up`;
  }
}

function messageOf(task: string, named: Named, id: string): string {
  const follows = { callbacks: null, errbacks: null, chain: null, chord: null };
  return JSON.stringify({
    body: Buffer.from(JSON.stringify([[], named, follows])).toString("base64"),
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
  });
}

function placeOf(url: string) {
  const patience = {
    connectTimeout: PATIENCE_MS,
    reconnectStrategy: (tries: number) => Math.min(50 * 2 ** tries, 1_000),
  };
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

async function within<T>(done: Promise<T>): Promise<T> {
  const late = promised<never>();
  const timer = setTimeout(
    () => late.reject(new BrokerDownError(`the broker did not answer within ${PATIENCE_MS} ms`)),
    PATIENCE_MS,
  );
  done.catch(() => undefined); // when it fails later, nobody listens any more
  return Promise.race([done, late.promise]).finally(() => clearTimeout(timer));
}

function promised<T>() {
  let resolve!: (value: T) => void, reject!: (error: Error) => void;
  const promise = new Promise<T>((yes, no) => ([resolve, reject] = [yes, no]));
  return { promise, resolve, reject };
}
