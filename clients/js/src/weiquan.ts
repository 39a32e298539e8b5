/**
 * The client: one identity, one connection, and the rooms on it.
 *
 * Rooms are made once and kept; the connection is dialled when the first one is joined.
 */
import type {
  ConnectionStatus,
  Inbox,
  MemberSearch,
  UploadOptions,
  WeiquanApi,
  WeiquanOptions,
} from "./api.js";
import { sendBlob } from "./blobs.js";
import { Link } from "./connection/link.js";
import { type Environment, environment } from "./environment.js";
import { Identity } from "./identity.js";
import { Signalling } from "./media/signalling.js";
import type {
  ActList,
  BlobMade,
  Broadcast,
  BroadcastAct,
  BroadcastWish,
  Ended,
  EndedList,
  Mail,
  MailWish,
  Me,
  MemberCard,
  MemberList,
  MemberRole,
  NewRoom,
  NoticeList,
  NoticeSettings,
  NoticesUnread,
  Push,
  PushKey,
  Reminder,
  RoleWish,
  RoomCard,
  RoomList,
  ServerInfo,
  SetUp,
  StreamKey,
  StreamKeyList,
  StreamKeyMade,
  Summary,
  Welcome,
} from "./protocol/index.js";
import { Cell, type Readable } from "./readable.js";
import { Refused } from "./refused.js";
import { type Call, call } from "./rest.js";
import { RoomClient } from "./room/client.js";
import { Outbox } from "./room/outbox.js";
import { ClientIds } from "./uuid.js";

export class Weiquan implements WeiquanApi {
  readonly inbox = new Cell<Inbox>({ unread: null, notice: null });
  readonly #env: Environment;
  readonly #identity: Identity;
  readonly #link: Link;
  readonly #signalling: Signalling;
  readonly #outbox: Outbox;
  readonly #ids: ClientIds;
  readonly #rooms = new Map<string, RoomClient>();
  readonly #ends: (() => void)[];

  constructor(opts: WeiquanOptions) {
    const env = environment(opts);
    this.#env = env;
    this.#identity = new Identity(env);
    this.#link = new Link(env, this.#identity, {
      joins: () => [
        ...[...this.#rooms.values()].map((it) => it.joinAsked()).filter((it) => it !== null),
        ...this.#signalling.resumes(),
      ],
      placement: () => [...this.#rooms.values()].find((it) => it.placed)?.slug ?? null,
      up: (welcome: Welcome) => this.#rooms.forEach((it) => it.up(welcome)),
      down: () => this.#rooms.forEach((it) => it.down()),
      push: (push) => this.#heard(push),
    });
    this.#signalling = new Signalling(this.#link);
    this.#outbox = new Outbox(env.storage);
    this.#ids = new ClientIds(env.now, env.random);
    this.#ends = [
      env.device.visible.subscribe((visible) => void (visible && this.#link.awake())),
      env.device.network.subscribe(() => this.#link.awake()),
      this.#followIdentity(),
    ];
  }

  get status(): Readable<ConnectionStatus> {
    return this.#link.status;
  }

  get who(): Readable<Me | null> {
    return this.#identity.who;
  }

  server(): Promise<ServerInfo> {
    return call(this.#env, { method: "GET", path: "server" });
  }

  setUp(wish: SetUp): Promise<Me> {
    return this.#identity.setUp(wish);
  }

  signUp(name: string, password: string): Promise<Me> {
    return this.#identity.signUp({ name, password });
  }

  signIn(name: string, password: string): Promise<Me> {
    return this.#identity.signIn({ name, password });
  }

  signOut(everywhere: boolean): Promise<void> {
    return this.#identity.signOut(everywhere);
  }

  me(): Promise<Me | null> {
    return this.#identity.me();
  }

  beGuest(name?: string): Promise<Me> {
    return this.#identity.beGuest(name ?? null);
  }

  beSomebody(guestName?: string): Promise<Me> {
    return this.#identity.beSomebody(guestName ?? null);
  }

  async rooms(): Promise<RoomCard[]> {
    return (await this.roomList()).rooms;
  }

  roomList(after?: number): Promise<RoomList> {
    return this.#page("rooms", { after });
  }

  roomCard(slug: string): Promise<RoomCard> {
    return this.rest({ method: "GET", path: `rooms/${encodeURIComponent(slug)}` });
  }

  makeRoom(wish: { title: string; guests: boolean; slug?: string }): Promise<RoomCard> {
    const body: NewRoom = { ...wish, slug: wish.slug ?? null };
    return this.rest({ method: "POST", path: "rooms", body });
  }

  broadcast(slug: string, act: BroadcastAct, title?: string, startsMs?: number): Promise<Broadcast> {
    const timed = startsMs === undefined ? {} : { starts_ms: startsMs };
    const body: BroadcastWish = { act, title: title ?? null, ...timed };
    return this.rest({ method: "POST", path: `rooms/${encodeURIComponent(slug)}/broadcast`, body });
  }

  async upload(slug: string, bytes: Blob, opts: UploadOptions = {}): Promise<BlobMade> {
    const url = `${this.#env.base}/api/v1/${slug ? `rooms/${encodeURIComponent(slug)}` : "topics"}/blobs`;
    const send = async (): Promise<BlobMade> => sendBlob(url, bytes, await this.#identity.token(), opts);
    try {
      return await send();
    } catch (error) {
      if (!(error instanceof Refused) || error.refusal.act !== "reauth") throw error;
      this.#identity.stale();
      return send();
    }
  }

  blobUrl(id: string, size?: "preview"): string {
    return `${this.#env.base}/api/v1/blobs/${id}${size ? `/${size}` : ""}`;
  }

  summary(slug: string, broadcast: string): Promise<Summary> {
    const path = `rooms/${encodeURIComponent(slug)}/broadcasts/${encodeURIComponent(broadcast)}/summary`;
    return this.rest({ method: "GET", path });
  }

  async lately(): Promise<Ended[]> {
    return (await this.rest<EndedList>({ method: "GET", path: "lately" })).ended;
  }

  async streamKeys(slug: string): Promise<StreamKey[]> {
    return (await this.rest<StreamKeyList>({ method: "GET", path: keysOf(slug) })).keys;
  }

  makeStreamKey(slug: string, label: string): Promise<StreamKeyMade> {
    return this.rest({ method: "POST", path: keysOf(slug), body: { label } });
  }

  async revokeStreamKey(slug: string, id: string): Promise<void> {
    await this.rest({ method: "DELETE", path: `${keysOf(slug)}/${encodeURIComponent(id)}` });
  }

  members(search: MemberSearch = {}): Promise<MemberList> {
    return this.#page("members", search);
  }

  setRole(id: string, role: MemberRole): Promise<MemberCard> {
    const path = `members/${encodeURIComponent(id)}/role`;
    return this.rest({ method: "PUT", path, body: { role } satisfies RoleWish });
  }

  acts(own: boolean, before?: number): Promise<ActList> {
    return this.#page(own ? "penalties" : "audit", { before });
  }

  async notices(after?: number): Promise<NoticeList> {
    const list = await this.#page<NoticeList>("notices", { after });
    this.inbox.set({ unread: list.unread, notice: null });
    return list;
  }

  async noticesSeen(upto: number): Promise<void> {
    const body = { upto };
    const { unread } = await this.rest<NoticesUnread>({ method: "POST", path: "notices/seen", body });
    this.inbox.set({ unread, notice: null });
  }

  noticeSettings(body?: NoticeSettings): Promise<NoticeSettings> {
    return this.rest({ method: body ? "PUT" : "GET", path: "notices/settings", body });
  }

  mail(body?: MailWish | null): Promise<Mail> {
    const method = body === undefined ? "GET" : body ? "PUT" : "DELETE";
    return this.rest({ method, path: "mail", body: body ?? undefined });
  }

  confirmMail(link: string): Promise<Mail> {
    return call(this.#env, { method: "POST", path: "mail/confirm", body: { link } });
  }

  async passwordForgotten(name: string, lang: string): Promise<void> {
    await call(this.#env, { method: "POST", path: "password/forgotten", body: { name, lang } });
  }

  changePassword(current: string, password: string): Promise<Me> {
    return this.#identity.changePassword({ current, password });
  }

  newPassword(link: string, password: string): Promise<Me> {
    return this.#identity.newPassword({ link, password });
  }

  async reminder(slug: string, set?: boolean): Promise<boolean> {
    const method = set === undefined ? "GET" : set ? "PUT" : "DELETE";
    return (await this.rest<Reminder>({ method, path: `rooms/${encodeURIComponent(slug)}/reminder` })).set;
  }

  calendarUrl(slug: string): string {
    return `${this.#env.base}/api/v1/rooms/${encodeURIComponent(slug)}/broadcast.ics`;
  }

  async pushKey(): Promise<string> {
    return (await this.rest<PushKey>({ method: "GET", path: "push/key" })).key;
  }

  async pushOn({ endpoint, keys }: PushSubscriptionJSON, lang: string): Promise<void> {
    await this.rest({ method: "PUT", path: "push/subscription", body: { endpoint, keys, lang } });
  }

  async pushOff(endpoint: string): Promise<void> {
    await this.rest({ method: "DELETE", path: "push/subscription", body: { endpoint } });
  }

  whipUrl(): string {
    return `${this.#env.base}/whip`;
  }

  room(slug: string): RoomClient {
    const known = this.#rooms.get(slug);
    if (known) return known;
    const shared = {
      env: this.#env,
      link: this.#link,
      identity: this.#identity,
      outbox: this.#outbox,
      ids: this.#ids,
      signalling: this.#signalling,
    };
    const room = new RoomClient(slug, shared);
    this.#rooms.set(slug, room);
    return room;
  }

  serverNow(): number {
    return this.#env.now() + this.#link.skew;
  }

  retry(): void {
    this.#link.retry();
  }

  ahead(slug: string): void {
    this.#link.ahead(slug);
  }

  close(): void {
    for (const end of this.#ends) end();
    this.#link.stop();
  }

  #heard(push: Push): void {
    if ("a" in push) {
      for (const room of this.#rooms.values()) if (room.number() === push.a) room.push(push);
    } else if (push.op === "notice") {
      this.inbox.set({ unread: push.unread, notice: push.notice ?? null });
    } else if (push.op === "picture") {
      this.#signalling.held(push.peer, push.held);
    } else if (push.op === "closed") {
      this.#signalling.ended(push.peer, push.why);
    }
  }

  /** Another person on the same page: rooms forget whose they were, the connection says hello again. */
  #followIdentity(): () => void {
    let known: string | null = null;
    return this.#identity.who.subscribe((who) => {
      const id = who?.id ?? null;
      if (id === known) return;
      const before = known;
      known = id;
      this.inbox.set({ unread: null, notice: null });
      if (before !== null) this.#rooms.forEach((it) => it.identityChanged());
      this.#link.identityChanged();
    });
  }

  /** A list; what is not said is not asked for. */
  #page<T>(path: string, search: object): Promise<T> {
    const said = Object.entries(search).filter(([, value]) => (value ?? "") !== "");
    if (said.length > 0) path += `?${new URLSearchParams(said)}`;
    return this.rest({ method: "GET", path });
  }

  /**
   * As oneself where one is somebody; once more with a fresh token where the server asks for it. For what is loaded
   * apart, too: `Topics`.
   */
  async rest<T>(request: Call): Promise<T> {
    const token = await this.#identity.tokenIfAny();
    try {
      return await call<T>(this.#env, { ...request, token });
    } catch (error) {
      if (token === null || !(error instanceof Refused) || error.refusal.act !== "reauth") throw error;
      this.#identity.stale();
      return call<T>(this.#env, { ...request, token: await this.#identity.token() });
    }
  }
}

function keysOf(slug: string): string {
  return `rooms/${encodeURIComponent(slug)}/stream-keys`;
}
