/** Cards, pictures and a summary for the stand-in. */
import type { Card, Ended, Missed, MessageView, Person, Summary } from "@weiquan/client";
import { bei, lin, wu, yang, zhou } from "./people";

const HILLS = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 360"><rect width="640" height="360" fill="#f1dcc0"/><circle cx="430" cy="120" r="40" fill="#f7ead2"/><path d="M0 230 Q160 150 320 220 T640 200 V360 H0Z" fill="#8fa79a"/><path d="M0 290 Q200 210 400 280 T640 260 V360 H0Z" fill="#476a58"/></svg>`;
const COVER = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 96 96"><rect width="96" height="96" fill="#c93a26"/><circle cx="48" cy="48" r="22" fill="none" stroke="#fff" stroke-width="6"/></svg>`;

const drawn = new Map<string, string>();

/** Under the policy of the page, a picture is the server's own or made here. */
export function drawing(id: string): string {
  const known = drawn.get(id) ?? URL.createObjectURL(new Blob([id.startsWith("c") ? COVER : HILLS], { type: "image/svg+xml" }));
  drawn.set(id, known);
  return known;
}

/** Kept under a name of its own, as a server would. */
export function uploaded(bytes: Blob): string {
  const name = `v${drawn.size}`.padEnd(64, "0");
  drawn.set(name, URL.createObjectURL(bytes));
  return name;
}

const id = (letter: string): string => letter.repeat(64);

export const product: Card = { kind: "product", title: "《大连接》签名本", price: "¥68", url: "https://example.org/book", image: id("c") };

type Say = (author: Person, text: string, more?: Partial<MessageView>) => MessageView;

export function withThings(said: Say): MessageView[] {
  const peaks = Array.from({ length: 48 }, (_, n) => Math.round(30 + 60 * Math.abs(Math.sin(n * 1.7) * Math.cos(n / 5))));
  return [
    said(bei, "[图片] 从窗口看出去", { card: { kind: "image", blob: id("a"), w: 1280, h: 720, alt: "山丘上的太阳" } }),
    said(wu, "[语音]", { card: { kind: "voice", blob: id("b"), duration_ms: 7_400, peaks } }),
    said(zhou, "[文件] 弱关系.pdf", { card: { kind: "file", blob: id("d"), name: "弱关系的力量（中译本，2026 年校订）.pdf", bytes: 2_340_000 } }),
    said(lin, "[链接] https://example.org/weak-ties", { card: { kind: "link", url: "https://example.org/weak-ties", title: "The strength of weak ties" } }),
    said(lin, "[商品] 今晚下单送书签", { card: product }),
    said(lin, "[活动] 线下共读", { card: { kind: "event", title: "线下共读：第四夜", starts_ms: Date.now() + 3 * 86_400_000, place: "深圳 · 旧天堂书店" } }),
    // Of a kind that this version does not know: the text says it.
    said(yang, "[地图] 我们在这里集合", { card: { kind: "map" } as unknown as Card }),
  ];
}

const broadcast = { id: "b_1", phase: "ended", title: "《大连接》共读第三夜：弱关系为什么更有用", host: lin, live_ms: Date.now() - 2 * 3_600_000 } as const;

export const summary: Summary = {
  room: "ended", room_title: "共读", broadcast, ended_ms: Date.now() - 1_800_000, played_ms: 5_412_000, peak: 2_148, people: 3_406,
  average_ms: 1_694_000, messages: 1_287, hearts: [{ kind: "❤", n: 41_230 }, { kind: "👏", n: 1_204 }],
  answered: [{ of: 101, text: "书里“三度影响力”的数据，今天的短视频平台上还成立吗？", author: zhou, pos: 754_000 }, { of: 102, text: "上一夜的回顾在哪里看？", author: yang, pos: 2_660_000 }],
  pins: [{ of: 105, text: "[商品] 今晚下单送书签", author: lin, card: product, pos: 3_120_000 }],
  polls: [{ seq: 104, pos: 1_800_000, question: "下一夜读哪一章？", options: [{ text: "第五章 网络", votes: 61 }, { text: "第六章 社会资本", votes: 23 }, { text: "都行", votes: 4 }], voters: 88 }],
  moments: [
    { topic: { room: "seconds", title: "“先请人喝杯咖啡再开口”，你们做过吗？" }, second: 754, by: yang, replies: 6 },
    { topic: { room: "exchange", title: "第五章的图在哪一页？" }, second: 2_661, by: wu, replies: 0 },
    { topic: { room: "weakties", title: "弱关系到底“弱”在哪里：这一段值得单独聊聊，书里和林小满说的不太一样" }, second: 4_980, by: zhou, replies: 12 },
  ],
  host: { talkers: 214, watched_ms: 96_000_000 },
};

export const missed: Missed[] = [
  {
    room: "ended", room_title: "夜读", broadcast, ended_ms: Date.now() - 1_800_000, played_ms: 5_412_000,
    recap: { room: "recap", title: "回顾" }, answered: 4, mentions: 1,
  },
  {
    room: "ended", room_title: "夜读", broadcast: { ...broadcast, id: "b0", title: "如何读一本难读的书" }, ended_ms: Date.now() - 3 * 86_400_000,
    played_ms: 3_120_000, recap: null, answered: 0, mentions: 0,
  },
];
export const lately: Ended[] = [{ room: "ended", broadcast, ended_ms: Date.now() - 1_800_000, played_ms: 5_412_000, people: 3_406 }];
