/** 繁體中文：只有一些頁面才說的，合成一份。 */
import { check } from "./check";
import { erase } from "./erase";
import { mail } from "./mail";
import { search } from "./search";
import { boards, talk, topic } from "./talk";

export const later = { boards, check, erase, mail, search, talk, topic };
