/** 简体中文：说过的话，打包带走。 */
import type { Words } from "../en";

export const exports: Words["exports"] = {
  mine: "我的数据",
  mineSay: "你写过、发起过、点赞过、上传过的一切，以及这里存着的关于你的内容：一个 zip，不用本站也能读。",
  download: "下载",
  topic: "导出话题",
  board: "导出版块和其中的话题",
  circle: "导出圈子",
  circleSay: "房间、话题、成员和图片都在一个 zip 里，另一台服务器用 weiquan import 导入。里面没有密码。",
  broadcast: "导出这场直播",
};
