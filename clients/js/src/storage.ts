/** What is kept between visits: IndexedDB where there is one, memory elsewhere. */
import type { KeyValue } from "./api.js";

/** Keeps nothing beyond the page; also what tests share between two clients. */
export class MemoryStorage implements KeyValue {
  readonly #values = new Map<string, string>();

  async get(key: string): Promise<string | null> {
    return this.#values.get(key) ?? null;
  }

  async set(key: string, value: string): Promise<void> {
    this.#values.set(key, value);
  }

  async remove(key: string): Promise<void> {
    this.#values.delete(key);
  }

  async keys(prefix: string): Promise<string[]> {
    return [...this.#values.keys()].filter((it) => it.startsWith(prefix)).sort();
  }
}

const STORE = "values";

/**
 * IndexedDB as a drawer of strings. Where the browser refuses it (a private window, a full disk) the
 * page works on with memory: an outbox that does not survive a reload is better than no chat.
 *
 * What was read once is known at once from then on (a busy page reads in tens of milliseconds), until
 * another page of this device writes it.
 */
export class BrowserStorage implements KeyValue {
  readonly #fallback = new MemoryStorage();
  readonly #database: Promise<IDBDatabase | null>;
  readonly #known = new Map<string, Promise<string | null>>();
  /** Tells the other pages of this device which value is another now. */
  readonly #pages: BroadcastChannel;

  constructor(factory: IDBFactory, name = "weiquan") {
    this.#database = open(factory, name).catch(() => null);
    this.#pages = new BroadcastChannel(name);
    this.#pages.onmessage = ({ data }: MessageEvent<string>) => this.#known.delete(data);
  }

  get(key: string): Promise<string | null> {
    const value = this.#known.get(key) ?? this.#read(key);
    this.#known.set(key, value);
    return value;
  }

  async #read(key: string): Promise<string | null> {
    const value = await this.#run(
      "readonly",
      (store) => store.get(key),
      () => this.#fallback.get(key),
    );
    return typeof value === "string" ? value : null;
  }

  async set(key: string, value: string): Promise<void> {
    this.#known.set(key, Promise.resolve(value));
    await this.#run(
      "readwrite",
      (store) => store.put(value, key),
      () => this.#fallback.set(key, value),
    );
    this.#pages.postMessage(key);
  }

  async remove(key: string): Promise<void> {
    this.#known.set(key, Promise.resolve(null));
    await this.#run(
      "readwrite",
      (store) => store.delete(key),
      () => this.#fallback.remove(key),
    );
    this.#pages.postMessage(key);
  }

  async keys(prefix: string): Promise<string[]> {
    const range = IDBKeyRange.bound(prefix, `${prefix}\uffff`);
    const all = await this.#run(
      "readonly",
      (store) => store.getAllKeys(range),
      () => this.#fallback.keys(prefix),
    );
    return (Array.isArray(all) ? all : []).filter((it) => typeof it === "string");
  }

  async #run<T>(
    mode: IDBTransactionMode,
    work: (store: IDBObjectStore) => IDBRequest<T>,
    fallback: () => Promise<unknown>,
  ): Promise<unknown> {
    const database = await this.#database;
    if (database === null) return fallback();
    try {
      const transaction = database.transaction(STORE, mode);
      const request = work(transaction.objectStore(STORE));
      await done(transaction);
      return request.result;
    } catch {
      return fallback();
    }
  }
}

function open(factory: IDBFactory, name: string): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = factory.open(name, 1);
    request.onupgradeneeded = () => void request.result.createObjectStore(STORE);
    request.onsuccess = () => {
      // Another tab with a newer version must be able to upgrade.
      request.result.onversionchange = () => request.result.close();
      resolve(request.result);
    };
    request.onerror = () => reject(request.error ?? new Error("no database"));
  });
}

function done(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error ?? new Error("the write was undone"));
  });
}
