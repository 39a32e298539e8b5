/** 繁體中文：直播裡的時刻，和內文裡的圖片、語音。 */
import type { media as englishMedia, moment as englishMoment } from "../en/moment";

export const moment: typeof englishMoment = {
  here: "聊這一刻",
  start: "聊聊這一刻",
  startHere: "挑一個時刻，發起話題",
  moments: "時刻",
  count: (n) => `聊到這場直播的話題有 ${n} 個`,
  when: "直播的哪一刻",
  earlier: (s) => `提前 ${s} 秒`,
  later: (s) => `延後 ${s} 秒`,
  titleAt: (at, broadcast) => `${at} · ${broadcast}`,
  textHint: "剛才說到了什麼？你怎麼看？",
  membersOnly: "這裡只有成員能看，話題也只給成員看。",
  started: "發出去了。直播結束後，回顧裡會依時間找到它。",
  stay: "繼續看直播",
  read: "去看話題",
  at: (at, broadcast) => `直播「${broadcast}」的 ${at}`,
  inText: "時刻：",
};

export const media: typeof englishMedia = {
  add: "加圖片或語音",
  picture: "圖片",
  voice: "語音",
  tooMany: (most) => `一段內文最多放 ${most} 個。`,
  notHere: "內文裡可以放圖片和語音。",
  voiceAlt: (length) => `語音 ${length}`,
  voiceOf: "語音",
  list: "內文裡的",
  remove: (name) => `移除 ${name}`,
};
