/** The stand-in circle's audit log: a line of every kind, and enough for a second page. */
import type { ActCard, ActList } from "@weiquan/client";
import { chen, lin, mo, wu, yang } from "./people";

const HOUR = 3_600_000;
const PAGE = 20;
const LINES = 30;

function line(n: number, what: string, more: Partial<ActCard> = {}): ActCard {
  return { number: 100 - n, at_ms: Date.now() - n * 3 * HOUR - 60_000, room: "tie", by: mo, what, whom: wu, why: "", until_ms: null, ...more };
}

/** Whoever has the machine; no account. */
const operator: ActCard["by"] = { id: "operator", name: "operator", mark: "member" };

const named: readonly ActCard[] = [
  line(0, "mute", { why: "刷屏", until_ms: Date.now() + HOUR / 6 }),
  line(1, "hold", { why: "#1204" }),
  line(2, "allow", { whom: yang }),
  line(3, "delete", { why: "#1188", whom: yang }),
  line(4, "undelete", { whom: yang }),
  line(5, "rules", { whom: null, by: lin, why: "refuse 3, hold 2, links hold" }),
  line(6, "slow_mode", { whom: null, why: "3000 ms" }),
  line(7, "ban", { why: "冒充圈主收费，加微信转账，请大家不要相信" }),
  line(8, "role", { by: lin, whom: mo, why: "moderator", room: null }),
  line(9, "co_host", { by: lin, whom: chen }),
  line(10, "revoke_stream_key", { by: lin, whom: null, why: "OBS 书房", room: "tie" }),
  line(11, "sign_out_everywhere", { by: chen, whom: null, room: null }),
  line(12, "mode", { whom: null, why: "questions", until_ms: Date.now() - 12 * 3 * HOUR + 540_000 }),
  line(13, "slow_mode", { whom: null, by: lin, why: "0 ms" }),
  line(14, "refuse", { why: "请把广告发到集市版块" }),
  line(15, "reload", { by: operator, whom: null, why: "auth.sign_up, log.level", room: null }),
  line(16, "restore", { by: operator, whom: null, why: "2026-11-27 12:00:00 UTC", room: null }),
  line(17, "export", { by: lin, whom: null, why: "circle", room: null }),
  line(18, "import", { by: operator, whom: null, why: "topic weekend", room: null }),
  line(19, "password_link", { by: operator, whom: null, why: "Wu", room: null }),
];
const all = [...named, ...Array.from({ length: LINES - named.length }, (_, n) => line(named.length + n, "mute", { why: "广告" }))];

export function actsPage(own: boolean, before = Infinity): ActList {
  const fitting = all.filter((it) => it.number < before && (!own || it.whom?.id === wu.id)).slice(0, own ? 3 : PAGE);
  const last = fitting.at(-1)?.number ?? 0;
  return { acts: fitting, next: !own && all.some((it) => it.number < last) ? last : null };
}
