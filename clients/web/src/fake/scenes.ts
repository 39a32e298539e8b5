/** What is in each stand-in room: its slug names its state. */
import type { Broadcast, HeldItem, MessageView, NoticeView, Person, Phase, PollView, RoomCard, RoomView, Verb } from "@weiquan/client";
import { topicScene } from "./talk";
import { product, withThings } from "./things";
import { bei, chen, everybody, lin, mo, mu, self, wu, yang, zhou } from "./people";

const MINUTE = 60_000;
export const start = Date.now();

function broadcast(phase: Phase, title: string, host: Person = lin): Broadcast {
  return {
    id: `b_${title.length}`, phase, title, host,
    ...(phase === "scheduled" ? { starts_ms: start + 150 * MINUTE } : {}),
    ...(phase === "live" || phase === "paused" || phase === "ended" ? { live_ms: start - 42 * MINUTE } : {}),
  };
}

const TITLE = "《大连接》共读第三夜：弱关系为什么更有用";

function card(slug: string, title: string, count: number, made_by: Person, on: Broadcast | null, guests = true): RoomCard {
  return { slug, a: 7, title, guests, made_by, count, broadcast: on };
}

export const cards: RoomCard[] = [
  card("live", "共读", 2148, lin, broadcast("live", TITLE)),
  card("audio", "深夜电台", 96, mu, broadcast("live", "深夜电台：读一封读者来信", mu)),
  card("open", "书友夜聊", 12, zhou, broadcast("open", "书友夜聊：你最近在读什么", zhou)),
  card("scheduled", "周末放映", 3, yang, broadcast("scheduled", "周末放映：一部关于图书馆的纪录片", yang)),
  card("lobby", "大厅", 38, mo, null),
  card("long", "翻译小组", 4, chen, null, false),
  card("idle", "读书笔记互助 Reading Notes", 0, wu, null),
];

let seq = 0;
let at = start - 8 * MINUTE;

function said(author: Person, text: string, more: Partial<MessageView> = {}): MessageView {
  seq += 1;
  at += 17_000;
  return {
    key: `s${seq}`, seq, author, mine: author.id === self?.id, text, doc: null, at, pos: 2_300_000 + seq * 17_000, edited: false,
    deleted: false, re: null, question: null, card: null, likes: 0, liked: false, replies: 0, root: null, to: [], delivery: { state: "sent" }, change: null, ...more,
  };
}

const POLL: PollView = {
  seq: 140, by: lin, question: "下一夜读哪一章？", options: ["第四章：情感的传染", "第五章：钱从哪里来", "都行，跟着读"], multiple: false,
  closes: start + 4 * MINUTE, open: true, n: [86, 51, 12], voters: 149, mine: [0],
};

/** The talk with likes, a thread, and two polls: one open, one over. */
function lifely(): MessageView[] {
  return talk().map((it, n) => ({ ...it, ...(n === 3 ? { likes: 48, liked: true, replies: 6 } : n === 4 ? { likes: 7 } : {}) }));
}

const polled = (): NoticeView[] => [
  {
    key: "p105", seq: 105, at: start - 7 * MINUTE, by: lin, kind: "poll",
    poll: { ...POLL, seq: 105, question: "你是从哪里听说的？", options: ["朋友", "书店"], open: false, closes: null, n: [61, 22], voters: 83, mine: [] },
  },
  { key: "p140", seq: 140, at: start - MINUTE, by: lin, kind: "poll", poll: POLL },
];

const me: Person = self ?? { id: "g_me", name: "访客 47", mark: "guest" };
const own = { mine: true, seq: null } as const;

export function talk(): MessageView[] {
  seq = 100;
  at = start - 8 * MINUTE;
  const asked = said(chen, "格兰诺维特那篇论文可以发一下吗");
  return [
    said(bei, "第一次来，讲得真清楚"),
    said(yang, "上一夜的回顾在哪里看？"),
    asked,
    said(lin, "结束后放在回顾里，和书单一起：https://example.org/weak-ties", {
      re: { seq: asked.seq ?? 0, author: chen, text: asked.text, deleted: false },
    }),
    said(wu, "弱关系 = 桥，这个比喻好记"),
    said(zhou, "书里“三度影响力”的数据，今天的短视频平台上还成立吗？", { edited: true }),
    said(bei, "", { deleted: true }),
    said(mo, "刷屏的朋友先缓一缓，慢速模式 10 秒"),
    said(yang, "深圳的朋友周六见！"),
    said(chen, "I moved here last year and every job I found came through someone I barely knew. The book explains why."),
    said(wu, "赞同"),
    { ...said(me, "想听听书友会怎么冷启动的"), ...own, key: "k1", delivery: { state: "pending" } },
    {
      ...said(me, "加我微信 abc12345"), ...own, key: "k2",
      delivery: { state: "refused", why: { code: "rate_limited", say: "", act: "retry", ms: 4000 }, again: null },
    },
  ];
}

/** The questions that wait, one of them being answered. */
function asked(): MessageView[] {
  const all = talk();
  const question = (n: number, text: string, phase: "asked" | "picked" = "asked"): MessageView => ({
    ...(all[n] as MessageView), text, question: phase, deleted: false,
  });
  return [
    question(5, "书里“三度影响力”的数据，今天的短视频平台上还成立吗？", "picked"),
    question(1, "上一夜的回顾在哪里看？"),
    question(9, "How do I find the weak ties I already have, without an app that counts them?"),
  ];
}

/** What waits for review, for each reason. */
export function heldItems(): HeldItem[] {
  const item = (s: number, u: Person, text: string, why: HeldItem["why"]): HeldItem => ({ s, t: start - (120 - s) * 20_000, u, text, why });
  return [
    item(112, yang, "加~微.信 ab12345，内部价，先到先得", "word"),
    item(113, chen, "回放在这里 shop。example。top/99", "link"),
    item(114, { id: "g_7", name: "访客 7F2A", mark: "guest" }, "大家好，我是新来的", "network"),
    { ...item(115, wu, "今晚八点隔壁也开播，欢迎来看", "person"), of: 105 },
  ];
}

/** A lively minute in which all goes well: what a picture of the app shows. */
function lively(): MessageView[] {
  const before = talk().slice(0, -2);
  return [
    ...before,
    said(zhou, "原来「认识的人认识的人」才是新消息的来路"),
    said(bei, "回放和书单会发在哪里？", { re: { seq: 104, author: lin, text: "结束后放在回顾里，和书单一起", deleted: false } }),
    said(lin, "今晚就发，聊天里会贴链接"),
    said(yang, "谢谢主持，下一夜见！"),
  ];
}

/** Ten thousand, of uneven length, for the check that only a few are in the page. */
function muchTalk(): MessageView[] {
  seq = 0;
  at = start - 10_000 * 17_000;
  const words = "关系把人连在一起而弱关系把圈子连在一起 weak ties connect circles ";
  return Array.from({ length: 10_000 }, (_, n) =>
    said(everybody[n % everybody.length] ?? lin, `${n + 1} ${words.slice(0, 6 + ((n * 37) % 60)).repeat(1 + ((n * 13) % 4))}`),
  );
}

const notices = (): NoticeView[] => [
  { key: "n1", seq: 108, at: start - 6 * MINUTE, by: mo, kind: "slow_mode", gapMs: 10_000 },
];

const viewer: Verb[] = ["watch", "talk", "react", "edit", "delete"];
const staff: Verb[] = [...viewer, "delete_any", "mute", "kick", "ban", "review", "rules", "slow_mode", "mode", "pin", "questions", "polls", "go_live", "run_broadcast", "co_host"];

function rights(): Pick<RoomView, "can" | "mark"> {
  if (self?.mark === "owner") return { can: new Set(staff), mark: "owner" };
  if (self?.name === lin.name) return { can: new Set(staff), mark: "host" };
  return { can: new Set(viewer), mark: self?.mark ?? "guest" };
}

export function viewOf(slug: string): RoomView {
  const known = cards.find((it) => it.slug === slug);
  const base: RoomView = {
    phase: "joined", live: true, slug, title: known?.title ?? "共读", messages: talk(), atStart: false, loadingOlder: false,
    gaps: [], missed: 0, newestSeq: 111, count: known?.count ?? 214, roster: [...everybody.filter((it) => it.id !== me.id), me],
    slowModeMs: 0, slowTarget: 0, heldCount: null, held: null, mode: { mode: "open", until: null }, broadcast: known?.broadcast ?? null, stage: { here: false, video: false, audio: false },
    health: null, pin: null, picked: null, questions: [], polls: [], topic: null, thread: null, typing: { names: [], n: 0 }, me, mutedUntil: null, sendAt: 0, notices: notices(), ...rights(),
  };
  const picture = { here: true, video: true, audio: true };
  const live = broadcast("live", TITLE);
  const arrives = { video_kbps: 2_410, audio_kbps: 128, fps: 25, loss_permille: 1, keyframe_ms: 2_000 };
  const scenes: Record<string, Partial<RoomView>> = {
    encoder: { broadcast: live, stage: picture, health: { level: "good", says: [], ...arrives } },
    "encoder-fair": {
      broadcast: live, stage: picture, health: { level: "fair", says: ["loss_high"], ...arrives, loss_permille: 41, advised_kbps: 1_600 },
    },
    "encoder-poor": {
      broadcast: live, stage: picture, health: { level: "poor", says: ["b_frames", "keyframes_rare"], ...arrives, keyframe_ms: 10_000 },
    },
    live: { stage: picture, roster: null },
    show: { broadcast: live, stage: picture, roster: null, messages: lively(), notices: [], newestSeq: 115, count: 2148 },
    audio: { stage: { here: true, video: false, audio: true } },
    connecting: { broadcast: live, stage: picture },
    queued: { broadcast: live, stage: picture },
    full: { broadcast: live, stage: picture },
    narrow: { broadcast: live, stage: picture },
    failed: { broadcast: live, stage: picture },
    codec: { broadcast: live, stage: picture },
    reconnecting: { broadcast: live },
    paused: { broadcast: broadcast("paused", TITLE) },
    ended: { broadcast: broadcast("ended", TITLE) },
    gap: { broadcast: live, stage: picture, gaps: [{ from: 106, to: 142, count: 37, loading: false }], missed: 37 },
    apart: {
      broadcast: live, stage: picture, roster: null,
      pin: { text: "九点抽三本签名书，抽奖前会在聊天里提醒。回放和书单今晚发到回顾里。", author: lin },
      picked: { of: 106, text: "书里“三度影响力”的数据，今天的短视频平台上还成立吗？", author: zhou },
      questions: asked(),
    },
    life: {
      broadcast: live, stage: picture, messages: lifely(), notices: polled(), polls: [POLL], newestSeq: 140, typing: { names: [yang.name, wu.name], n: 2 },
    },
    quiet: { broadcast: live, stage: picture, mode: { mode: "host", until: start + 9 * MINUTE } },
    asking: { broadcast: live, stage: picture, mode: { mode: "questions", until: null } },
    slow: { broadcast: live, stage: picture, slowModeMs: 10_000, sendAt: start + 3_600_000 },
    muted: { broadcast: live, stage: picture, mutedUntil: start + 10 * MINUTE },
    review: {
      broadcast: live, stage: picture, ...(rights().can.has("review") ? { heldCount: 4, held: heldItems() } : {}), slowTarget: 5, slowModeMs: 10_000,
      messages: [...talk().slice(0, -2), { ...said(me, "有人想一起拼单买书吗，加我微信"), ...own, key: "k9", delivery: { state: "held" } }],
    },
    long: { messages: muchTalk(), newestSeq: 10_000, notices: [], atStart: true },
    things: {
      broadcast: live, stage: picture, roster: null, notices: [], messages: withThings(said), newestSeq: 120,
      pin: { of: 105, text: "[商品] 大连接", author: lin, card: product },
    },
    empty: { messages: [], notices: [], atStart: true, newestSeq: 0, count: 1, roster: [me] },
    joining: { phase: "joining", messages: [], notices: [], title: "", live: false },
    members: { phase: "refused", why: { code: "guests_not_allowed", say: "", act: "reauth" }, live: false },
    banned: { phase: "out", why: { code: "banned", say: "", act: "stop" }, live: false },
    nowhere: { phase: "refused", why: { code: "not_found", say: "", act: "stop" }, live: false },
    studio: { messages: lively(), broadcast: null, title: "共读第三夜", newestSeq: 115, notices: [], count: 38 },
  };
  return { ...base, ...scenes[slug], ...topicScene(slug, me) };
}
