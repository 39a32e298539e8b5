/** Every page and state worth looking at, by address of the stand-in build, and what to do once there. */
export const settle = (ms) => new Promise((done) => setTimeout(done, ms));

/** Says the name and the password, and presses the button. */
export async function eraseAs(page, name, password) {
  await page.waitForSelector("[data-act=erase]");
  await page.type("input[name=name]", name);
  await page.type("input[autocomplete=current-password]", password);
  await page.click("[data-act=erase]");
  await page.waitForSelector("[data-erased], .wrong");
}

/** Opens the sheet, finds somebody and presses the button. */
export async function handOver(page, name, password) {
  await page.waitForSelector("[data-act=hand-over]");
  // The list above it comes meanwhile, and moves it.
  await page.$eval("[data-act=hand-over]", (it) => it.click());
  await page.waitForSelector("dialog[open] input[type=search]");
  await page.type("dialog[open] input[type=search]", name);
  await page.waitForFunction((it) => document.querySelector("dialog[open] [data-member]")?.textContent.includes(it), {}, name);
  await page.$eval("dialog[open] [data-member] input", (it) => it.click());
  await page.waitForSelector("dialog[open] input[autocomplete=current-password]");
  if (password === undefined) return;
  await page.type("dialog[open] input[autocomplete=current-password]", password);
  await page.click("[data-act=hand-over-now]");
  await page.waitForSelector("[data-handed], dialog[open] .wrong");
}

export const states = [
  { name: "home", path: "/" },
  { name: "home-empty", path: "/?circle=empty" },
  { name: "home-guest", path: "/?who=nobody&circle=empty" },
  { name: "room-live", path: "/r/live" },
  { name: "room-audio", path: "/r/audio" },
  { name: "room-idle-host", path: "/r/idle?who=host" },
  { name: "room-scheduled", path: "/r/scheduled" },
  { name: "room-open", path: "/r/open" },
  { name: "room-connecting", path: "/r/connecting" },
  { name: "room-queued", path: "/r/queued" },
  { name: "room-full", path: "/r/full" },
  {
    name: "room-narrow",
    path: "/r/narrow",
    // Words of the line come once it is heard, for which some browsers want a tap.
    then: async (page) => {
      await page.waitForSelector('.stage .listen, .stage p[role="status"]');
      await page.$(".stage .listen").then((it) => it?.click());
      await page.waitForSelector('.stage p[role="status"]');
    },
  },
  { name: "room-reconnecting", path: "/r/reconnecting?status=reconnecting" },
  { name: "room-paused", path: "/r/paused" },
  { name: "room-ended", path: "/r/ended" },
  { name: "room-failed", path: "/r/failed" },
  { name: "room-codec", path: "/r/codec" },
  { name: "notices", path: "/notices" },
  { name: "notices-none", path: "/notices?circle=empty" },
  { name: "mail-none", path: "/notices?circle=empty&mail=none" },
  { name: "mail-fails", path: "/notices?circle=empty&mail=fails" },
  { name: "mail-confirmed", path: "/mail/confirm#new" },
  { name: "mail-spent", path: "/mail/confirm#old" },
  { name: "mail-stop", path: "/mail/stop?of=m_me&seal=x" },
  { name: "password-forgotten", path: "/password?who=nobody" },
  { name: "password-change", path: "/password" },
  { name: "password-new", path: "/password?who=nobody#new" },
  { name: "erase", path: "/erase" },
  { name: "erase-wrong", path: "/erase", then: (page) => eraseAs(page, "何夕", "wrong") },
  { name: "erase-done", path: "/erase", then: (page) => eraseAs(page, "何夕", "right") },
  {
    name: "room-mention", path: "/r/live",
    then: async (page) => {
      await page.waitForSelector("textarea");
      await page.type("textarea", "谢谢 @");
      await page.waitForSelector("#mention-pick li");
    },
  },
  { name: "room-gap-offline", path: "/r/gap?status=offline" },
  { name: "room-slow-guest", path: "/r/slow?who=guest" },
  { name: "room-muted", path: "/r/muted" },
  { name: "room-empty", path: "/r/empty" },
  { name: "room-joining", path: "/r/joining" },
  { name: "room-members", path: "/r/members?who=guest" },
  { name: "room-banned", path: "/r/banned" },
  { name: "room-people", path: "/r/gap?who=host", then: (page) => clickOn(page, ".chat .here") },
  { name: "room-crowd", path: "/r/show", then: (page) => clickOn(page, ".chat .here") },
  {
    name: "room-crowd-find", path: "/r/show?who=host",
    then: async (page) => {
      await clickOn(page, ".chat .here");
      await page.type("dialog[open] input[type=search]", "林");
      await page.waitForFunction(() => [...document.querySelectorAll("dialog[open] li .name")].every((it) => it.textContent.includes("林")));
    },
  },
  { name: "room-line", path: "/r/live", then: (page) => clickOn(page, ".line") },
  { name: "room-settings", path: "/r/slow?who=host", then: (page) => clickOn(page, ".chat .head [data-act=settings]") },
  { name: "room-quiet", path: "/r/quiet" },
  { name: "room-asking", path: "/r/asking" },
  { name: "room-settings-quiet", path: "/r/quiet?who=host", then: (page) => clickOn(page, ".chat .head [data-act=settings]") },
  { name: "room-held", path: "/r/review" },
  { name: "room-review", path: "/r/review?who=host", then: (page) => clickOn(page, ".chat [data-act=review]") },
  {
    name: "room-rules", path: "/r/review?who=host",
    then: async (page) => {
      await clickOn(page, ".chat [data-act=settings]");
      await clickOn(page, "dialog[open] [data-act=rules]");
    },
  },
  { name: "room-apart", path: "/r/apart" },
  { name: "room-life", path: "/r/life" },
  { name: "room-poll-open", path: "/r/life", then: (page) => clickOn(page, "[data-act=poll-bar]") },
  { name: "room-poll-make", path: "/r/life?who=host", then: (page) => clickOn(page, ".chat [data-act=poll]") },
  {
    name: "room-thread", path: "/r/life",
    // Its row is in the page only while it is near to what is shown, which hangs on how much room the talk has.
    then: async (page) => {
      await page.waitForSelector(".log [data-key]");
      await page.$eval(".log", (it) => (it.scrollTop = 0));
      await clickOn(page, "[data-key='s104'] .thread");
    },
  },
  { name: "room-emoji", path: "/r/life", then: (page) => clickOn(page, "[data-act=emoji]") },
  { name: "room-questions", path: "/r/apart?who=host", then: (page) => clickOn(page, ".chat [data-act=questions]") },
  { name: "room-things", path: "/r/things" },
  { name: "room-viewer", path: "/r/things", then: (page) => clickOn(page, ".image") },
  {
    name: "room-attach", path: "/r/live?who=host",
    then: async (page) => {
      await clickOn(page, "[data-act=attach]");
      await page.evaluate(() => {
        const data = new DataTransfer();
        for (const name of ["beach.jpg", "slow.jpg", "bad.jpg"]) data.items.add(new File(["x"], name, { type: "image/jpeg" }));
        document.querySelector(".write").dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
      });
      await page.waitForSelector(".write li");
    },
  },
  {
    name: "room-card-form", path: "/r/live?who=host",
    then: async (page) => {
      await clickOn(page, "[data-act=attach]");
      await clickOn(page, "[data-act=card]");
    },
  },
  { name: "summary", path: "/r/ended/b/b_1" },
  { name: "summary-host", path: "/r/ended/b/b_1?who=host" },
  { name: "export-broadcast", path: "/r/ended/b/b_1?who=host", then: (page) => reach(page, "export-broadcast") },
  { name: "export-me", path: "/notices", then: (page) => reach(page, "export-me") },
  { name: "export-circle", path: "/members?who=owner", then: (page) => reach(page, "export-circle") },
  {
    name: "export-topic", path: "/t/planned?who=owner&s=2",
    then: async (page) => {
      await clickOn(page, "[data-act=manage]");
      await reach(page, "export-topic");
    },
  },
  {
    name: "export-board", path: "/talk?who=owner",
    then: async (page) => {
      await clickOn(page, "[data-act=boards]");
      await clickOn(page, "[data-board-row=help] [data-act=change-board]");
      await page.waitForSelector("[data-act=export-board]");
    },
  },
  { name: "recap-draft", path: "/talk/new?recap=ended/b_1&who=host" },
  { name: "topic-merged", path: "/t/twin?s=2" },
  { name: "topic-split", path: "/t/hiking?s=2" },
  { name: "topic-split-from", path: "/t/camping?s=2" },
  {
    name: "topic-splitting", path: "/t/weakties?who=owner&s=2",
    then: async (page) => {
      await clickOn(page, "[data-seq='4'] [data-act=more]");
      await clickOn(page, "dialog[open] [data-act=make-topic]");
      await clickOn(page, "[data-seq='6'] [data-act=select]");
    },
  },
  {
    name: "topic-split-sheet", path: "/t/weakties?who=owner&s=2",
    then: async (page) => {
      await clickOn(page, "[data-seq='4'] [data-act=more]");
      await clickOn(page, "dialog[open] [data-act=make-topic]");
      await clickOn(page, "[data-seq='6'] [data-act=select]");
      await clickOn(page, "[data-act=select-split]");
      await page.waitForSelector("[name=title]");
    },
  },
  { name: "topic-took", path: "/t/took?s=2" },
  {
    name: "topic-merge", path: "/t/planned?who=owner&s=2",
    then: async (page) => {
      await clickOn(page, "[data-act=manage]");
      await clickOn(page, "dialog[open] [data-act=merge]");
      await page.waitForSelector("[data-into]");
    },
  },
  { name: "talk-board", path: "/talk?board=help" },
  { name: "room-share", path: "/r/live", then: (page) => clickOn(page, "[data-act=share]") },
  {
    name: "room-share-system", path: "/r/live",
    then: async (page) => {
      await page.evaluate(() => (navigator.share = async () => undefined));
      await clickOn(page, "[data-act=share]");
    },
  },
  {
    name: "account-menu-install", path: "/?who=owner",
    then: async (page) => {
      await page.evaluate(() => dispatchEvent(new Event("beforeinstallprompt", { cancelable: true })));
      await clickOn(page, "header button.icon");
    },
  },
  {
    name: "room-gap", path: "/r/gap",
    then: async (page) => {
      await page.$eval(".log", (it) => (it.scrollTop = 120));
      await page.waitForSelector(".log .gap");
    },
  },
  { name: "room-menu", path: "/r/live?who=owner", then: (page) => clickOn(page, "[data-key='s105'] .act") },
  { name: "room-select", path: "/r/live", then: select },
  { name: "studio-arrives", path: "/r/encoder/studio?who=host" },
  { name: "studio-arrives-fair", path: "/r/encoder-fair/studio?who=host" },
  { name: "studio-arrives-poor", path: "/r/encoder-poor/studio?who=host" },
  { name: "studio-pick", path: "/r/studio/studio?who=host" },
  { name: "studio-ready", path: "/r/studio/studio?who=host", then: (page) => clickOn(page, ".pick button") },
  {
    name: "studio-live", path: "/r/studio/studio?who=host",
    then: async (page) => {
      await clickOn(page, ".pick button");
      await clickOn(page, "[data-act=start]");
      await settle(900);
    },
  },
  {
    name: "studio-summary", path: "/r/studio/studio?who=host",
    then: async (page) => {
      await clickOn(page, ".pick button");
      await clickOn(page, "[data-act=start]");
      await page.waitForSelector(".health");
      await clickOn(page, "[data-act=end]");
      await clickOn(page, "dialog[open] .foot .main");
    },
  },
  { name: "studio-thread", path: "/r/life/studio?who=host", then: (page) => clickOn(page, "[data-key='s104'] .thread") },
  { name: "studio-encoder", path: "/r/studio/studio?who=host", then: (page) => clickOn(page, "[data-act=encoder]") },
  { name: "studio-refused", path: "/r/studio/studio?who=member" },
  { name: "sign-in", path: "/sign-in?who=nobody" },
  {
    name: "sign-in-wrong", path: "/sign-in?who=nobody",
    then: async (page) => {
      await page.type("input[autocomplete=username]", "林小满");
      await page.type("input[type=password]", "wrong");
      await page.keyboard.press("Enter");
      await page.waitForSelector("[role=alert]");
    },
  },
  { name: "sign-up", path: "/sign-up?who=nobody" },
  { name: "account-menu", path: "/", then: (page) => clickOn(page, "header button.icon") },
  { name: "account-menu-owner", path: "/?who=owner", then: (page) => clickOn(page, "header button.icon") },
  { name: "members", path: "/members?who=owner", then: (page) => page.waitForSelector("[data-member]") },
  { name: "audit", path: "/audit?who=owner", then: (page) => page.waitForSelector("[data-act]") },
  { name: "audit-own", path: "/audit?who=member", then: (page) => page.waitForSelector("[data-act]") },
  { name: "members-refused", path: "/members?who=member" },
  { name: "hand-over", path: "/members?who=owner", then: (page) => handOver(page, "周") },
  { name: "hand-over-wrong", path: "/members?who=owner", then: (page) => handOver(page, "周", "wrong") },
  { name: "hand-over-done", path: "/members?who=owner", then: (page) => handOver(page, "周", "right") },
  { name: "home-missed", path: "/", then: (page) => page.waitForSelector("[data-missed]").then((it) => it.scrollIntoView()) },
  { name: "digest", path: "/notices", then: (page) => page.waitForSelector("[data-digest]").then((it) => it.scrollIntoView({ block: "center" })) },
  { name: "digest-stop", path: "/mail/stop?of=m_me&seal=x&what=digest" },
  {
    name: "members-appoint", path: "/members?who=owner",
    then: (page) => clickOn(page, "[data-member=m_wu] [data-act=role]"),
  },
  {
    name: "room-person-owner", path: "/r/gap?who=owner",
    then: async (page) => {
      await clickOn(page, ".chat .here");
      await clickOn(page, "dialog[open] [aria-expanded]");
    },
  },
  { name: "studio-announce", path: "/r/studio/studio?who=host", then: (page) => clickOn(page, "[data-act=schedule]") },
  { name: "studio-announced", path: "/r/scheduled/studio?who=host" },
  {
    name: "make-room-later", path: "/?who=owner",
    then: async (page) => {
      await clickOn(page, ".hello .main");
      await clickOn(page, "dialog[open] label:nth-of-type(2) input[type=radio]");
    },
  },
  { name: "check", path: "/check" },
  { name: "check-host", path: "/check?as=host" },
  { name: "check-tcp", path: "/check?line=tcp" },
  { name: "check-bad", path: "/check?as=host&line=bad" },
  { name: "check-waiting", path: "/check?as=host&line=waiting" },
  { name: "make-room", path: "/", then: (page) => clickOn(page, ".hello .main") },
  { name: "set-up-link", path: "/?circle=new&who=nobody" },
  { name: "set-up", path: "/set-up?circle=new&who=nobody#one-time-code" },
  { name: "set-up-done", path: "/set-up?circle=new&who=nobody#one-time-code", then: setUp },
  { name: "talk", path: "/talk" },
  { name: "talk-guest", path: "/talk?who=nobody" },
  { name: "talk-filtered", path: "/talk?board=reading&tag=%E5%9B%9E%E9%A1%BE" },
  { name: "talk-none-here", path: "/talk?kind=poll" },
  { name: "talk-empty", path: "/talk?circle=empty" },
  { name: "boards", path: "/talk?who=owner", then: (page) => clickOn(page, "[data-act=boards]") },
  {
    name: "board-new", path: "/talk?who=owner",
    then: async (page) => {
      await clickOn(page, "[data-act=boards]");
      await clickOn(page, "[data-act=new-board]");
    },
  },
  { name: "new-topic", path: "/talk/new" },
  {
    name: "new-topic-quotes", path: "/r/live",
    then: async (page) => {
      await select(page);
      await clickOn(page, "[data-act=select-start]");
      await page.waitForSelector("[data-quote]");
    },
  },
  { name: "topic-moment", path: "/t/seconds?s=2" },
  { name: "topic-pictures", path: "/t/seconds?s=2", then: (page) => intoText(page, "[data-act=attach]", ".box .row") },
  { name: "new-topic-pictures", path: "/talk/new", then: (page) => intoText(page, undefined, "textarea[name=text]") },
  { name: "summary-moment", path: "/r/ended/b/b_1#t=2661", then: () => settle(300) },
  {
    name: "moment-start", path: "/r/live",
    then: async (page) => {
      await clickOn(page, ".write [data-act=attach]");
      await clickOn(page, ".write [data-act=moment]");
      await page.waitForSelector("dialog[open] [name=text]");
      await settle(300);
    },
  },
  { name: "topic-exchange", path: "/t/exchange" },
  { name: "topic-elsewhere", path: "/t/elsewhere" },
  {
    name: "topic-select", path: "/t/weakties?s=3",
    then: async (page) => {
      await clickOn(page, "[data-seq='3'] [data-act=more]");
      await clickOn(page, "dialog[open] [data-act=make-topic]");
      await clickOn(page, "[data-seq='4'] [data-act=select]");
    },
  },
  { name: "new-topic-guest", path: "/talk/new?who=nobody" },
  {
    name: "new-topic-failed", path: "/talk/new",
    then: async (page) => {
      await page.waitForSelector("input[name=title]");
      await page.type("input[name=title]", "This fails once");
      await page.type("textarea[name=text]", "写好的话都还在。\n\n第二段也在。");
      await page.type("input[name=tags]", "#共读 周末");
      await clickOn(page, "form .main");
      await page.waitForSelector("[role=alert]");
    },
  },
  { name: "topic", path: "/t/weakties" },
  { name: "topic-top", path: "/t/weakties?s=2" },
  { name: "topic-written", path: "/t/written", then: (page) => page.$eval(".scroll", (it) => (it.scrollTop = it.scrollHeight)).then(() => settle(300)) },
  { name: "topic-answered", path: "/t/answered?s=2" },
  { name: "topic-planned", path: "/t/planned?s=2" },
  { name: "topic-declined", path: "/t/declined?who=guest" },
  { name: "topic-matched", path: "/t/matched" },
  { name: "topic-locked", path: "/t/locked" },
  { name: "topic-guest", path: "/t/weakties?who=guest" },
  { name: "topic-none", path: "/t/books" },
  { name: "topic-long", path: "/t/much" },
  { name: "topic-loading", path: "/t/joining" },
  { name: "topic-failed", path: "/t/failed" },
  { name: "topic-members", path: "/t/inner?who=guest" },
  { name: "topic-nowhere", path: "/t/nothing-here" },
  { name: "topic-menu", path: "/t/answered?who=owner&s=3", then: (page) => clickOn(page, "[data-seq='3'] [data-act=more]") },
  { name: "topic-manage", path: "/t/planned?who=owner&s=2", then: (page) => clickOn(page, "[data-act=manage]") },
  {
    name: "topic-decline", path: "/t/planned?who=owner&s=2",
    then: async (page) => {
      await clickOn(page, "[data-act=manage]");
      await clickOn(page, "dialog[open] input[value=declined]");
    },
  },
  { name: "topic-follow", path: "/t/weakties?s=2", then: (page) => clickOn(page, "[data-act=follow]") },
  {
    name: "topic-quote", path: "/t/weakties?s=2",
    then: async (page) => {
      await page.waitForSelector("[data-quotable='2'] p");
      await page.$eval("[data-quotable='2'] p", (it) => {
        const range = document.createRange();
        const words = [...it.childNodes].find((node) => node.nodeType === 3 && node.length > 20);
        range.setStart(words, 5);
        range.setEnd(words, 18);
        document.getSelection().addRange(range);
      });
      await page.waitForSelector("[data-act=quote]");
    },
  },
  { name: "search", path: "/search" },
  {
    name: "search-recent", path: "/search",
    then: async (page) => {
      const kept = ["弱关系 场地", "圈子公约", "“三度影响力”", "https example.org", "周六 放映 字幕"];
      await page.evaluate((it) => localStorage.setItem("weiquan.draft.search/m_me", JSON.stringify(it)), kept);
      await page.reload();
      await page.waitForSelector("[data-act=forget]");
      await settle(200);
    },
  },
  { name: "search-found", path: "/search?q=%E5%BC%B1%E5%85%B3%E7%B3%BB", then: (page) => page.waitForSelector("a[data-hit]") },
  { name: "search-latin", path: "/search?q=every%20job", then: (page) => page.waitForSelector("a[data-hit]") },
  {
    name: "search-narrow", path: "/search?q=%E5%A4%A7%E8%BF%9E%E6%8E%A5&room=things&has=image&from=week&author=m_lin",
    then: (page) => page.waitForSelector("a[data-hit]"),
  },
  { name: "search-room", path: "/search?room=weakties" },
  { name: "search-guest", path: "/search?q=%E4%B9%A6&who=guest", then: (page) => page.waitForSelector("a[data-hit]") },
  { name: "search-looking", path: "/search?q=forever", then: (page) => page.waitForSelector(".looks") },
  { name: "search-further", path: "/search?q=rare", then: (page) => page.waitForSelector("a[data-hit]") },
  { name: "search-deep", path: "/search?q=deep", then: (page) => page.waitForSelector("[data-act=further]") },
  { name: "search-none", path: "/search?q=%E6%81%90%E9%BE%99&from=month", then: (page) => page.waitForSelector("[data-trouble=none]") },
  { name: "search-wait", path: "/search?q=fast", then: (page) => page.waitForSelector("[data-trouble=wait]") },
  { name: "search-long", path: `/search?q=${"a+".repeat(9)}`, then: (page) => page.waitForSelector("[data-trouble=long]") },
  { name: "search-marks", path: "/search?q=%EF%BC%81%F0%9F%8E%89", then: (page) => page.waitForSelector("[data-trouble=marks]") },
  { name: "search-members", path: "/search?q=a&room=inner&who=guest", then: (page) => page.waitForSelector("[data-trouble=room]") },
  { name: "search-away", path: "/search?q=away&status=offline", then: (page) => page.waitForSelector("[data-trouble=away]") },
  { name: "search-broken", path: "/search?q=broken", then: (page) => page.waitForSelector("[data-trouble=failed]") },
  { name: "not-found", path: "/nowhere/at/all" },
];

async function setUp(page) {
  await page.type("input[autocomplete=username]", "许知远");
  await page.type("input[autocomplete=new-password]", "correct horse battery");
  await page.keyboard.press("Enter");
  await page.waitForSelector("input[autocomplete=organization]");
  await page.type("input[autocomplete=organization]", "晨读会");
  await page.keyboard.press("Enter");
  await page.waitForSelector("a.btn.wide");
}

async function select(page) {
  await clickOn(page, "[data-key='s104'] .act");
  await clickOn(page, "dialog[open] [data-act=make-topic]");
  await clickOn(page, "[data-key='s105'] [data-act=select]");
}

async function clickOn(page, selector) {
  await page.waitForSelector(selector);
  await page.$eval(selector, (it) => it.click());
  await settle(400);
}

async function reach(page, act) {
  const at = `[data-act=${act}]`;
  await page.waitForSelector(at);
  await page.$eval(at, (it) => it.scrollIntoView({ block: "center" }));
  await settle(200);
}

/** Pastes a picture, and two that do not get there, into a text of a topic. */
async function intoText(page, opener, target) {
  if (opener) await clickOn(page, opener);
  await page.waitForSelector(target);
  await page.waitForSelector(".ways [data-act=voice]");
  await page.evaluate((at) => {
    const data = new DataTransfer();
    for (const name of ["hills.jpg", "slow.jpg", "bad.jpg"]) data.items.add(new File(["x"], name, { type: "image/jpeg" }));
    document.querySelector(at).dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
  }, target);
  await page.waitForSelector("ul .input");
  await settle(300);
}
