import type { Block, Doc, Inline } from "@weiquan/client";
import { render } from "svelte/server";
import { describe, expect, it } from "vitest";
import DocView from "../src/topic/Doc.svelte";
import { headingOf, isUpright, placeOf, wayOf } from "../src/topic/doc";

const BLOB = "0123456789abcdef".repeat(4);

/** What is drawn, without what Svelte leaves for itself. */
function drawn(b: Block[], tagHref?: (tag: string) => string): string {
  const doc: Doc = { b };
  const blobUrl = (blob: string, size?: string): string => `/api/v1/blobs/${blob}${size ? `/${size}` : ""}`;
  const { body } = render(DocView, { props: { doc, blobUrl, ...(tagHref && { tagHref }) } });
  return body
    .replaceAll(/<!--.*?-->/gs, "")
    .replaceAll(/\s*\bsvelte-\w+\s*/g, "")
    .replaceAll(' class=""', "")
    .replace(/^<div class="doc">|<\/div>$/g, "");
}
const p = (...i: Inline[]): Block => ({ k: "p", i });

describe("a doc", () => {
  it("is drawn as it was written", () => {
    expect(drawn([p("一 ", { k: "strong", i: ["粗", { k: "em", i: ["x"] }] }, { k: "br" }, { k: "strike", i: ["删"] }, { k: "code", text: "a  b" })])).toBe(
      "<p>一 <strong>粗<em>x</em></strong><br/><s>删</s><code>a  b</code></p>",
    );
    expect(drawn([{ k: "h", level: 1, i: ["题"] }, { k: "quote", b: [p("引")] }, { k: "rule" }])).toBe("<h2>题</h2><blockquote><p>引</p></blockquote><hr/>");
    expect(drawn([{ k: "list", start: 3, items: [[p("三")], [p("四"), { k: "list", items: [[p("甲")]] }]] }])).toBe(
      '<ol start="3"><li><p>三</p></li><li><p>四</p><ul><li><p>甲</p></li></ul></li></ol>',
    );
    expect(drawn([{ k: "code", lang: "rust", text: "fn main() {}\n  x" }])).toBe('<pre tabindex="0"><code>fn main() {}\n  x</code></pre>');
    expect(drawn([{ k: "table", head: [["甲"]], rows: [[["1"]]] }]).replaceAll(/\s+/g, "")).toContain('<thead><tr><thscope="col">甲</th></tr></thead><tbody><tr><td>1</td></tr></tbody>');
  });

  it("shows markup as the text that it is", () => {
    const evil = '<img src=x onerror="alert(1)">';
    const html = drawn([p(evil, { k: "code", text: evil }, { k: "tag", text: evil, tag: evil }), { k: "code", text: evil }, { k: "image", blob: BLOB, alt: evil }]);
    expect([...html.matchAll(/<(\w+)/g)].map((it) => it[1])).toEqual(["p", "code", "span", "pre", "code", "img"]);
    expect(html).toContain('alt="&lt;img src=x onerror=&quot;alert(1)&quot;>"');
  });

  it("follows only addresses that may be followed", () => {
    const link = (href: string): string => drawn([p({ k: "link", href, i: ["甲"] })]);
    expect(link("/r/lobby")).toBe('<p><a href="/r/lobby">甲</a></p>');
    expect(link("https://a.example")).toBe('<p><a href="https://a.example" target="_blank" rel="nofollow ugc noopener noreferrer">甲</a></p>');
    expect(drawn([p({ k: "link", href: "https://a.example" })])).toContain(">https://a.example</a>");
    for (const evil of ["javascript:alert(1)", "JAVASCRIPT:1", "data:text/html,x", "//evil.example", "/\\evil.example", "java\tscript:1", "https://a\u{202e}b", "/\u{200b}/b", "vbscript:1", "x", ""]) {
      expect(wayOf(evil), evil).toBeNull();
      expect(link(evil)).toBe("<p>甲</p>");
    }
    expect(wayOf("/api/v1/blobs/x")).toBe("outside");
    expect(wayOf("mailto:a@b.example")).toBe("outside");
  });

  it("keeps the place of a picture before it comes", () => {
    const html = drawn([{ k: "image", blob: BLOB, w: 1360, h: 680, alt: "山" }]);
    expect(html).toContain('alt="山" width="680" height="340" loading="lazy"');
    expect(html).toContain(`srcset="/api/v1/blobs/${BLOB}/preview 480w, /api/v1/blobs/${BLOB} 1360w"`);
    expect(drawn([{ k: "image", blob: BLOB }])).toContain('class="unmeasured"');
    expect(drawn([{ k: "image", blob: "../../admin" }])).toBe("");
    expect(placeOf(100, 50)).toEqual({ width: 100, height: 50, preview: 100 });
    expect(placeOf(1000, 7200)).toEqual({ width: 100, height: 720, preview: 67 });
    expect(placeOf(0, 10)).toBeNull();
  });

  it("leads from a tag where it is told to", () => {
    const tag: Inline = { k: "tag", text: "#Rust", tag: "rust" };
    expect(drawn([p(tag)])).toBe('<p><span class="tag">#Rust</span></p>');
    expect(drawn([p(tag)], (it) => `/tags/${it}`)).toBe('<p><a class="tag" href="/tags/rust">#Rust</a></p>');
  });

  it("shows nothing of kinds it does not know", () => {
    const tomorrow = { k: "hologram", of: [1] } as unknown as Block & Inline;
    expect(drawn([tomorrow, p("a", tomorrow, "b")])).toBe("<p>ab</p>");
    expect(isUpright([tomorrow])).toBe(false);
  });

  it("never slants Chinese", () => {
    expect(isUpright(["重点"])).toBe(true);
    expect(isUpright([{ k: "link", href: "/a", i: [{ k: "strong", i: ["重"] }] }])).toBe(true);
    expect(isUpright(["Rust ", { k: "code", text: "x" }])).toBe(false);
    expect(drawn([p({ k: "em", i: ["重点"] })])).toBe('<p><em class="upright">重点</em></p>');
  });

  it("has no heading beside the page's own", () => {
    expect([0, 1, 2, 3, 9].map(headingOf)).toEqual(["h2", "h2", "h3", "h4", "h4"]);
  });
});
