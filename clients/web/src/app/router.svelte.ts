/** Addresses to pages and back. A link is an ordinary `<a href>`: clicks on our own are taken over. */
export type Route =
  | { page: "home" }
  | { page: "room"; slug: string }
  | { page: "studio"; slug: string }
  | { page: "summary"; slug: string; id: string }
  | { page: "talk" }
  | { page: "search" }
  | { page: "new-topic" }
  | { page: "topic"; slug: string }
  | { page: "members" }
  | { page: "notices" }
  | { page: "audit" }
  | { page: "check" }
  | { page: "confirm-mail" }
  | { page: "stop-mail" }
  | { page: "password" }
  | { page: "erase" }
  | { page: "sign-in" }
  | { page: "sign-up" }
  | { page: "set-up" }
  | { page: "not-found" };

const SLUG = /^[a-z0-9][a-z0-9-]{0,63}$/;

export function routeOf(path: string): Route {
  const parts = path.split("/").filter(Boolean);
  const [first, slug, third, id] = parts;
  if (first === undefined) return { page: "home" };
  if (first === "r" && slug !== undefined && parts.length <= (third === "b" ? 4 : 3)) {
    if (!SLUG.test(slug)) return { page: "not-found" };
    if (third === undefined) return { page: "room", slug };
    if (third === "studio") return { page: "studio", slug };
    if (third === "b" && id !== undefined) return { page: "summary", slug, id };
  }
  if (first === "talk" && parts.length === 1) return { page: "talk" };
  if (first === "talk" && slug === "new" && parts.length === 2) return { page: "new-topic" };
  if (first === "t" && slug !== undefined && parts.length === 2) return SLUG.test(slug) ? { page: "topic", slug } : { page: "not-found" };
  if (first === "mail" && parts.length === 2 && (slug === "confirm" || slug === "stop")) return { page: `${slug}-mail` };
  if (parts.length === 1 && (first === "password" || first === "erase" || first === "notices" || first === "audit" || first === "check" || first === "search")) return { page: first };
  if (parts.length === 1 && (first === "members" || first === "sign-in" || first === "sign-up" || first === "set-up")) {
    return { page: first };
  }
  return { page: "not-found" };
}

export const paths = {
  home: "/",
  members: "/members",
  notices: "/notices",
  audit: "/audit",
  /** For who forgot theirs. */
  password: "/password",
  /** The end of one's account. */
  erase: "/erase",
  room: (slug: string) => `/r/${slug}`,
  message: (slug: string, seq: number) => `/r/${slug}?s=${seq}`,
  /** Topics; `query` is what they are filtered by. */
  talk: (query = "") => (query ? `/talk?${query}` : "/talk"),
  /** `query` is what is looked for. */
  search: (query = "") => (query ? `/search?${query}` : "/search"),
  newTopic: "/talk/new",
  topic: (slug: string, seq?: number) => (seq === undefined ? `/t/${slug}` : `/t/${slug}?s=${seq}`),
  studio: (slug: string) => `/r/${slug}/studio`,
  /** What a broadcast was, once it is over. */
  summary: (slug: string, id: string) => `/r/${slug}/b/${encodeURIComponent(id)}`,
  /** Will it work here? For who watches, or goes live. */
  check: (as: "viewer" | "host") => (as === "host" ? "/check?as=host" : "/check"),
  /** `then` is where to go afterwards: always one of our own paths. */
  signIn: (then?: string) => (then && then !== "/" ? `/sign-in?then=${encodeURIComponent(then)}` : "/sign-in"),
  signUp: (then?: string) => (then && then !== "/" ? `/sign-up?then=${encodeURIComponent(then)}` : "/sign-up"),
};

/** A path of our own or home: an address from outside (`//evil`, `https:`) never gets through. */
export function ownPath(wish: string | null): string {
  return wish !== null && /^\/(?![/\\])/.test(wish) ? wish : paths.home;
}

class Router {
  #path = $state(location.pathname);
  #search = $state(location.search);
  readonly route: Route = $derived(routeOf(this.#path));

  get path(): string {
    return this.#path;
  }

  /** What stands behind the path, with its `?`. */
  get search(): string {
    return this.#search;
  }

  start(): () => void {
    const back = (): void => this.#read();
    const click = (event: MouseEvent): void => this.#click(event);
    addEventListener("popstate", back);
    document.addEventListener("click", click);
    return () => {
      removeEventListener("popstate", back);
      document.removeEventListener("click", click);
    };
  }

  go(path: string, how: "push" | "replace" = "push"): void {
    if (how === "push") history.pushState(null, "", path);
    else history.replaceState(null, "", path);
    this.#read();
    scrollTo(0, 0);
  }

  #read(): void {
    this.#path = location.pathname;
    this.#search = location.search;
  }

  #click(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (!link || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
    if (link.hash && link.pathname === location.pathname) return;
    event.preventDefault();
    this.go(link.pathname + link.search);
  }
}

export const router = new Router();
