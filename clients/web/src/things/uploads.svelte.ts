/** What waits in the composer to be sent: each file is uploaded at once and sent when the person says so. */
import { FILE_BYTES_MAX, IMAGE_BYTES_MAX, CARD_TITLE_CHARS_MAX, type BlobKind, type Card } from "@weiquan/client";
import { app, wordsFor } from "../app/app.svelte";
import { t } from "../i18n/i18n.svelte";

export interface Item {
  id: number;
  file: File;
  kind: BlobKind;
  /** A look at a picture before it is uploaded. */
  look: string | undefined;
  peaks: number[];
  part: number;
  wrong: string | undefined;
  card: Card | undefined;
  stop: AbortController;
}

const ITEMS_MAX = 9;
const PICTURES = /^image\/(jpeg|png|webp|gif)$/;

export class Uploads {
  items = $state<Item[]>([]);
  #next = 0;
  readonly #slug: string;

  constructor(slug: string) {
    this.#slug = slug;
  }

  get ready(): boolean {
    return this.items.length > 0 && this.items.every((it) => it.card !== undefined);
  }

  add(files: readonly File[], peaks: number[] = []): void {
    if (this.items.length + files.length > ITEMS_MAX) app.note(t().things.tooMany, "wrong");
    for (const file of files.slice(0, ITEMS_MAX - this.items.length)) {
      const kind: BlobKind = peaks.length > 0 ? "voice" : PICTURES.test(file.type) ? "image" : "file";
      const look = kind === "image" ? URL.createObjectURL(file) : undefined;
      this.items.push({ id: ++this.#next, file, kind, look, peaks, part: 0, wrong: undefined, card: undefined, stop: new AbortController() });
      const item = this.items.at(-1);
      if (item) void this.send(item);
    }
  }

  /** Uploads, or tries again. */
  async send(item: Item): Promise<void> {
    const most = item.kind === "image" ? IMAGE_BYTES_MAX : FILE_BYTES_MAX;
    if (item.file.size > most) return void (item.wrong = t().things.tooLarge(String(most >> 20)));
    item.wrong = undefined;
    item.part = 0;
    item.stop = new AbortController();
    try {
      const made = await app.client.upload(this.#slug, item.file, {
        as: item.kind, signal: item.stop.signal, onprogress: (part) => (item.part = part),
      });
      item.card = this.#card(item, made.id, made.width ?? 0, made.height ?? 0, made.duration_ms ?? 0, made.bytes);
    } catch (error) {
      item.wrong = wordsFor(error);
    }
  }

  drop(item: Item): void {
    item.stop.abort();
    if (item.look) URL.revokeObjectURL(item.look);
    this.items = this.items.filter((it) => it.id !== item.id);
  }

  /** The cards, and nothing waits any more. */
  take(): Card[] {
    const cards = this.items.flatMap((it) => it.card ?? []);
    for (const it of this.items) if (it.look) URL.revokeObjectURL(it.look);
    this.items = [];
    return cards;
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
