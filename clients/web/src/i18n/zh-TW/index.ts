/** 繁體中文，全部詞語。 */
import type { Words } from "../en";
import { base } from "./zh-TW";
import { boards, talk, topic } from "./talk";

export const zhTW: Words = { ...base, boards, talk, topic };
