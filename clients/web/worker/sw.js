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

/** What a push says, in the language that the browser subscribed with. */
const WORDS = {
  en: { mention: "mentioned you", reply: "replied to you", picked: "is answering your question", reminder: "begins soon", live: "is live", accepted: "accepted your reply", changed: "moved a topic on", credit: "made a topic of what you said" },
  "zh-CN": { mention: "提到了你", reply: "回复了你", picked: "正在回答你的提问", reminder: "的直播快开始了", live: "开播了", accepted: "采纳了你的回复", changed: "更新了话题", credit: "把你说的话整理成了话题" },
  "zh-TW": { mention: "提到了你", reply: "回覆了你", picked: "正在回答你的提問", reminder: "的直播快開始了", live: "開播了", accepted: "採納了你的回覆", changed: "更新了話題", credit: "把你說的話整理成了話題" },
};

/** How far a topic is: the first word of what a push of a change says. */
const STATUSES = {
  en: { new: "New", seen: "Seen", planned: "Planned", doing: "In progress", shipped: "Shipped", declined: "Declined", done: "Done", thanked: "Thanked" },
  "zh-CN": { new: "新提出", seen: "已看到", planned: "计划中", doing: "正在做", shipped: "已上线", declined: "不采纳", done: "已完成", thanked: "已致谢" },
  "zh-TW": { new: "新提出", seen: "已看到", planned: "計畫中", doing: "正在做", shipped: "已上線", declined: "不採納", done: "已完成", thanked: "已致謝" },
};

self.addEventListener("push", (event) => {
  event.waitUntil(show(event.data));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open(event.notification.data.path));
});

/** Nothing is shown to who looks at the app already: the page tells by itself. */
async function show(data) {
  const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  if (pages.some((it) => it.visibilityState === "visible")) return;
  let said;
  try {
    said = data.json();
  } catch {
    return;
  }
  const words = WORDS[said.lang] ?? WORDS.en;
  await self.registration.showNotification(`${said.from} ${words[said.kind] ?? ""}`.trim(), {
    body: said.kind === "changed" ? changed(said) : said.text,
    icon: "/icon-192.png",
    // One of a kind in a room: the newest takes the place of the one before, and is heard again.
    tag: `${said.kind} ${said.room}`,
    renotify: true,
    lang: said.lang,
    timestamp: Date.now(),
    data: { path: `/${said.topic ? "t" : "r"}/${encodeURIComponent(said.room)}${said.s === undefined ? "" : `?s=${said.s}`}` },
  });
}

function changed({ text, lang }) {
  const [word, ...reason] = text.split(" ");
  const status = (STATUSES[lang] ?? STATUSES.en)[word] ?? word;
  return [status, reason.join(" ")].filter(Boolean).join(" · ");
}

/**
 * A page that is open already goes there and comes to the front; else there is a new one. A tap allows one of the two,
 * `focus` or `openWindow`: so it is tried first whether that page can be moved. One that was there before the worker cannot.
 */
async function open(path) {
  const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const { pathname } = new URL(path, location.origin);
  const at = (it) => new URL(it.url).pathname === pathname;
  const there = pages.find(at) ?? pages[0];
  // A room that is open already is not loaded anew: it goes to the message by itself.
  if (there && at(there)) there.postMessage({ path });
  const moved = there && (at(there) ? there : await there.navigate(path).catch(() => null));
  return moved ? moved.focus() : self.clients.openWindow(path);
}
