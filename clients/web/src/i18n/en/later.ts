/** English: what only some pages say, in one part. */
import { check } from "./check";
import { search } from "./search";
import { boards, talk, topic } from "./talk";

export const later = { boards, check, search, talk, topic };
