/** 繁體中文：錯過的內容、摘要、移交圈子。 */
import type { Words } from "../en";

export const own: Words["own"] = {
  missed: {
    title: "你錯過的直播",
    answered: (n) => `回答了 ${n} 個提問`,
    mentions: (n) => `提到你 ${n} 次`,
    recap: "看回顧",
    summary: "看總結",
    away: "收起",
  },
  digest: {
    title: "摘要郵件",
    say: "把你沒看到的內容彙成一封信：錯過的直播、關注的話題、提到你的訊息。",
    options: { never: "不寄", daily: "每天", weekly: "每週一" },
    stopTitle: "不再寄摘要？",
    stopSay: "其他郵件和推播不受影響。",
    stop: "不再寄摘要",
    stopped: "以後不會再寄摘要",
  },
  owner: {
    title: "移交圈子",
    say: "讓另一位成員馬上成為圈主，你留下來做管理員。",
    act: "移交",
    who: "交給誰",
    find: "依名字查找",
    nobody: "沒有叫這個名字的成員。",
    password: "你的密碼",
    wrong: "密碼不對。",
    warn: (name) => `之後 ${name} 擁有全部權限，也只有 ${name} 能再交還給你。你們兩位都會收到通知和郵件。`,
    doneTitle: "已移交",
    done: (name) => `${name} 現在是圈主，你是管理員。`,
    close: "知道了",
    kinds: {
      owner: (who) => `${who} 把圈子移交給了你，你現在是圈主`,
      handed: (who) => `你移交了圈子，${who} 現在是圈主`,
    },
  },
};
