/** 简体中文：谁对谁做了什么。 */
import type { Words } from "../en";

export const audit: Words["audit"] = {
  title: "审计记录",
  say: "谁对谁做了什么、为什么。记录只增不改：有人改动过，weiquan audit verify 会指出来。",
  none: "还没有需要处理的事。",
  ownTitle: "对我的处理",
  ownSay: "管理员和主持人对你、对你发的内容做了什么，以及原因。只有你和他们看得到。",
  ownNone: "没有对你的处理。",
  until: (when) => `到 ${when}`,
  did: {
    mute: (by, whom) => `${by} 禁言了 ${whom}`,
    unmute: (by, whom) => `${by} 解除了 ${whom} 的禁言`,
    kick: (by, whom) => `${by} 把 ${whom} 移出了房间`,
    ban: (by, whom) => `${by} 封禁了 ${whom}`,
    unban: (by, whom) => `${by} 解除了 ${whom} 的封禁`,
    delete: (by, whom) => `${by} 删除了 ${whom} 的消息`,
    undelete: (by, whom) => `${by} 恢复了 ${whom} 的消息`,
    hold: (by, whom) => `${by} 把 ${whom} 的消息转去审核`,
    allow: (by, whom) => `${by} 让 ${whom} 的消息通过了审核`,
    refuse: (by, whom) => `${by} 没有让 ${whom} 的消息通过审核`,
    co_host: (by, whom) => `${by} 请 ${whom} 联合主持`,
    no_co_host: (by, whom) => `${by} 不再让 ${whom} 联合主持`,
    role: (by, whom) => `${by} 改了 ${whom} 的身份`,
    slow_mode: (by) => `${by} 设了慢速模式`,
    mode: (by) => `${by} 改了谁可以发言`,
    rules: (by) => `${by} 改了词语和链接的规则`,
    stream_key: (by) => `${by} 生成了一个推流密钥`,
    revoke_stream_key: (by) => `${by} 作废了一个推流密钥`,
    sign_out_everywhere: (by) => `${by} 在所有设备上退出了登录`,
  },
};
