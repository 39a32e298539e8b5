/** 简体中文，全部词语。 */
import type { Words } from "../en";
import { base } from "./zh-CN";
import { boards, talk, topic } from "./talk";

export const zhCN: Words = { ...base, boards, talk, topic };
