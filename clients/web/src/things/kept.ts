/**
 * What was added and not yet sent, on this device: for each person and room, within limits, the newest first.
 * Where the browser keeps nothing (a private window, a full disk) every call does nothing and fails nothing:
 * the tray lives as long as the page, as it would without this.
 */
import type { BlobKind, Card } from "@weiquan/client";
import { keepThings, thingsGone } from "../chat/draft";

/** Three full trays. */
export const KEPT_ITEMS_MAX = 27;
/** A few files of the largest kind; a phone's browser gives a site much more. */
export const KEPT_BYTES_MAX = 64 * 1024 * 1024;
/** What somebody chose last week and did not send is a surprise, not a help. */
export const KEPT_MS_MAX = 3 * 86_400_000;
/** The server keeps an upload that nobody said for an hour (PROTOCOL I5). */
export const UPLOAD_MS_MAX = 45 * 60_000;
/** A page that is being left lets go in this time; one that is open elsewhere does not. */
const CLAIM_MS = 2_000;

/** What is known of it; its bytes lie beside. */
export interface Kept {
  id: string;
  who: string;
  slug: string;
  at_ms: number;
  bytes: number;
  name: string;
  kind: BlobKind;
  peaks: number[];
  /** How long a voice note is. */
  ms: number;
  /** Once it is uploaded: what will be said, and since when it is there. */
  card?: Card;
  uploaded_ms?: number;
}

/** Which do not fit: those that are too old, then the oldest that are too many or too much. */
export function overflow(all: readonly Kept[], now: number): Kept[] {
  let items = 0;
  let bytes = 0;
  return [...all].sort((a, b) => b.at_ms - a.at_ms).filter((it) => {
    if (now - it.at_ms > KEPT_MS_MAX) return true;
    if (items + 1 > KEPT_ITEMS_MAX || bytes + it.bytes > KEPT_BYTES_MAX) return true;
    items += 1;
    bytes += it.bytes;
    return false;
  });
}

/** Whether what was uploaded is still there to be said. */
export function isThere(kept: Kept, now: number): boolean {
  return kept.card !== undefined && now - (kept.uploaded_ms ?? 0) < UPLOAD_MS_MAX;
}

const NAME = "weiquan.tray";
const THINGS = "things";
const FILES = "files";
let opened: Promise<IDBDatabase> | undefined;

function database(): Promise<IDBDatabase> {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore(THINGS, { keyPath: "id" });
      request.result.createObjectStore(FILES);
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("no database"));
  });
  return opened;
}

/** One transaction over both; what it was undone for, and what never began, is `undefined`. */
async function run<T>(mode: IDBTransactionMode, work: (things: IDBObjectStore, files: IDBObjectStore) => IDBRequest<T>): Promise<T | undefined> {
  try {
    const transaction = (await database()).transaction([THINGS, FILES], mode);
    const request = work(transaction.objectStore(THINGS), transaction.objectStore(FILES));
    await new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error ?? new Error("it was undone"));
    });
    return request.result;
  } catch {
    return undefined;
  }
}

const all = async (): Promise<Kept[]> => (await run<Kept[]>("readonly", (things) => things.getAll())) ?? [];

export async function keep(kept: Kept, file: File): Promise<void> {
  const out = overflow([...(await all()), kept], kept.at_ms);
  await letGo(out.filter((it) => it.id !== kept.id));
  if (out.some((it) => it.id === kept.id)) return;
  const done = await run("readwrite", (things, files) => (files.put(file, kept.id), things.put(kept)));
  if (done !== undefined) keepThings(kept.slug, kept.who);
}

/** More is known of it than when it was kept; what was let go meanwhile stays away. */
export async function tell(kept: Kept): Promise<void> {
  await run("readwrite", (things) => {
    const known = things.getKey(kept.id);
    known.onsuccess = () => known.result !== undefined && things.put(kept);
    return known;
  });
}

export async function letGo(gone: readonly Kept[]): Promise<void> {
  if (gone.length === 0) return;
  const left = await run<Kept[]>("readwrite", (things, files) => {
    for (const { id } of gone) {
      files.delete(id);
      things.delete(id);
    }
    return things.getAll();
  });
  for (const { who, slug } of gone) {
    if (!left?.some((it) => it.who === who && it.slug === slug)) keepThings(slug, "");
  }
}

/** Whoever was here is gone from this device: what they had not sent goes too. */
export async function clear(): Promise<void> {
  thingsGone();
  await run("readwrite", (things, files) => (files.clear(), things.clear()));
}

/** What this person left in this room, oldest first, each in one open page only: until `hold` ends. */
export async function restore(who: string, slug: string, most: number, hold: Promise<void>): Promise<{ kept: Kept; file: File }[]> {
  const known = await all();
  const old = overflow(known, Date.now());
  await letGo(old);
  const mine = known.filter((it) => it.who === who && it.slug === slug && !old.includes(it)).sort((a, b) => a.at_ms - b.at_ms);
  if (mine.length === 0) keepThings(slug, "");
  const found = await Promise.all(mine.slice(0, most).map(async (kept) => {
    if (!(await claim(kept.id, hold))) return [];
    // Read once it is ours: another page may have sent it meanwhile.
    const file = await run<unknown>("readonly", (_, files) => files.get(kept.id));
    return file instanceof Blob ? [{ kept, file: new File([file], kept.name, { type: file.type }) }] : [];
  }));
  return found.flat();
}

/** Whether it is this page's until `hold` ends: two tabs must not both send one picture. */
export function claim(id: string, hold: Promise<void>): Promise<boolean> {
  // Plain http on a home network has no locks: there the last to send wins.
  if (!("locks" in navigator)) return Promise.resolve(true);
  return new Promise((answer) => {
    const wait = new AbortController();
    setTimeout(() => wait.abort(), CLAIM_MS);
    navigator.locks.request(`${NAME}.${id}`, { signal: wait.signal }, () => (answer(true), hold)).catch(() => answer(false));
  });
}
