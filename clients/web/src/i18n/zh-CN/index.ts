/** 简体中文，全部词语。 */
import type { Words } from "../en";
import { base } from "./zh-CN";
import { later } from "./later";

export const zhCN: Words = { ...base, ...later };
