/** 繁體中文：稽核紀錄的頁面在各處的叫法。 */
export const names = { title: "稽核紀錄", ownTitle: "對我的處理" };
