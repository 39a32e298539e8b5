/** 繁體中文：只有一些頁面才說的，合成一份。 */
import { audit } from "./audit";
import { check } from "./check";
import { erase } from "./erase";
import { exports } from "./exports";
import { mail } from "./mail";
import { media, moment } from "./moment";
import { own } from "./own";
import { search } from "./search";
import { setup } from "./setup";
import { boards, talk, topic } from "./talk";

export const later = { audit, boards, check, erase, exports, mail, media, moment, own, search, setup, talk, topic };
