/**
 * The headless client of weiquan: everything an interface shows and does, without a pixel.
 *
 * Read `api.ts` first: it says what there is. Types of the wire come from `protocol/`, which is
 * generated from the server's own.
 */
export type * from "./api.js";
export type * from "./protocol/index.js";
export type { Readable } from "./readable.js";
