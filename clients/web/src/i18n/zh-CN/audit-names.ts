/** 简体中文：审计记录的页面在各处的叫法。 */
export const names = { title: "审计记录", ownTitle: "对我的处理" };
