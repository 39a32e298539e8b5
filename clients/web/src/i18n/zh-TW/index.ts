/** 繁體中文，全部詞語。 */
import type { Words } from "../en";
import { base } from "./zh-TW";
import { later } from "./later";

export const zhTW: Words = { ...base, ...later };
