/** 简体中文：注销账号。 */
import type { erase as english } from "../en/erase";

export const erase: typeof english = {
  title: "注销账号",
  say: "马上生效，不能恢复，我们也找不回来。",
  goes: "会消失的",
  goesAll: {
    name: "你的名字：每个页面、每个房间、每份名单里都不再出现",
    access: "密码和所有登录、邮箱、推送、通知和提醒",
    keys: "你的推流密钥：正在用它的编码器会停下来",
  },
  stays: "会留下的",
  staysAll: {
    counts: "点赞、投票和各种数字，它们不透露你是谁",
    others: "别人写的内容，包括他们自己打出的你的名字",
    titles: "话题和直播的标题，这样回复才读得懂",
  },
  takeFirst: "先下载我的数据",
  writings: "你写过的内容",
  keep: "留下，不带名字",
  keepSay: "话题保持完整，你的名字处显示“已注销”。",
  remove: "一起删除",
  removeSay: "你的每条消息连同图片都会删除，别人的回复留在原处。",
  confirm: (name: string) => `输入你的名字确认：${name}`,
  wrongName: "这不是你在这里的名字。",
  current: "你的密码",
  currentWrong: "密码不对。",
  lastOwner: "你是这个圈子唯一的圈主，注销后它就没有主人了。请先到成员页把圈子移交给别人。",
  act: "永久注销",
  stay: "不注销了",
  doneTitle: "你已离开",
  doneSay: "账号已经注销，你的名字不再出现在任何页面上。谢谢你来过。",
  doneKeep: "你写过的内容还在，不再带名字。",
  doneRemove: "你写过的内容正在删除，圈子大的话需要几分钟。",
  home: "回到圈子",
  signedOut: "登录后才能注销账号。",
};
