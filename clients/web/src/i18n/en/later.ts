/** English: what only some pages say, in one part. */
import { search } from "./search";
import { boards, talk, topic } from "./talk";

export const later = { boards, search, talk, topic };
