/** 繁體中文：誰對誰做了什麼。 */
import type { Words } from "../en";

export const audit: Words["audit"] = {
  title: "稽核紀錄",
  say: "誰對誰做了什麼、為什麼。紀錄只增不改：有人改動過，weiquan audit verify 會指出來。",
  none: "還沒有需要處理的事。",
  ownTitle: "對我的處理",
  ownSay: "管理員和主持人對你、對你發的內容做了什麼，以及原因。只有你和他們看得到。",
  ownNone: "沒有對你的處理。",
  until: (when) => `到 ${when}`,
  did: {
    mute: (by, whom) => `${by} 禁言了 ${whom}`,
    unmute: (by, whom) => `${by} 解除了 ${whom} 的禁言`,
    kick: (by, whom) => `${by} 把 ${whom} 移出了房間`,
    ban: (by, whom) => `${by} 封鎖了 ${whom}`,
    unban: (by, whom) => `${by} 解除了 ${whom} 的封鎖`,
    delete: (by, whom) => `${by} 刪除了 ${whom} 的訊息`,
    undelete: (by, whom) => `${by} 恢復了 ${whom} 的訊息`,
    hold: (by, whom) => `${by} 把 ${whom} 的訊息轉去審核`,
    allow: (by, whom) => `${by} 讓 ${whom} 的訊息通過了審核`,
    refuse: (by, whom) => `${by} 沒有讓 ${whom} 的訊息通過審核`,
    co_host: (by, whom) => `${by} 請 ${whom} 聯合主持`,
    no_co_host: (by, whom) => `${by} 不再讓 ${whom} 聯合主持`,
    role: (by, whom) => `${by} 改了 ${whom} 的身分`,
    slow_mode: (by) => `${by} 設了慢速模式`,
    mode: (by) => `${by} 改了誰可以發言`,
    rules: (by) => `${by} 改了詞語和連結的規則`,
    stream_key: (by) => `${by} 產生了一個串流金鑰`,
    revoke_stream_key: (by) => `${by} 撤銷了一個串流金鑰`,
    sign_out_everywhere: (by) => `${by} 在所有裝置上登出了`,
  },
};
