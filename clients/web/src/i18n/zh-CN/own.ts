/** 简体中文：错过的内容、摘要、移交圈子。 */
import type { Words } from "../en";

export const own: Words["own"] = {
  missed: {
    title: "你错过的直播",
    answered: (n) => `回答了 ${n} 个提问`,
    mentions: (n) => `提到你 ${n} 次`,
    recap: "看回顾",
    summary: "看总结",
    away: "收起",
  },
  digest: {
    title: "摘要邮件",
    say: "把你没看到的内容汇成一封信：错过的直播、关注的话题、提到你的消息。",
    options: { never: "不寄", daily: "每天", weekly: "每周一" },
    stopTitle: "不再寄摘要？",
    stopSay: "其他邮件和推送不受影响。",
    stop: "不再寄摘要",
    stopped: "以后不会再寄摘要",
  },
  owner: {
    title: "移交圈子",
    say: "让另一位成员马上成为圈主，你留下来做管理员。",
    act: "移交",
    who: "交给谁",
    find: "按名字查找",
    nobody: "没有叫这个名字的成员。",
    password: "你的密码",
    wrong: "密码不对。",
    warn: (name) => `之后 ${name} 拥有全部权限，也只有 ${name} 能再交还给你。你们两位都会收到通知和邮件。`,
    doneTitle: "已移交",
    done: (name) => `${name} 现在是圈主，你是管理员。`,
    close: "知道了",
    kinds: {
      owner: (who) => `${who} 把圈子移交给了你，你现在是圈主`,
      handed: (who) => `你移交了圈子，${who} 现在是圈主`,
    },
  },
};
