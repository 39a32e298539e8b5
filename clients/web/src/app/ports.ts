/**
 * What the page is built on: the client of the server and the sources of the studio. Two things
 * implement it: `platform.ts` (the real ones) and `fake/platform.ts` (for screenshots and checks).
 */
import type { CameraOptions, CheckApi, Device, MemberCard, Missed, SearchApi, Source, TopicsApi, WeiquanApi, Writings } from "@weiquan/client";
import type { Words } from "../i18n/en";

export interface Sources {
  camera(opts: CameraOptions): Promise<Source>;
  screen(): Promise<Source>;
  file(file: File): Promise<Source>;
  devices(): Promise<Device[]>;
  /** Loudness of the stream's sound, 0 to 1, about 20 times a second until the answer is called. */
  level(stream: MediaStream, run: (level: number) => void): () => void;
}

export interface Own {
  /** Erases one's account. */
  erase(password: string, writings: Writings): Promise<void>;
  /** Another member owns the circle from now on. */
  handOver(member: string, password: string): Promise<MemberCard>;
  /** Broadcasts that one missed, the newest first, until they are put away. */
  missed(): Promise<Missed[]>;
  caughtUp(upto: number): Promise<void>;
}

export interface Platform {
  client: WeiquanApi;
  /** Changes the dictionary before it is shown: the stand-in stretches words to test the layout. */
  words?: (words: Words) => Words;
  sources(): Promise<Sources>;
  /** Keeps the app for when there is no network; the stand-in is never kept. */
  keepShell?: () => void;
  /** Lists of topics: loaded with the first page that has one. */
  topics(): Promise<TopicsApi>;
  /** Finding what was said: loaded with its page. */
  search(): Promise<SearchApi>;
  /** What is one's own, and seldom asked for. */
  own(): Promise<Own>;
  /** A fresh check of this browser and its line. */
  check(): Promise<CheckApi>;
}
