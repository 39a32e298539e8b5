import { readFileSync } from "node:fs";
import type { ActCard, Person } from "@weiquan/client";
import { describe, expect, it } from "vitest";
import { detail, headline } from "../src/audit/words";
import { en, type Words } from "../src/i18n/en";
import { zhCN } from "../src/i18n/zh-CN";
import { zhTW } from "../src/i18n/zh-TW";

const mo: Person = { id: "m_mo", name: "Mo", mark: "moderator" };
const wu: Person = { id: "m_wu", name: "Wu", mark: "member" };
const act = (what: string, why = ""): ActCard => ({ number: 1, at_ms: 0, room: "tie", by: mo, what, whom: wu, why, until_ms: null });

/** Every kind that the server writes down, as its own source says it. */
const server = new URL("../../../src/", import.meta.url);
const source = ["community/room/acts.rs", "http/members.rs", "http/handing.rs", "http/stream_keys.rs", "http/accounts.rs", "http/passwords.rs", "reload.rs", "operate/restore.rs", "operate/import/mod.rs", "http/exports.rs", "cli_exports.rs"]
  .map((it) => readFileSync(new URL(it, server), "utf8")).join("\n");
const room = [...source.matchAll(/act\.what = ([^;]+);|\(act\.what, act\.whom\) = \(("\w+")/g)].map((it) => it[1] ?? it[2] ?? "");
const rest = [...source.matchAll(/\bact\((?:&[^"]+, |by, )?("\w+")/g)].map((it) => it[1] ?? "");
const erased = readFileSync(new URL("store/rows/audit.rs", server), "utf8").match(/ERASED: &str = ("\w+")/)?.[1] ?? "";
const kinds = [...new Set([...room, ...rest, erased].flatMap((it) => [...it.matchAll(/"(\w+)"/g)].map((found) => found[1] ?? "")))].sort();

describe("the audit log", () => {
  it("has words for every kind that the server writes", () => {
    expect(kinds).toContain("mute");
    expect(kinds).toContain("sign_out_everywhere");
    expect(kinds).toContain("erase_account");
    expect(kinds).toEqual(Object.keys(en.audit.did).sort());
  });

  it("says a kind from later as it is written", () => {
    expect(headline(act("freeze"), en)).toBe("Mo freeze Wu");
    expect(detail(act("freeze", "too hot"), en)).toEqual({ kind: "said", text: "too hot" });
  });

  const set: [string, string, Words, string][] = [
    ["slow_mode", "3000 ms", en, "One message every 3 s"],
    ["slow_mode", "90000 ms", en, "One message every 90 s"],
    ["slow_mode", "300000 ms", zhCN, "每 5 分钟一条"],
    ["slow_mode", "1500 ms", zhTW, "每 1.5 秒一則"],
    ["slow_mode", "0 ms", en, "No fixed gap between messages"],
    ["rules", "refuse 3, hold 2, links hold", en, "Words refused: 3, words held: 2, links: Held"],
    ["rules", "refuse 0, hold 12, links members", zhCN, "拒绝 0 个词，待审 12 个词，链接：仅成员"],
    ["mode", "questions", zhTW, zhTW.modes.questions],
    ["topic", "locked", en, "Locked"],
    ["topic", "board help", zhCN, "版块：help"],
    ["topic", "status declined 人手不够", zhCN, "不采纳 · 人手不够"],
    ["topic", "status planned ", en, "Planned"],
    ["topic", "accepted #5", zhTW, "採納了第 5 則訊息"],
    ["topic", "title When?", en, "Title, before: When?"],
    ["role", "moderator", zhCN, "管理"],
    ["role", "member", en, "Member"],
  ];
  it.each(set)("%s %j is said in the reader's language", (what, why, words, text) => {
    expect(detail(act(what, why), words)).toEqual({ kind: "set", text });
  });

  it("leads to the message that was deleted or taken out", () => {
    expect(detail(act("delete", "#1204"), en)).toEqual({ kind: "message", seq: 1204 });
    expect(detail(act("hold", "#7"), en)).toEqual({ kind: "message", seq: 7 });
    expect(detail(act("mute", "#7"), en), "a reason that looks like one is a reason").toEqual({ kind: "said", text: "#7" });
  });

  it.each([["rules", "refuse 3, hold 2"], ["rules", "refuse 3, hold 2, links later"], ["slow_mode", "soon"], ["mode", "label_of_later"], ["role", "toString"]])(
    "%s %j, a form from later, is shown as it is written", (what, why) => {
      expect(detail(act(what, why), en)).toEqual({ kind: "said", text: why });
    });

  it("adds nothing where nothing was said", () => expect(detail(act("allow"), en)).toBeUndefined());
});
