/** English: what only some pages say, in one part. */
import { audit } from "./audit";
import { check } from "./check";
import { exports } from "./exports";
import { search } from "./search";
import { boards, talk, topic } from "./talk";

export const later = { audit, boards, check, exports, search, talk, topic };
