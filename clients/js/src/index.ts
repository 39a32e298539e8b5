/**
 * The headless client of weiquan: everything an interface shows and does, without a pixel.
 *
 * Read `api.ts` first: it says what there is. Types of the wire come from `protocol/`, which is
 * generated from the server's own.
 */
export { Weiquan } from "./weiquan.js";
export { RoomClient } from "./room/client.js";
export { Watcher } from "./media/watcher.js";
export { Publisher } from "./media/publisher.js";
export { splitTopic } from "./splits.js";
export { Topics } from "./topics.js";
export { Search } from "./search.js";
export { type ExportOf, exportPath } from "./exports.js";
export { eraseAccount, handOver } from "./account.js";
export { caughtUp, missed } from "./missed.js";
export { Check } from "./check/check.js";
export { devices, openCamera, openFile, openScreen } from "./media/sources.js";
export { type LevelMeter, meter } from "./media/level.js";
export { Refused, Unreachable } from "./refused.js";
export { BrowserStorage, MemoryStorage } from "./storage.js";
export { Cell } from "./readable.js";
export * from "./limits.js";
export type * from "./api.js";
export type * from "./protocol/index.js";
export type { Call, Caller } from "./rest.js";
export type { Readable } from "./readable.js";
