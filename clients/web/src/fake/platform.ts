/** The stand-in platform: the whole app without a server or a camera. Only in `--mode fake`. */
import {
  Cell,
  type ActList,
  type BlobMade,
  type Call,
  type Broadcast,
  type ConnectionStatus,
  type Ended,
  type Mail,
  type MailWish,
  type Me,
  type MemberCard,
  type MemberList,
  type MemberRole,
  type MemberSearch,
  type NoticeList,
  type NoticeSettings,
  type RoomApi,
  type RoomCard,
  type RoomList,
  type ServerInfo,
  type Source,
  type StreamKey,
  type Summary,
  type UploadOptions,
  type WeiquanApi,
  Refused,
} from "@weiquan/client";
import type { Own, Platform, Sources } from "../app/ports";
import { pseudo } from "../i18n/pseudo";
import { actsPage } from "./acts";
import { check } from "./check";
import { FakeMembers } from "./members";
import { FakeNotices } from "./notices";
import { self } from "./people";
import { picture, withTone } from "./picture";
import { FakeRoom } from "./room";
import { cards } from "./scenes";
import { FakeSearch } from "./search";
import { drawing, lately, missed, summary, uploaded } from "./things";
import { FakeTopics } from "./topics";
import { wishes } from "./wishes";

const statuses: Record<typeof wishes.status, ConnectionStatus> = {
  online: { state: "online" },
  offline: { state: "offline" },
  reconnecting: { state: "reconnecting", since: Date.now(), tries: 3, next: Date.now() + 4000 },
  refused: { state: "refused", code: "replaced" },
};

const fakeTopics = new FakeTopics();
const fakeSearch = new FakeSearch();
const spent = (): Refused => new Refused({ code: "link_spent", say: "", act: "none" });

class FakeWeiquan implements WeiquanApi {
  readonly status = new Cell<ConnectionStatus>(statuses[wishes.status]);
  readonly who = new Cell<Me | null>(self);
  readonly #notices = new FakeNotices();
  readonly inbox = this.#notices.inbox;
  readonly #reminders = new Set<string>();
  readonly #book = new FakeMembers();
  readonly #rooms = new Map<string, FakeRoom>();
  #mail: Mail = { address: wishes.mail === "none" ? null : "lin@example.org", asked: null, works: wishes.mail !== "fails" };
  #setUp = wishes.circle !== "new";
  #circle = "读书会";

  /** What parts ask that come by themselves. */
  async rest<T>({ path, body }: Call): Promise<T> {
    Object.assign(window, { asked: { path, body } });
    return fakeTopics.topic("camping") as Promise<T>;
  }
  async server(): Promise<ServerInfo> {
    return { version: "0.1.0", set_up: this.#setUp, circle: this.#setUp ? this.#circle : null, sign_up_open: true, mail: true };
  }
  async setUp(wish: { name: string; circle: string }): Promise<Me> {
    this.#setUp = true;
    this.#circle = wish.circle;
    return this.#be({ id: "m_me", name: wish.name, mark: "owner" });
  }
  async signUp(name: string): Promise<Me> {
    if (name === "taken") throw new Refused({ code: "name_taken", say: "", act: "none" });
    return this.#be({ id: "m_me", name, mark: "member" });
  }
  async signIn(name: string, password: string): Promise<Me> {
    if (password === "wrong") throw new Refused({ code: "sign_in_failed", say: "", act: "none" });
    return this.#be({ id: "m_me", name, mark: "member" });
  }
  async changePassword(current: string): Promise<Me> {
    if (current === "wrong") throw new Refused({ code: "sign_in_failed", say: "", act: "none" });
    return this.#be({ id: "m_me", name: "林小满", mark: "member" });
  }
  async newPassword(link: string): Promise<Me> {
    if (link === "old") throw spent();
    return this.#be({ id: "m_me", name: "林小满", mark: "member" });
  }
  async passwordForgotten(): Promise<void> {}
  async mail(change?: MailWish | null): Promise<Mail> {
    if (change && !change.address.includes("@")) throw new Refused({ code: "address_unfit", say: "", act: "none" });
    if (change) this.#mail = { ...this.#mail, asked: change.address };
    if (change === null) this.#mail = { address: null, asked: null, works: true };
    return this.#mail;
  }
  async confirmMail(link: string): Promise<Mail> {
    if (link === "old") throw spent();
    return (this.#mail = { address: "lin@example.org", asked: null, works: true });
  }
  async signOut(): Promise<void> {
    this.who.set(null);
  }
  async me(): Promise<Me | null> {
    return this.who.get();
  }
  async beGuest(name = "访客 47"): Promise<Me> {
    return this.#be({ id: "g_me", name, mark: "guest" });
  }
  async beSomebody(guestName?: string): Promise<Me> {
    return (await this.me()) ?? this.beGuest(guestName);
  }
  #be(me: Me): Me {
    this.who.set(me);
    return me;
  }
  async rooms(): Promise<RoomCard[]> {
    return wishes.circle === "full" ? cards : [];
  }
  /** There is one list here, and never another. */
  async roomList(after?: number): Promise<RoomList> {
    return after === undefined ? { rooms: await this.rooms(), version: 1 } : new Promise(() => {});
  }
  async roomCard(slug: string): Promise<RoomCard> {
    const card = slug === "apart" ? { ...(cards[0] as RoomCard), slug } : cards.find((it) => it.slug === slug);
    if (!card) throw new Refused({ code: "not_found", say: "", act: "stop" });
    return card;
  }
  async makeRoom(): Promise<RoomCard> {
    return { ...(cards[4] as RoomCard), slug: "studio" };
  }
  async broadcast(_slug: string, _act: string, title = "", startsMs?: number): Promise<Broadcast> {
    const timed = startsMs === undefined ? {} : { starts_ms: startsMs };
    return { id: "b_new", phase: "scheduled", title, host: { id: "m_me", name: this.who.get()?.name ?? "", mark: "host" }, ...timed };
  }
  async upload(_slug: string, bytes: Blob, opts: UploadOptions = {}): Promise<BlobMade> {
    opts.onprogress?.(0.4);
    // One that never ends, to look at it on its way.
    if (bytes instanceof File && bytes.name.startsWith("slow")) await new Promise(() => {});
    if (bytes instanceof File && bytes.name.startsWith("bad")) throw new Refused({ code: "blob_unfit", say: "", act: "none" });
    // A voice note is heard as it was recorded.
    const id = opts.as === "voice" ? uploaded(bytes) : "a".repeat(64);
    return { id, kind: opts.as ?? "image", bytes: bytes.size, width: 1280, height: 720, duration_ms: 7_000 };
  }
  blobUrl(id: string): string {
    return drawing(id);
  }
  /** The second one has a recap. */
  async summary(_: string, id: string): Promise<Summary> {
    return id === "b_2" ? { ...summary, recap: { room: "books", title: "第三夜的回顾" } } : summary;
  }
  async lately(): Promise<Ended[]> {
    return wishes.circle === "full" ? lately : [];
  }
  async members(search: MemberSearch = {}): Promise<MemberList> {
    return this.#book.page(search);
  }
  async setRole(id: string, role: MemberRole): Promise<MemberCard> {
    return this.#book.give(id, role);
  }
  async streamKeys(): Promise<StreamKey[]> {
    return [{ id: "k1", label: "OBS", made_ms: Date.now() - 86_400_000 * 3, used_ms: Date.now() - 3_600_000 }];
  }
  async makeStreamKey(_slug: string, label: string) {
    return { id: "k2", key: "wq_live_7Hq2mX9vT4sKpR8nB3cJ6wZd", label };
  }
  async revokeStreamKey(): Promise<void> {}
  async acts(own: boolean, before?: number): Promise<ActList> {
    return actsPage(own, before);
  }
  async notices(): Promise<NoticeList> {
    return this.#notices.page();
  }
  async noticesSeen(upto: number): Promise<void> {
    this.#notices.seen(upto);
  }
  async noticeSettings(change?: NoticeSettings): Promise<NoticeSettings> {
    return this.#notices.settings(change);
  }
  async reminder(slug: string, set?: boolean): Promise<boolean> {
    if (set === true) this.#reminders.add(slug);
    if (set === false) this.#reminders.delete(slug);
    return this.#reminders.has(slug);
  }
  calendarUrl(slug: string): string {
    return `/api/v1/rooms/${slug}/broadcast.ics`;
  }
  async pushKey(): Promise<string> {
    return "";
  }
  async pushOn(): Promise<void> {}
  async pushOff(): Promise<void> {}
  whipUrl(): string {
    return "https://live.example.com/whip";
  }
  room(slug: string): RoomApi {
    const room = this.#rooms.get(slug) ?? new FakeRoom(slug);
    this.#rooms.set(slug, room);
    return room;
  }
  serverNow(): number {
    return Date.now();
  }
  ahead(): void {}

  retry(): void {
    this.status.set({ state: "online" });
  }
  close(): void {}
}

const source = (kind: Source["kind"], label: string): Source => ({ kind, label, stream: withTone(picture()), ended: new Cell(false), stop: () => {} });

const sources: Sources = {
  camera: async () => source("camera", "FaceTime HD"),
  screen: async () => source("screen", "Screen 1"),
  file: async (file) => source("file", file.name),
  devices: async () => [
    { id: "c1", kind: "camera", label: "FaceTime HD" },
    { id: "m1", kind: "microphone", label: "MacBook Pro Microphone" },
    { id: "m2", kind: "microphone", label: "USB Audio" },
  ],
  level(_stream, run) {
    const timer = setInterval(() => run(0.55 + Math.sin(Date.now() / 300) * 0.2), 66);
    return () => clearInterval(timer);
  },
};

/** Put away in this visit. */
let caughtUp = 0;

const hold = (password: string): void => {
  if (password === "wrong") throw new Refused({ code: "sign_in_failed", say: "", act: "none" });
};

const own: Own = {
  erase: async (password) => {
    hold(password);
    if (self?.mark === "owner") throw new Refused({ code: "not_permitted", say: "", act: "none" });
    await platform.client.signOut(false);
  },
  handOver: async (member, password) => {
    hold(password);
    return { ...(await platform.client.setRole(member, "moderator")), mark: "owner" };
  },
  missed: async () => (wishes.circle === "full" ? missed.filter((it) => it.ended_ms > caughtUp) : []),
  caughtUp: async (upto) => void (caughtUp = upto),
};

export const platform: Platform = {
  check: async () => check(),
  client: new FakeWeiquan(),
  sources: async () => sources,
  topics: async () => fakeTopics,
  search: async () => fakeSearch,
  own: async () => own,
  ...(wishes.lang === "pseudo" ? { words: pseudo } : {}),
};
