/** What waits in the composer to be sent: each file is uploaded at once, sent when the person says so, and outlives the page. */
import { FILE_BYTES_MAX, IMAGE_BYTES_MAX, CARD_TITLE_CHARS_MAX, type BlobKind, type Card } from "@weiquan/client";
import { app, wordsFor } from "../app/app.svelte";
import { t } from "../i18n/i18n.svelte";
import { claim, isThere, keep, letGo, restore, tell, type Kept } from "./kept";

export interface Item {
  id: string;
  file: File;
  kind: BlobKind;
  /** A picture to be looked at, or a voice note to be heard, before it is sent. */
  look: string | undefined;
  peaks: number[];
  part: number;
  wrong: string | undefined;
  card: Card | undefined;
  stop: AbortController;
  /** What is known of it on the device; `keeping` ends once it lies there, or cannot. */
  kept: Kept;
  keeping: Promise<void>;
}

const ITEMS_MAX = 9;
const PICTURES = /^image\/(jpeg|png|webp|gif)$/;
/** Names sort as they were added, also within one moment. */
let last = 0;
const nextMs = (): number => (last = Math.max(Date.now(), last + 1));
const nextId = (ms: number): string => `${ms.toString(36)}-${Math.floor(Math.random() * 2 ** 32).toString(36)}`;

export class Uploads {
  items = $state<Item[]>([]);
  readonly #slug: string;
  #end = (): void => {};
  /** As long as the tray is there, no other page takes what is in it. */
  readonly #held = new Promise<void>((done) => (this.#end = done));

  constructor(slug: string) {
    this.#slug = slug;
  }

  get ready(): boolean {
    return this.items.length > 0 && this.items.every((it) => it.card !== undefined);
  }

  add(files: readonly File[], peaks: number[] = [], ms = 0): void {
    if (this.items.length + files.length > ITEMS_MAX) app.note(t().things.tooMany, "wrong");
    for (const file of files.slice(0, ITEMS_MAX - this.items.length)) {
      const kind: BlobKind = peaks.length > 0 ? "voice" : PICTURES.test(file.type) ? "image" : "file";
      const at_ms = nextMs();
      const kept: Kept = { id: nextId(at_ms), who: app.who?.id ?? "", slug: this.#slug, at_ms, bytes: file.size, name: file.name, kind, peaks, ms };
      void claim(kept.id, this.#held);
      const item = this.#put(kept, file, file.size > most(kind) ? Promise.resolve() : keep(kept, file));
      if (item) void this.send(item);
    }
  }

  /** What was left here before the page was: whether there was anything. */
  async restore(): Promise<boolean> {
    const found = await restore(app.who?.id ?? "", this.#slug, ITEMS_MAX - this.items.length, this.#held);
    for (const { kept, file } of found) {
      const item = this.#put(kept, file, Promise.resolve());
      if (!item) continue;
      if (isThere(kept, Date.now())) item.card = kept.card;
      else void this.send(item);
    }
    return found.length > 0;
  }

  #put(kept: Kept, file: File, keeping: Promise<void>): Item | undefined {
    const { id, kind, peaks } = kept;
    const look = kind !== "file" ? URL.createObjectURL(file) : undefined;
    this.items.push({ id, file, kind, look, peaks, part: 0, wrong: undefined, card: undefined, stop: new AbortController(), kept, keeping });
    return this.items.at(-1);
  }

  /** Uploads, or tries again. */
  async send(item: Item): Promise<void> {
    if (item.file.size > most(item.kind)) return void (item.wrong = t().things.tooLarge(String(most(item.kind) >> 20)));
    item.wrong = undefined;
    item.part = 0;
    item.stop = new AbortController();
    try {
      const made = await app.client.upload(this.#slug, item.file, {
        as: item.kind, signal: item.stop.signal, onprogress: (part) => (item.part = part),
      });
      item.card = this.#card(item, made.id, made.width ?? 0, made.height ?? 0, made.duration_ms ?? 0, made.bytes);
      item.kept.uploaded_ms = Date.now();
      this.told(item);
    } catch (error) {
      item.wrong = wordsFor(error);
    }
  }

  /** It has a card now, or its card says more. */
  told(item: Item): void {
    const { card } = item;
    if (card) void item.keeping.then(() => tell($state.snapshot({ ...item.kept, card })));
  }

  drop(item: Item): void {
    item.stop.abort();
    this.items = this.items.filter((it) => it.id !== item.id);
    this.#forget([item]);
  }

  /** The cards, and nothing waits any more. */
  take(): Card[] {
    const cards = this.items.flatMap((it) => it.card ?? []);
    this.#forget(this.items);
    this.items = [];
    return cards;
  }

  /** The page is left: what is here waits on the device. */
  end(): void {
    for (const it of this.items) {
      it.stop.abort();
      if (it.look) URL.revokeObjectURL(it.look);
    }
    this.#end();
  }

  #forget(items: readonly Item[]): void {
    for (const it of items) if (it.look) URL.revokeObjectURL(it.look);
    const gone = items.map((it) => $state.snapshot(it.kept));
    void Promise.all(items.map((it) => it.keeping)).then(() => letGo(gone));
  }

  #card(item: Item, blob: string, w: number, h: number, duration_ms: number, bytes: number): Card {
    switch (item.kind) {
      case "image":
        return { kind: "image", blob, w, h };
      case "voice":
        return { kind: "voice", blob, duration_ms, peaks: item.peaks };
      case "file":
        return { kind: "file", blob, bytes, name: [...item.file.name].slice(-CARD_TITLE_CHARS_MAX).join("") || t().things.file };
    }
  }
}

const most = (kind: BlobKind): number => (kind === "image" ? IMAGE_BYTES_MAX : FILE_BYTES_MAX);
