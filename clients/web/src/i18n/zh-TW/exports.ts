/** 繁體中文：說過的話，打包帶走。 */
import type { Words } from "../en";

export const exports: Words["exports"] = {
  mine: "我的資料",
  mineSay: "你寫過、發起過、按讚過、上傳過的一切，以及這裡存著的關於你的內容：一個 zip，不用本站也能讀。",
  download: "下載",
  topic: "匯出話題",
  board: "匯出版塊和其中的話題",
  circle: "匯出圈子",
  circleSay: "房間、話題、成員和圖片都在一個 zip 裡，另一台伺服器用 weiquan import 匯入。裡面沒有密碼。",
  broadcast: "匯出這場直播",
};
