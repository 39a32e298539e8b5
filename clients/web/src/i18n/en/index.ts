/** English, all of it. The page loads it in two parts: what every page says, and what only some do. */
import { base } from "./en";
import { later } from "./later";

export const en = { ...base, ...later };
export type Words = typeof en;
/** What comes with the first page that says any of it. */
export type Later = typeof later;
