/** English: what only some pages say, in one part. */
import { check } from "./check";
import { erase } from "./erase";
import { mail } from "./mail";
import { search } from "./search";
import { boards, talk, topic } from "./talk";

export const later = { boards, check, erase, mail, search, talk, topic };
