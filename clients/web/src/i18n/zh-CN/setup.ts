/** 简体中文：服务器第一次启动，圈主只见一次。 */
import type { Words } from "../en";

export const setup: Words["setup"] = {
  step: (n, of) => `第 ${n} 步，共 ${of} 步`,
  accountTitle: "先建你的账号",
  accountSay: "它就是圈主，只有你能用它登录。",
  circleTitle: "圈子叫什么？",
  circleSay: "读书会、团队、街坊邻居都行，大家最先看到的就是它。",
  circleName: "圈子的名字",
  circleHint: "读书会",
  next: "下一步",
  make: "建好圈子",
  doneTitle: (circle) => `${circle}建好了`,
  doneSay: "现在就开直播，或者先四处看看。",
  goLive: "开直播",
  look: "先看看",
  needLinkTitle: "就差一步",
  needLinkSay: "服务器启动时打印了一个一次性链接，打开它就能建圈子。",
  needLinkAgain: "链接只能用一次。圈子建好之前，重启服务器会得到新的链接。",
  nameMissing: "请写一个名字。",
};
