/** 繁體中文：伺服器第一次啟動，圈主只見一次。 */
import type { Words } from "../en";

export const setup: Words["setup"] = {
  step: (n, of) => `第 ${n} 步，共 ${of} 步`,
  accountTitle: "先建立你的帳號",
  accountSay: "它就是圈主，只有你能用它登入。",
  circleTitle: "圈子叫什麼？",
  circleSay: "讀書會、團隊、街坊鄰居都行，大家最先看到的就是它。",
  circleName: "圈子的名字",
  circleHint: "讀書會",
  next: "下一步",
  make: "建立圈子",
  doneTitle: (circle) => `${circle}建好了`,
  doneSay: "現在就開直播，或是先四處看看。",
  goLive: "開直播",
  look: "先看看",
  needLinkTitle: "就差一步",
  needLinkSay: "伺服器啟動時印出了一個一次性連結，打開它就能建立圈子。",
  needLinkAgain: "連結只能用一次。圈子建好之前，重新啟動伺服器會得到新的連結。",
  nameMissing: "請寫一個名字。",
};
