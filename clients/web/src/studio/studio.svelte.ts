/**
 * The host's side of a broadcast: the source, its loudness, the publishing, and what it came to.
 *
 * One object for each visit of the studio; `close` lets the devices go.
 */
import { fromStore } from "svelte/store";
import type { CameraOptions, PublisherApi, RoomApi, Source, Summary } from "@weiquan/client";
import { platform } from "#platform";
import { app, wordsFor } from "../app/app.svelte";
import type { Sources } from "../app/ports";
import { sourceFailure, type SourceFailure } from "./checks";

/** Loudness is remembered so long: speech has pauses. */
const LOUDEST_HOLDS_MS = 4_000;

export class Studio {
  readonly room: RoomApi;
  readonly #view;
  source = $state.raw<Source>();
  failure = $state<SourceFailure>();
  refused = $state<string>();
  level = $state(0);
  loudest = $state(0);
  starting = $state(false);
  publisher = $state.raw<PublisherApi>();
  summary = $state.raw<Summary>();
  sourceEnded = $state(false);

  #sources: Sources | undefined;
  #stopLevel: () => void = () => {};
  #stopEnded: () => void = () => {};
  #loudestAt = 0;

  constructor(room: RoomApi) {
    this.room = room;
    this.#view = fromStore(room.view);
  }

  get view() {
    return this.#view.current;
  }

  async #open(): Promise<Sources> {
    this.#sources ??= await platform.sources();
    return this.#sources;
  }

  async devices() {
    return (await this.#open()).devices();
  }

  pickCamera(opts: CameraOptions = {}): Promise<void> {
    return this.#pick("camera", async (from) => from.camera(opts));
  }

  /** A screen without sound of its own gets the microphone, so that the host is heard. */
  pickScreen(): Promise<void> {
    return this.#pick("screen", async (from) => {
      const screen = await from.screen();
      if (screen.stream.getAudioTracks().length > 0) return screen;
      try {
        const voice = await from.camera({ camera: false, microphone: true });
        const stream = new MediaStream([...screen.stream.getTracks(), ...voice.stream.getAudioTracks()]);
        return { ...screen, stream, stop: () => (screen.stop(), voice.stop()) };
      } catch {
        // No microphone, or not allowed: the screen alone is what was asked for.
        return screen;
      }
    });
  }

  pickFile(file: File): Promise<void> {
    return this.#pick("file", async (from) => from.file(file));
  }

  async #pick(kind: Source["kind"], get: (from: Sources) => Promise<Source>): Promise<void> {
    this.failure = undefined;
    try {
      const from = await this.#open();
      const source = await get(from);
      await this.publisher?.replaceSource(source.stream, { kind });
      this.#use(source, from);
    } catch (error) {
      const why = sourceFailure(error, kind);
      if (why !== "cancelled") this.failure = why;
    }
  }

  #use(source: Source, from: Sources): void {
    this.#letGo();
    this.source = source;
    this.sourceEnded = false;
    this.#stopLevel = from.level(source.stream, (level) => this.#heard(level));
    this.#stopEnded = source.ended.subscribe((ended) => (this.sourceEnded = ended));
  }

  #heard(level: number): void {
    this.level = level;
    const now = performance.now();
    if (level >= this.loudest || now - this.#loudestAt > LOUDEST_HOLDS_MS) {
      this.loudest = level;
      this.#loudestAt = now;
    }
  }

  #letGo(): void {
    this.#stopLevel();
    this.#stopEnded();
    this.source?.stop();
    this.source = undefined;
    this.level = 0;
    this.loudest = 0;
  }

  /** Opens a broadcast where none is on, and publishes into it. */
  async start(title: string): Promise<void> {
    const { source } = this;
    if (!source || this.starting || this.publisher) return;
    this.starting = true;
    this.refused = undefined;
    try {
      const phase = this.view.broadcast?.phase;
      if (phase === undefined || phase === "ended" || phase === "archived" || phase === "scheduled") {
        await this.room.broadcast("open", title.trim() || undefined);
      }
      this.publisher = this.room.publish(source.stream, { kind: source.kind });
    } catch (error) {
      this.refused = wordsFor(error);
    } finally {
      this.starting = false;
    }
  }

  async end(): Promise<void> {
    const own = this.publisher !== undefined;
    const id = this.view.broadcast?.id;
    if (!(await app.attempt(this.room.broadcast("end")))) return;
    this.#stopPublishing();
    if (own && id !== undefined) {
      await app.attempt(app.client.summary(this.room.slug, id).then((it) => (this.summary = it)));
    }
  }

  /** After a failure: the person looks, changes something, and goes live again. */
  stopPublishing(): void {
    this.#stopPublishing();
  }

  #stopPublishing(): void {
    this.publisher?.stop();
    this.publisher = undefined;
  }

  close(): void {
    this.#stopPublishing();
    this.#letGo();
  }
}
