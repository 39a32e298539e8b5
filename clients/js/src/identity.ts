/**
 * Who one is on this device: the sign-in (the browser's cookie) or the guest's secret, and the
 * short-lived token made from it.
 *
 * It promises a token that is good for at least a minute, made once however many ask at the same
 * time. It never keeps a token on disk: only that there was a sign-in, and the device's own secrets.
 */
import type { Environment } from "./environment.js";
import type {
  Credentials,
  GuestWish,
  Me,
  PasswordChange,
  PasswordWish,
  SetUp,
  Token,
} from "./protocol/index.js";
import { Cell } from "./readable.js";
import { Refused } from "./refused.js";
import { call } from "./rest.js";
import { uuid } from "./uuid.js";

/** A token is renewed when less than this is left: a hello must not race its expiry. */
const RENEW_BEFORE_MS = 60_000;
/** A token that somebody else made says nothing of its end: it is asked for again after so long. */
const GIVEN_TOKEN_MS = 60_000;
/** A hello that was not answered by then makes no guest: it is asked for by HTTP, which makes the same one. */
const HELLO_MAKES_MS = 1_500;
/** The server's least is 32 characters; 64 hex digits are 256 bits. */
const SECRET_DIGITS = 64;

/** What the device remembers of its last identity: enough to read and write while the server is away. */
type Remembered = As & { me: Me };
type As = { kind: "member" } | { kind: "guest"; name: string | null };

/** Who one says one is in a hello. */
export type Introduction = { token: string } | { guest: GuestWish };

export class Identity {
  readonly who = new Cell<Me | null>(null);
  readonly #env: Environment;
  readonly #instance: string;
  #token: { text: string; renewAt: number } | null = null;
  #renewal: Promise<Me> | null = null;
  #asked: Promise<Me | null> | null = null;
  /** One is about to be somebody: a token waits for that. */
  #becoming: Promise<Me> | null = null;
  /** Connections that wait to say who one is. */
  readonly #asking = new Set<(wish: GuestWish | null) => void>();
  /** A hello is on its way that makes the guest; it ends with the token, or without. */
  #unborn: ((made: Token | null) => void) | null = null;
  /** What was read or made once; it never changes. */
  readonly #lasting = new Map<string, Promise<string>>();
  /** The server said that nobody is signed in. Whoever signs in later, on any page, is remembered. */
  #nobody = false;

  constructor(env: Environment) {
    this.#env = env;
    this.#instance = uuid(env.now(), env.random);
  }

  /** Who one is, asking the server once; while it is away, who one was on this device. */
  me(): Promise<Me | null> {
    if (this.who.get() !== null) return Promise.resolve(this.who.get());
    this.#asked ??= this.#whoAmI().finally(() => (this.#asked = null));
    return this.#asked;
  }

  /** Who one is on this device; where nobody is signed in, a guest from now on. */
  beSomebody(name: string | null): Promise<Me> {
    this.#becoming ??= this.me()
      .then((me) => me ?? this.#beBorn(name))
      .finally(() => {
        this.#becoming = null;
        this.#answer(null);
      });
    return this.#becoming;
  }

  /** A token that is still good for a while. Fails with `token_missing` when nobody is signed in. */
  async token(): Promise<string> {
    if (this.#becoming !== null) await this.#becoming;
    if (this.#token === null || this.#env.timers.now() >= this.#token.renewAt) await this.#renew();
    if (this.#token === null) throw missing();
    return this.#token.text;
  }

  /**
   * What a hello says. Of one who is about to be a guest it is that wish: the guest is made with the connection, and
   * nobody waits for another way there and back. Its end is told by `born`.
   */
  async introduction(): Promise<Introduction> {
    const becoming = this.#becoming;
    if (becoming !== null) {
      const wish = await new Promise<GuestWish | null>((told) => this.#asking.add(told));
      if (wish !== null) return { guest: wish };
      await becoming;
    }
    return { token: await this.token() };
  }

  /** The hello was answered with this token; without one, another way is taken. */
  born(made: Token | null): void {
    this.#unborn?.(made);
  }

  /** The token for a request that anybody may make: `null` for nobody. */
  async tokenIfAny(): Promise<string | null> {
    return this.who.get() === null ? null : this.token();
  }

  /** The server did not take this token: the next one is made anew. */
  stale(): void {
    this.#token = null;
  }

  setUp(wish: SetUp): Promise<Me> {
    return this.#enter("set-up", wish, { kind: "member" });
  }

  signUp(wish: Credentials): Promise<Me> {
    return this.#enter("accounts", wish, { kind: "member" });
  }

  signIn(wish: Credentials): Promise<Me> {
    return this.#enter("sign-in", wish, { kind: "member" });
  }

  changePassword(wish: PasswordChange): Promise<Me> {
    return this.#enter("password", wish, { kind: "member" }, "PUT");
  }

  newPassword(wish: PasswordWish): Promise<Me> {
    return this.#enter("password", wish, { kind: "member" });
  }

  async beGuest(name: string | null): Promise<Me> {
    return this.#enter("guests", await this.#guestWish(name), { kind: "guest", name });
  }

  /** Forgets the identity here even when the server cannot be told. */
  async signOut(everywhere: boolean): Promise<void> {
    const token = this.#token?.text ?? null;
    try {
      if (this.who.get()?.mark !== "guest") {
        await call(this.#env, { method: "POST", path: "sign-out", body: { everywhere }, token });
      }
    } finally {
      await this.#forget();
    }
  }

  /** Names this page of this device: two tabs must not push each other out, one that comes back must. */
  async device(): Promise<string> {
    const id = await this.#kept("device", () => uuid(this.#env.now(), this.#env.random));
    return `${id}.${this.#instance}`;
  }

  async #beBorn(name: string | null): Promise<Me> {
    const wish = await this.#guestWish(name);
    const as: As = { kind: "guest", name };
    if (this.#asking.size > 0) {
      let late = (): void => {};
      const made = await new Promise<Token | null>((end) => {
        this.#unborn = end;
        late = this.#env.timers.after(HELLO_MAKES_MS, () => end(null));
        this.#answer(wish);
      });
      late();
      this.#unborn = null;
      if (made !== null) return this.#be(made, as);
    }
    return this.#enter("guests", wish, as);
  }

  #answer(wish: GuestWish | null): void {
    this.#asking.forEach((told) => told(wish));
    this.#asking.clear();
  }

  async #whoAmI(): Promise<Me | null> {
    // A drawer takes its time, and whoever taps a room next needs these at once.
    if (this.#env.token === null) void Promise.all([this.device(), this.#secret()]).catch(() => {});
    if (this.#nobody && (await this.#remembered()) === null) return null;
    try {
      return await this.#renew();
    } catch (error) {
      if (error instanceof Refused && error.refusal.act === "reauth") {
        this.#nobody = this.#env.token === null;
        return null;
      }
      const last = await this.#remembered();
      if (last === null) throw error;
      this.#know(last.me);
      return last.me;
    }
  }

  #renew(): Promise<Me> {
    this.#renewal ??= this.#renewOnce().finally(() => (this.#renewal = null));
    return this.#renewal;
  }

  async #renewOnce(): Promise<Me> {
    if (this.#env.token !== null) return this.#beGiven(await this.#env.token());
    const last = await this.#remembered();
    try {
      if (last?.kind === "guest") {
        const { name } = last;
        return await this.#enter("guests", await this.#guestWish(name), { kind: "guest", name });
      }
      return await this.#enter("token", undefined, { kind: "member" });
    } catch (error) {
      if (error instanceof Refused && error.refusal.act === "reauth") await this.#forget();
      throw error;
    }
  }

  /** Nothing of it is kept on the device: whoever made the token knows who this is. */
  async #beGiven(text: string): Promise<Me> {
    const me = await call<Me>(this.#env, { method: "GET", path: "me", token: text });
    this.#token = { text, renewAt: this.#env.timers.now() + GIVEN_TOKEN_MS };
    this.#know(me);
    return me;
  }

  async #enter(path: string, body: unknown, as: As, method: "POST" | "PUT" = "POST"): Promise<Me> {
    // What is changed is changed as who one is; everything else makes one somebody.
    const token = method === "PUT" ? await this.token() : null;
    return this.#be(await call<Token>(this.#env, { method, path, body, token }), as);
  }

  #be(made: Token, as: As): Me {
    // The device's clock may be wrong, the server's is what expires: a life is measured, not read,
    // and a clock that is off by more than that life must not make every request a renewal.
    const left = Math.max(made.expires_ms - this.#env.now(), 2 * RENEW_BEFORE_MS);
    this.#token = { text: made.token, renewAt: this.#env.timers.now() + left - RENEW_BEFORE_MS };
    const remembered: Remembered = { ...as, me: made.me };
    // One is who one is, also while the drawer takes its time, and where it takes nothing.
    void this.#env.storage.set("who", JSON.stringify(remembered)).catch(() => {});
    this.#know(made.me);
    return made.me;
  }

  #know(me: Me): void {
    if (JSON.stringify(this.who.get()) !== JSON.stringify(me)) this.who.set(me);
  }

  async #forget(): Promise<void> {
    this.#token = null;
    await this.#env.storage.remove("who");
    this.who.set(null);
  }

  async #guestWish(name: string | null): Promise<GuestWish> {
    return { device: await this.#secret(), name };
  }

  #secret(): Promise<string> {
    const digit = (): string => Math.floor(this.#env.random() * 16).toString(16);
    return this.#kept("guest-secret", () => Array.from({ length: SECRET_DIGITS }, digit).join(""));
  }

  async #remembered(): Promise<Remembered | null> {
    const text = await this.#env.storage.get("who");
    return text === null ? null : (JSON.parse(text) as Remembered);
  }

  #kept(key: string, make: () => string): Promise<string> {
    const read = async (): Promise<string> => {
      const known = await this.#env.storage.get(key);
      const value = known ?? make();
      if (known === null) await this.#env.storage.set(key, value);
      return value;
    };
    const lasting = this.#lasting.get(key) ?? read();
    this.#lasting.set(key, lasting);
    lasting.catch(() => this.#lasting.delete(key));
    return lasting;
  }
}

function missing(): Refused {
  return new Refused({ code: "token_missing", act: "reauth", say: "nobody is signed in" });
}
