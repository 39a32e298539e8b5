/**
 * The app's shell for when there is no network: the page and what it is made of, and nothing else. What
 * the server says (/api, /ws, media, a room's code) never passes through here.
 *
 * Online, the page always comes from the network, so that an upgraded server's app is the one that runs.
 * Files with a hash in their name never change and may come from the cache: a page that was open during an
 * upgrade still finds the parts it was built with. `vite.config.ts` fills in VERSION and SHELL.
 */
const VERSION = "%VERSION%";
const SHELL = ["%SHELL%"];
const PREFIX = "weiquan-shell-";
const CACHE = PREFIX + VERSION;
const PAGE = "/";

self.addEventListener("install", (event) => {
  // Asked for anew: what the browser kept may be of the version before.
  const wanted = SHELL.map((path) => new Request(path, { cache: "no-cache" }));
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(wanted)));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    caches.keys().then((names) => {
      const old = names.filter((it) => it.startsWith(PREFIX) && it !== CACHE);
      return Promise.all(old.map((it) => caches.delete(it)));
    }),
  );
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== location.origin) return;
  if (request.mode === "navigate") {
    if (isPage(pathname)) event.respondWith(fetch(request).catch(() => kept(PAGE)));
  } else if (SHELL.includes(pathname)) {
    const answer = pathname.startsWith("/assets/")
      ? caches.match(pathname).then((found) => found ?? fetch(request))
      : fetch(request).catch(() => kept(pathname));
    event.respondWith(answer);
  }
});

/** Addresses of people: no file, nothing of the API. */
function isPage(path) {
  return !/^\/(?:api|ws|whip|healthz|readyz)(?:\/|$)/.test(path) && !/\.[^/]*$/.test(path);
}

async function kept(path) {
  const cache = await caches.open(CACHE);
  return (await cache.match(path)) ?? Response.error();
}
