/** English, all of it. The page loads it in two parts: what every page says, and what only some do. */
import { base } from "./en";
import { boards, talk, topic } from "./talk";

export const en = { ...base, boards, talk, topic };
export type Words = typeof en;
/** What comes with the first page of topics. */
export type Later = Pick<Words, "boards" | "talk" | "topic">;
