/** 简体中文：直播里的时刻，和正文里的图片、语音。 */
import type { media as englishMedia, moment as englishMoment } from "../en/moment";

export const moment: typeof englishMoment = {
  here: "聊这一刻",
  start: "聊聊这一刻",
  startHere: "挑一个时刻，发起话题",
  moments: "时刻",
  count: (n) => `聊到这场直播的话题有 ${n} 个`,
  when: "直播的哪一刻",
  earlier: (s) => `提前 ${s} 秒`,
  later: (s) => `推后 ${s} 秒`,
  titleAt: (at, broadcast) => `${at} · ${broadcast}`,
  textHint: "刚才说到了什么？你怎么看？",
  membersOnly: "这里只有成员能看，话题也只给成员看。",
  started: "发出去了。直播结束后，回顾里会按时间找到它。",
  stay: "接着看直播",
  read: "去看话题",
  at: (at, broadcast) => `直播“${broadcast}”的 ${at}`,
  inText: "时刻：",
};

export const media: typeof englishMedia = {
  add: "加图片或语音",
  picture: "图片",
  voice: "语音",
  tooMany: (most) => `一段正文最多放 ${most} 个。`,
  notHere: "正文里可以放图片和语音。",
  voiceAlt: (length) => `语音 ${length}`,
  voiceOf: "语音",
  list: "正文里的",
  remove: (name) => `移除 ${name}`,
};
