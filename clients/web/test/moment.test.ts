import type { Broadcast, MessageView } from "@weiquan/client";
import { describe, expect, it, vi } from "vitest";
import { countIn, inWords, lengthen, placedIn, put, shorten, withAlt, without, written } from "../src/topic/media";

vi.stubGlobal("location", { pathname: "/", search: "", origin: "https://live.example.org" });
const { momentNow, momentPath, playedMs, REACTION_MS, secondIn } = await import("../src/moment/moment");

const LIVE_MS = 1_795_000_000_000;
const broadcast = (more: Partial<Broadcast> = {}): Broadcast => ({ id: "b1", phase: "live", title: "读书会", host: { id: "m_a", name: "小安", mark: "host" }, live_ms: LIVE_MS, ...more });
const said = (at: number, pos: number | null) => ({ at, pos }) as MessageView;

describe("this moment", () => {
  it("is told from what was said last while live, and else from when it went live", () => {
    const now = LIVE_MS + 100_000;
    expect(playedMs({ broadcast: broadcast(), messages: [] }, now)).toBe(100_000);
    // It was paused for 40 s before that was said.
    const messages = [said(LIVE_MS + 50_000, 10_000), said(LIVE_MS + 60_000, null)];
    expect(playedMs({ broadcast: broadcast(), messages }, now)).toBe(60_000);
    expect(playedMs({ broadcast: broadcast({ phase: "paused" }), messages }, now)).toBe(10_000);
    // What was said in another broadcast tells nothing of this one.
    expect(playedMs({ broadcast: broadcast(), messages: [said(LIVE_MS - 1, 900_000)] }, now)).toBe(100_000);
  });

  it("begins a little before the button is pressed, and never before the beginning", () => {
    const at = (ms: number) => momentNow({ broadcast: broadcast(), messages: [] }, LIVE_MS + ms);
    expect(at(100_000)).toBe((100_000 - REACTION_MS) / 1_000);
    expect(at(REACTION_MS - 1)).toBe(0);
    expect(at(-5_000)).toBe(0);
  });

  it("is none where nothing was played", () => {
    expect(momentNow({ broadcast: null, messages: [] }, LIVE_MS)).toBeUndefined();
    const { live_ms: _, ...open } = broadcast({ phase: "open" });
    expect(momentNow({ broadcast: open, messages: [] }, LIVE_MS)).toBeUndefined();
  });

  it("has an address that names its second", () => {
    const path = momentPath({ room: "hall", id: "b1-e-2", second: 754 });
    expect(path).toBe("/r/hall/b/b1-e-2#t=754");
    expect(secondIn(path.slice(path.indexOf("#")))).toBe(754);
    for (const odd of ["", "#t=", "#t=-1", "#t=1e3", "#t=12345678", "#s=1"]) expect(secondIn(odd)).toBeUndefined();
  });
});

describe("pictures in a text", () => {
  const A = "a".repeat(64);
  const B = "b".repeat(64);

  it("are found where Markdown names them, each counted once", () => {
    const text = `一\n\n${written(A, "海 [边]")}\n\n${written(B, "")}\n\n${written(A, "x")}`;
    expect(placedIn(text).map(({ blob, alt }) => [blob, alt])).toEqual([[A, "海 [边]"], [B, ""], [A, "x"]]);
    expect(countIn(text)).toBe(2);
    expect(placedIn(`![x](https://elsewhere.example/${A}) [y](/api/v1/blobs/${A}) ![z](/api/v1/blobs/short)`)).toEqual([]);
  });

  it("stand in a paragraph of their own where the cursor was, which stands behind them then", () => {
    const whole = (text: string, at: number) => {
      const after = put(text, at, A, "海");
      return `${after.text.slice(0, after.at)}|${after.text.slice(after.at)}`.replace(written(A, "海"), "!");
    };
    expect(whole("", 0)).toBe("!\n\n|");
    expect(whole("前后", 1)).toBe("前\n\n!\n\n|后");
    expect(whole("前\n后", 2)).toBe("前\n\n!\n\n|后");
    expect(whole("前\n\n\n后", 3)).toBe("前\n\n!\n|\n后");
    expect(whole("前 ", 2)).toBe("前\n\n!\n\n|");
  });

  it("have short names where one writes, and long ones again before they are kept", () => {
    const text = `前\n\n${written(A, "海 [边]")}\n\n[链接](/api/v1/blobs/${A})`;
    const short = shorten(text);
    expect(short).toBe(`前\n\n![海 \\[边\\]](…aaaaaaaa)\n\n[链接](/api/v1/blobs/${A})`);
    expect(lengthen(short)).toBe(text);
    expect(lengthen("![x](…0123abcd)")).toBe("![x](…0123abcd)");
    // Another one that begins alike keeps its whole name.
    const like = written(`aaaaaaaa${"c".repeat(56)}`, "");
    expect(shorten(like)).toBe(like);
  });

  it("are words where there is one line for all of it", () => {
    expect(inWords(`看 ${written(A, "海 [边]")} ${written(B, "")}`, "图片")).toBe("看 [海 [边]] [图片]");
  });

  it("are told in other words, and taken out with the lines that they leave empty", () => {
    const text = `前\n\n${written(A, "")}\n\n后`;
    const [it] = placedIn(text);
    if (!it) throw new Error("it is there");
    expect(placedIn(withAlt(text, it, "山] \n顶"))[0]?.alt).toBe("山] 顶");
    expect(without(text, it)).toBe("前\n\n后");
    const alone = written(A, "x");
    const [only] = placedIn(alone);
    if (!only) throw new Error("it is there");
    expect(without(alone, only)).toBe("");
  });
});
