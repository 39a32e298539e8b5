/** What is in each stand-in topic: its slug names its state. */
import type { Doc, MessageView, NoticeView, Person, RoomView, Topic, TopicAct, TopicFrom, TopicPlace, TopicQuote, Verb } from "@weiquan/client";
import { bei, chen, everybody, lin, mo, self, wu, yang, zhou } from "./people";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const now = Date.now();

const topic = (kind: Topic["kind"], title: string, by: Person, more: Partial<Topic> = {}): Topic => ({
  kind, title, by: { ...by, mark: by.mark === "host" ? "member" : by.mark }, made_ms: now - 6 * DAY, ...more,
});

interface Scene {
  topic: Topic;
  opening: string;
  replies: readonly [by: Person, hoursAgo: number, text: string, more?: Partial<MessageView>][];
  /** The opening as the server would show it. */
  doc?: Doc;
  guests?: false;
  likes?: number;
  from?: TopicFrom;
  steps?: readonly [by: Person, hoursAgo: number, seq: number, change: Partial<Topic>][];
  splits?: readonly [by: Person, hoursAgo: number, seq: number, to: TopicPlace, n: number][];
}

const at = (seq: number, author: Person, text = ""): MessageView["re"] => ({ seq, author, text, deleted: false });

const quote = (seq: number, { id, name }: Person, minutesAgo: number, text: string): TopicQuote => ({
  seq, at_ms: now - minutesAgo * MINUTE, author: { id, name }, text,
});

const EXCHANGE: TopicFrom = {
  credit: [bei, lin, wu].map(({ id, name }) => ({ id, name })),
  source: {
    room: "live", room_title: "共读",
    quotes: [
      quote(101, bei, 190, "所以认识的人越多越好？\n我加了三百个微信，真要帮忙的时候一个都想不起来。"),
      quote(104, lin, 189, "不在多，在“桥”。隔一阵问一声好，比攒名片有用：https://example.org/weak-ties"),
      { seq: 106, at_ms: now - 188 * MINUTE, author: { id: wu.id, name: wu.name }, text: "", deleted: true },
      quote(107, bei, 186, "那从认识到帮忙，中间差的是哪一步？"),
    ],
  },
};

const picture = "a".repeat(64);

/** Where what was split off a topic is now. */
const CAMPING = { room: "camping", title: "周末去山里，带什么？" };
const gone = (s: number): Partial<MessageView> => ({ deleted: true, moved: { to: CAMPING, s } });

export const scenes: Record<string, Scene> = {
  /** Of which some replies were split off. */
  hiking: {
    topic: topic("discussion", "周末一起去爬山吗？", zhou, { tags: ["周末"], made_ms: now - 3 * DAY }),
    opening: "周六早上八点，地铁口集合，走到山顶吃午饭，下午三点前回来。\n\n一起的在下面说一声。",
    likes: 17,
    replies: [
      [bei, 70, "算我一个，带上相机。", { likes: 3 }],
      [wu, 69, "", { ...gone(2), replies: 2 }],
      [yang, 69, "", { ...gone(3), root: 4, re: at(4, wu) }],
      [chen, 68, "", gone(4)],
      [lin, 60, "集合点改到东门，那边有地方停车。", { likes: 9 }],
      [zhou, 59, "好，正文我改一下。", { re: at(7, lin), root: 7 }],
    ],
    splits: [[mo, 58, 9, CAMPING, 3]],
  },
  camping: {
    topic: topic("question", CAMPING.title, wu, { tags: ["露营"], made_ms: now - 69 * HOUR, split_from: { room: "hiking", title: "周末一起去爬山吗？" } }),
    opening: "有人打算在山上过夜吗？要带帐篷的话我有一顶双人的。",
    likes: 6,
    replies: [
      [yang, 69, "要，山顶夜里冷，睡袋也要厚的。", { likes: 4 }],
      [chen, 68, "我有两张防潮垫，可以借。"],
    ],
  },
  seconds: {
    topic: topic("discussion", "“先请人喝杯咖啡再开口”，你们做过吗？", yang, {
      tags: ["共读"], made_ms: now - 26 * HOUR, at: { room: "ended", id: "b_1", title: "第三夜：弱关系", second: 754 },
    }),
    opening: `林小满说的这一段，我上个月刚做过，照片为证：\n\n![书店二楼的放映，椅子坐满了](/api/v1/blobs/${picture})\n\n老板当时怎么说的，我录了一小段：\n\n![语音 0:07](/api/v1/blobs/${"b".repeat(64)})\n\n你们是怎么开口的？`,
    doc: {
      b: [
        { k: "p", i: ["林小满说的这一段，我上个月刚做过，照片为证："] },
        { k: "image", blob: picture, w: 1280, h: 720, alt: "书店二楼的放映，椅子坐满了" },
        { k: "p", i: ["老板当时怎么说的，我录了一小段："] },
        { k: "voice", blob: "b".repeat(64), duration_ms: 7_400, alt: "语音 0:07" },
        { k: "p", i: ["你们是怎么开口的？"] },
      ],
    },
    likes: 9,
    replies: [
      [wu, 20, "我会先帮一个小忙，再开口。", { likes: 4 }],
      [chen, 3, `Same here.\n\n![Two cups](/api/v1/blobs/${picture})`, {
        doc: { b: [{ k: "p", i: ["Same here."] }, { k: "image", blob: picture, w: 1280, h: 720, alt: "Two cups" }] },
      }],
    ],
  },
  exchange: {
    topic: topic("discussion", "弱关系，怎么从认识走到帮忙？", zhou, { board: "reading", tags: ["共读"], made_ms: now - 3 * HOUR }),
    opening: "", likes: 4, from: EXCHANGE,
    replies: [[yang, 2, "差的是开口。我那次放映，就是先请人喝了杯咖啡，才问的场地。", { likes: 3 }]],
  },
  elsewhere: {
    topic: topic("discussion", "读书会要不要换到周日？", mo, { made_ms: now - 5 * HOUR }),
    opening: "群里有人提了，我把它放到这里，大家都来说说自己的时间。", from: { credit: EXCHANGE.credit.slice(0, 2) }, replies: [],
  },
  weakties: {
    topic: topic("discussion", "读完《大连接》，你最近一次靠“弱关系”帮上忙是什么时候？", zhou, { board: "reading", tags: ["共读", "大连接"], featured: true }),
    opening:
      "昨晚共读到第三夜，林小满说弱关系是桥。回去路上我一直在想自己的经历：\n\n去年换城市，房子、医生、第一份兼职，没有一件是好朋友介绍的，都是见过一两面的人。\n\n想听听大家的：\n1. 最近一次是谁帮了你？\n2. 你们现在还联系吗？\n\n书里那一章的摘录在这里：https://example.org/weak-ties",
    likes: 48,
    replies: [
      [yang, 140, "是公司楼下咖啡店的店员。她听我打电话说找场地，顺手给了我书店老板的微信，上个月的放映就是这么办成的。", { likes: 21, replies: 3 }],
      [wu, 139, "所以周六的场地是这么来的！", { re: at(3, yang), root: 3 }],
      [yang, 138, "对，老板后来还成了我们放映的常客。", { re: at(4, wu, "所以周六的场地是这么来的！"), root: 3, likes: 4 }],
      [chen, 120, "I moved here last year and every job I found came through someone I barely knew. The book explains why: close friends know what you already know.", { likes: 9 }],
      [lin, 98, "> 都是见过一两面的人\n\n格兰诺维特当年问的就是这个：你多久见他一次？多数人的回答是“偶尔”。", { likes: 33, liked: true }],
      [bei, 70, "", { deleted: true }],
      [mo, 52, "补一个反面的：弱关系也会被用来群发广告。我们群里定了一条，介绍人要先自己说两句。"],
      [zhou, 50, "这条好，可以写进圈子的公约里。@Mo", { re: at(9, mo, "补一个反面的"), root: 9, to: [{ id: mo.id, name: mo.name }] }],
      [wu, 5, "我的是健身房的教练。他另一个学员在出版社，我的译稿就这样递过去了，下个月见书。", { likes: 12 }],
      [yang, 4.6, "恭喜！哪一本？", { re: at(11, wu), root: 11 }],
      [chen, 3, "Congratulations. Please tell us when it is out, I would like to read it in both languages."],
      [zhou, 1.2, "没想到这么多人回。周日我把大家的故事整理成一篇，贴在这里，名字都用化名，不想出现的告诉我一声。"],
    ],
  },
  answered: {
    topic: topic("question", "共读的录音可以在通勤时离线听吗？", bei, { board: "help", tags: ["录音"], status: "answered", accepted: 5, helper: { id: mo.id, name: mo.name }, made_ms: now - 2 * DAY }),
    opening: "地铁里信号断断续续。有没有办法先下载，路上再听？\n我用的是安卓手机。",
    likes: 6,
    replies: [
      [wu, 46, "同问。"],
      [zhou, 45, "我都是开着页面让它先缓一会儿，不太稳。"],
      [mo, 44, "可以。回顾页右上角有“下载声音”，存下来就是普通的 m4a，任何播放器都能放。\n第二夜的文件昨天补上了，之前没有的朋友再看一眼。", { likes: 17 }],
      [bei, 43, "找到了，谢谢！", { re: at(5, mo), root: 5 }],
    ],
    steps: [[bei, 43, 7, { status: "answered", accepted: 5, helper: { id: mo.id, name: mo.name } }]],
  },
  planned: {
    topic: topic("feedback", "聊天里希望能按日期跳转", chen, { board: "help", status: "planned", tags: ["聊天"], made_ms: now - 20 * DAY }),
    opening: "翻旧消息只能一直往上划。能不能点一下日期，直接到那一天？",
    likes: 31,
    replies: [
      [yang, 400, "支持，找上次的书单翻了五分钟。", { likes: 8 }],
      [mo, 300, "收到，已经记下。"],
      [wu, 120, "如果能顺便按人筛就更好了。", { likes: 3 }],
    ],
    steps: [[mo, 300, 5, { status: "seen" }], [mo, 48, 7, { status: "planned" }]],
  },
  twin: {
    topic: topic("feedback", "能不能直接跳到某一天的聊天", bei, { board: "help", status: "new", into: { room: "planned", title: "聊天里希望能按日期跳转" }, made_ms: now - 12 * DAY }),
    opening: "想看上周二晚上说的书单，一直往上划太累了。",
    likes: 7,
    replies: [[yang, 200, "我也想要。", { likes: 2 }]],
    steps: [[mo, 40, 4, { into: { room: "planned", title: "聊天里希望能按日期跳转" } }]],
  },
  took: {
    topic: topic("feedback", "聊天里希望能按日期跳转", chen, {
      board: "help", status: "planned", tags: ["聊天"], made_ms: now - 20 * DAY,
      merged: [{ room: "twin", title: "能不能直接跳到某一天的聊天" }, { room: "declined", title: "旧消息按日子找" }],
    }),
    opening: "翻旧消息只能一直往上划。能不能点一下日期，直接到那一天？",
    likes: 38,
    replies: [[yang, 400, "支持，找上次的书单翻了五分钟。", { likes: 8 }]],
    steps: [
      [mo, 48, 4, { merged: [] }],
      [mo, 47, 5, { merged: [{ room: "twin", title: "能不能直接跳到某一天的聊天" }, { room: "declined", title: "旧消息按日子找" }] }],
    ],
  },
  declined: {
    topic: topic("feedback", "希望能自动给每条消息翻译", wu, { board: "help", status: "declined", reason: "要把大家说的话交给外面的服务，我们不做。会先把双语的回顾写好。", made_ms: now - 30 * DAY }),
    opening: "群里中英文都有，每条都自动翻译就方便了。",
    likes: 12,
    replies: [[chen, 500, "I can read both, but a summary in English would help newcomers."]],
    steps: [[lin, 200, 4, { status: "declined", reason: "要把大家说的话交给外面的服务，我们不做。会先把双语的回顾写好。" }]],
  },
  matched: {
    topic: topic("need", "周六放映，需要一位会剪字幕的朋友", self?.mark === "member" ? self : yang, {
      board: "market", tags: ["放映", "字幕"], status: "matched", accepted: 4, helper: { id: chen.id, name: chen.name }, made_ms: now - 3 * DAY,
    }),
    opening: "片长 52 分钟，英文对白已有听写稿，需要对时间轴、压成 srt。\n酬谢：两张放映票，加一顿书店楼上的面。",
    likes: 5,
    replies: [
      [wu, 60, "我只会用手机剪，帮不上，帮顶。"],
      [chen, 58, "I can do it on Thursday evening. I have done subtitles for two festivals.", { likes: 6 }],
    ],
    steps: [[self?.mark === "member" ? self : yang, 57, 5, { status: "matched", accepted: 4, helper: { id: chen.id, name: chen.name } }]],
  },
  locked: {
    topic: topic("announcement", "圈子公约（第二版）", lin, { pinned: true, locked: true, tags: ["公约"], made_ms: now - 40 * DAY }),
    opening: "1. 说自己的经历，少下结论。\n2. 不拉人、不刷屏、不发二维码；介绍人要先自己说两句。\n3. 有争执先私下说，说不通找管理员。\n4. 直播里说过的话，不截图外传。",
    likes: 126,
    replies: [[mo, 900, "第二条是周舟提的，谢谢。", { likes: 20 }], [wu, 890, "同意，照做。"]],
    steps: [[mo, 800, 5, { locked: true }]],
  },
  books: {
    topic: topic("offer", "有三本重复的《大连接》，送给想参加共读的人", self?.mark === "member" ? self : zhou, { board: "market", tags: ["送书"], made_ms: now - 20 * MINUTE }),
    opening: "都是买重了的，九成新。在深圳可以当面给，其他地方邮费自理。",
    replies: [],
    guests: false,
  },
};

function said(seq: number, author: Person, ms: number, text: string, more: Partial<MessageView> = {}): MessageView {
  const mark = author.mark === "host" ? "member" : author.mark;
  return {
    key: `s${seq}`, seq, author: { ...author, mark }, mine: author.id === self?.id, text, doc: null, at: ms, pos: null, edited: false, deleted: false, re: null,
    question: null, card: null, likes: 0, liked: false, replies: 0, root: null, to: [], delivery: { state: "sent" }, change: null, ...more,
  };
}

function talkOf({ topic: it, opening, doc, replies, likes = 0, steps = [], splits = [] }: Scene): Pick<RoomView, "messages" | "notices" | "newestSeq" | "topic"> {
  const taken = new Set([...steps, ...splits].map((step) => step[2]));
  let seq = 2;
  const messages = [said(2, it.by, it.made_ms, opening, { likes, doc: doc ?? null })];
  for (const [by, hours, text, more] of replies) {
    do seq++;
    while (taken.has(seq));
    messages.push(said(seq, by, now - hours * HOUR, text, more));
  }
  const { status: _, accepted: __, helper: ___, locked: ____, reason: _____, ...plain } = it;
  let was: Topic = it.kind === "feedback" ? { ...plain, status: "new" } : plain;
  const notices: NoticeView[] = [{ key: "s1", seq: 1, at: it.made_ms, by: it.by, kind: "topic", topic: was }];
  for (const [by, hours, at, change] of steps) {
    was = { ...was, ...change };
    notices.push({ key: `s${at}`, seq: at, at: now - hours * HOUR, by: { ...by, mark: "moderator" }, kind: "topic", topic: was });
  }
  for (const [by, hours, at, to, n] of splits) {
    notices.push({ key: `s${at}`, seq: at, at: now - hours * HOUR, by: { ...by, mark: "moderator" }, kind: "split", to, n });
  }
  return { messages, notices, newestSeq: Math.max(seq, ...taken), topic: it };
}

/** Ten thousand, of uneven length, every fifth an answer to one before. */
function muchTalk(): Scene {
  const words = "关系把人连在一起而弱关系把圈子连在一起 weak ties connect circles ";
  const reply = (n: number): Scene["replies"][number] => {
    const by = everybody[n % everybody.length] ?? lin;
    const text = `${n + 1} ${words.slice(0, 6 + ((n * 37) % 60)).repeat(1 + ((n * 13) % 4))}`;
    return n % 5 === 4 ? [by, (10_000 - n) / 60, text, { root: n - 1, re: at(n - 1, lin) }] : [by, (10_000 - n) / 60, text];
  };
  return {
    topic: topic("discussion", "一万条回复的话题", mo, { made_ms: now - 8 * DAY }), opening: "从这里开始。",
    replies: Array.from({ length: 10_000 }, (_, n) => reply(n)),
  };
}

const member: Verb[] = ["watch", "talk", "react", "edit", "delete"];
const staff: Verb[] = [...member, "delete_any", "mute", "kick", "ban", "review", "rules", "polls", "topic", "keep_topic"];

export function topicScene(slug: string, me: Person): Partial<RoomView> {
  const name = slug === "written" ? "weakties" : slug;
  const scene = name === "much" ? muchTalk() : scenes[name];
  if (!scene) return {};
  const told = talkOf(scene);
  const own = scene.topic.by.id === me.id;
  const can = self?.mark === "owner" ? staff : self === null || self.mark === "guest" ? (["watch"] as Verb[]) : own ? [...member, "topic" as const, "polls" as const] : member;
  const mine: Pick<MessageView, "mine" | "seq"> = { mine: true, seq: null };
  const unsent: MessageView[] =
    slug === "written"
      ? [
          { ...said(0, me, now - MINUTE, "我的是楼下修车的师傅。"), ...mine, key: "k1", delivery: { state: "pending" } },
          { ...said(0, me, now, "加我微信 abc12345，拉你进群"), ...mine, key: "k2", delivery: { state: "refused", why: { code: "word_refused", say: "", act: "none" }, again: null } },
        ]
      : [];
  return {
    phase: "joined", title: scene.topic.title, ...told, messages: [...told.messages, ...unsent], atStart: true, gaps: [], count: 3, roster: [...everybody.slice(0, 3), me],
    mark: self?.mark ?? "guest", can: new Set(can), broadcast: null,
  };
}

/** What an act makes of a topic. */
export function changedTopic(was: Topic, act: TopicAct, helper: Person | undefined): Topic {
  switch (act.do) {
    case "title":
      return { ...was, title: act.title };
    case "tags":
      return { ...was, tags: act.tags };
    case "board": {
      const { board: _, ...rest } = was;
      return act.board === undefined ? rest : { ...rest, board: act.board };
    }
    case "status":
      return { ...was, status: act.to, reason: act.reason ?? "" };
    case "accept": {
      const { accepted: _, helper: __, ...rest } = was;
      if (act.of === undefined || !helper) return { ...rest, status: "open" };
      return { ...rest, status: was.kind === "question" ? "answered" : "matched", accepted: act.of, helper: { id: helper.id, name: helper.name } };
    }
    case "lock":
      return { ...was, locked: act.on };
    case "pin":
      return { ...was, pinned: act.on };
    case "feature":
      return { ...was, featured: act.on };
  }
}
