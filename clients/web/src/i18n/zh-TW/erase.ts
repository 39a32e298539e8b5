/** 繁體中文：註銷帳號。 */
import type { erase as english } from "../en/erase";

export const erase: typeof english = {
  title: "註銷帳號",
  say: "馬上生效，無法復原，我們也找不回來。",
  goes: "會消失的",
  goesAll: {
    name: "你的名字：每個頁面、每個房間、每份名單裡都不再出現",
    access: "密碼和所有登入、電子信箱、推播、通知和提醒",
    keys: "你的推流金鑰：正在用它的編碼器會停下來",
  },
  stays: "會留下的",
  staysAll: {
    counts: "按讚、投票和各種數字，它們不透露你是誰",
    others: "別人寫的內容，包括他們自己打出的你的名字",
    titles: "話題和直播的標題，這樣回覆才讀得懂",
  },
  takeFirst: "先下載我的資料",
  writings: "你寫過的內容",
  keep: "留下，不帶名字",
  keepSay: "話題保持完整，你的名字處顯示「已註銷」。",
  remove: "一起刪除",
  removeSay: "你的每則訊息連同圖片都會刪除，別人的回覆留在原處。",
  confirm: (name: string) => `輸入你的名字確認：${name}`,
  wrongName: "這不是你在這裡的名字。",
  current: "你的密碼",
  currentWrong: "密碼不對。",
  lastOwner: "你是這個圈子唯一的圈主，註銷後它就沒有主人了。請先到成員頁把圈子移交給別人。",
  act: "永久註銷",
  stay: "不註銷了",
  doneTitle: "你已離開",
  doneSay: "帳號已經註銷，你的名字不再出現在任何頁面上。謝謝你來過。",
  doneKeep: "你寫過的內容還在，不再帶名字。",
  doneRemove: "你寫過的內容正在刪除，圈子大的話需要幾分鐘。",
  home: "回到圈子",
  signedOut: "登入後才能註銷帳號。",
};
