//! What is written, and what becomes of it.

use super::*;

const BLOB: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// Written like this, it is this HTML; and the tree is on the wire what it is here.
fn check(text: &str, expect: &str) {
    let text = text.replace("BLOB", BLOB);
    let doc = parse(&text);
    let seen = html(&doc).replace(BLOB, "BLOB");
    let seen = seen.replace(r#" rel="nofollow ugc noopener""#, "");
    assert_eq!(seen, expect, "{text:?} is {doc:?}");
    let json = serde_json::to_string(&doc).expect("plain values");
    assert_eq!(serde_json::from_str::<Doc>(&json).expect("a doc"), doc);
}

#[test]
fn markdown_is_what_it_is_everywhere() {
    check("", "");
    check("今晚八点", "<p>今晚八点</p>");
    check("一\n\n二", "<p>一</p><p>二</p>");
    check(
        "**粗** *斜* ~~删~~ `码`",
        "<p><strong>粗</strong> <em>斜</em> <s>删</s> <code>码</code></p>",
    );
    check("> 引\n> 用", "<blockquote><p>引<br>用</p></blockquote>");
    check(
        "- 一\n- 二",
        "<ul><li><p>一</p></li><li><p>二</p></li></ul>",
    );
    check(
        "3. 三\n4. 四",
        r#"<ol start="3"><li><p>三</p></li><li><p>四</p></li></ol>"#,
    );
    check(
        "- 一\n  - 甲\n- 二",
        "<ul><li><p>一</p><ul><li><p>甲</p></li></ul></li><li><p>二</p></li></ul>",
    );
    check("- [ ] 买票", "<ul><li><p>[ ] 买票</p></li></ul>");
    check(
        "```rust\nfn main() {}\n\n\tx\n```",
        "<pre><code>\nfn main() {}\n\n\tx</code></pre>",
    );
    check("一\n\n---\n\n二", "<p>一</p><hr><p>二</p>");
    check(
        "| 甲 | 乙 |\n|---|---|\n| **1** | 2 |",
        "<table><thead><tr><th>甲</th><th>乙</th></tr></thead><tbody><tr><td><strong>1</strong></td><td>2</td></tr></tbody></table>",
    );
    check(r"\*不斜\*", "<p>*不斜*</p>");
    check("a &amp; b &lt;", "<p>a &amp; b &lt;</p>");
}

#[test]
fn headings_stand_below_the_pages_own() {
    check("# 一", "<h2>一</h2>");
    check("## 二", "<h3>二</h3>");
    check(
        "### 三\n#### 四\n###### 六",
        "<h4>三</h4><h4>四</h4><h4>六</h4>",
    );
    check("题\n===", "<h2>题</h2>");
    check("#", "");
}

#[test]
fn a_line_break_is_a_line_break() {
    check("一\n二  \n三\\\n四", "<p>一<br>二<br>三<br>四</p>");
    check("一\r\n二\r三", "<p>一<br>二<br>三</p>");
    check("一\u{2028}二", "<p>一<br>二</p>");
}

#[test]
fn html_is_the_text_that_was_typed() {
    check("<b>粗</b>", "<p>&lt;b&gt;粗&lt;/b&gt;</p>");
    check(
        "<div>\n <i>x</i>\n</div>\n\n**后**",
        "<p>&lt;div&gt;<br>&lt;i&gt;x&lt;/i&gt;<br>&lt;/div&gt;</p><p><strong>后</strong></p>",
    );
    check("一<br>二", "<p>一&lt;br&gt;二</p>");
    check("<!-- 注 -->", "<p>&lt;!-- 注 --&gt;</p>");
    // A tag at the beginning of a line takes nothing from the rest of it.
    check(
        "<b>粗</b> **真的**\n- <i>一</i> `二`\n\n> <u>引</u> *用*",
        "<p>&lt;b&gt;粗&lt;/b&gt; <strong>真的</strong></p>\
         <ul><li><p>&lt;i&gt;一&lt;/i&gt; <code>二</code></p></li></ul>\
         <blockquote><p>&lt;u&gt;引&lt;/u&gt; <em>用</em></p></blockquote>",
    );
    check("    <b>", "<pre><code>\n&lt;b&gt;</code></pre>");
    check(
        "<https://example.com/a>",
        r#"<p><a href="https://example.com/a">https://example.com/a</a></p>"#,
    );
}

#[test]
fn emphasis_holds_beside_chinese_signs() {
    check("**你好。**世界", "<p><strong>你好。</strong>世界</p>");
    check("世界**“你好”**", "<p>世界<strong>“你好”</strong></p>");
    check(
        "他说**“你好！”**然后走了",
        "<p>他说<strong>“你好！”</strong>然后走了</p>",
    );
    check("**（注意）**请看", "<p><strong>（注意）</strong>请看</p>");
    check(
        "**一。**二，**三。**四",
        "<p><strong>一。</strong>二，<strong>三。</strong>四</p>",
    );
    check(
        "**世界**，**你好**！再**见**。",
        "<p><strong>世界</strong>，<strong>你好</strong>！再<strong>见</strong>。</p>",
    );
    check("*你好。*世界", "<p><em>你好。</em>世界</p>");
    check(
        "***你好。***世界",
        "<p><em><strong>你好。</strong></em>世界</p>",
    );
    check("~~旧的。~~新的", "<p><s>旧的。</s>新的</p>");
    check(
        "**甲，*乙*。**丙",
        "<p><strong>甲，<em>乙</em>。</strong>丙</p>",
    );
    check(
        "*甲，**乙**。*丙",
        "<p><em>甲，<strong>乙</strong>。</em>丙</p>",
    );
    check(
        "使用**`cargo`**命令",
        "<p>使用<strong><code>cargo</code></strong>命令</p>",
    );
    check(
        "请看**[这里](/a)**吧",
        r#"<p>请看<strong><a href="/a">这里</a></strong>吧</p>"#,
    );
    check("我**~~不~~**去", "<p>我<strong><s>不</s></strong>去</p>");
    check(
        "- **一：**甲\n- **二：**乙",
        "<ul><li><p><strong>一：</strong>甲</p></li><li><p><strong>二：</strong>乙</p></li></ul>",
    );
    check(
        "|**甲。**乙|丙|\n|-|-|\n|1|**2**|",
        "<table><thead><tr><th><strong>甲。</strong>乙</th><th>丙</th></tr></thead><tbody><tr><td>1</td><td><strong>2</strong></td></tr></tbody></table>",
    );
    check("你好。**世界**", "<p>你好。<strong>世界</strong></p>");
    check("3*4=12，5*6=30", "<p>3*4=12，5*6=30</p>");
    check(
        "`3*4*5` [2*3*4](/2*3*4)",
        r#"<p><code>3*4*5</code> <a href="/2*3*4">2*3*4</a></p>"#,
    );
    check(r"你好\**世界**", "<p>你好*<em>世界</em>*</p>");
    check("`**你好。**世界`", "<p><code>**你好。**世界</code></p>");
    check(
        "snake_case_name 与 __init__",
        "<p>snake_case_name 与 <strong>init</strong></p>",
    );
}

#[test]
fn a_single_tilde_is_a_tone_of_voice() {
    check("好的~ 明天见~", "<p>好的~ 明天见~</p>");
    check("我~爱~你", "<p>我~爱~你</p>");
    check("a ~b~ c", "<p>a ~b~ c</p>");
}

#[test]
fn addresses_become_links_by_themselves() {
    check(
        "见https://a.example/b?c=1&d=2#e。好",
        r#"<p>见<a href="https://a.example/b?c=1&amp;d=2#e">https://a.example/b?c=1&amp;d=2#e</a>。好</p>"#,
    );
    check(
        "（https://a.example）",
        r#"<p>（<a href="https://a.example">https://a.example</a>）</p>"#,
    );
    check(
        "看「https://a.example/x」，",
        r#"<p>看「<a href="https://a.example/x">https://a.example/x</a>」，</p>"#,
    );
    check(
        "(https://a.example/b_(c)).",
        r#"<p>(<a href="https://a.example/b_(c)">https://a.example/b_(c)</a>).</p>"#,
    );
    check(
        "https://a.example/_b_/c_d",
        r#"<p><a href="https://a.example/_b_/c_d">https://a.example/_b_/c_d</a></p>"#,
    );
    check(
        "https://a.example/~b/~c",
        r#"<p><a href="https://a.example/~b/~c">https://a.example/~b/~c</a></p>"#,
    );
    check(
        "**https://a.example**",
        r#"<p><strong><a href="https://a.example">https://a.example</a></strong></p>"#,
    );
    check(
        "_https://a.example/b_",
        r#"<p><em><a href="https://a.example/b">https://a.example/b</a></em></p>"#,
    );
    check(
        "HTTPS://A.example",
        r#"<p><a href="https://A.example">HTTPS://A.example</a></p>"#,
    );
    check(
        "<https://a.example/_b_>",
        r#"<p><a href="https://a.example/_b_">https://a.example/_b_</a></p>"#,
    );
    check(
        "https://a.example\u{200b}/b",
        "<p><a href=\"https://a.example\">https://a.example</a>\u{200b}/b</p>",
    );
    for text in [
        "xhttps://a.example",
        "http://",
        "https://。",
        "https://@a",
        "ftp://a.example",
        "www.a.example",
    ] {
        check(text, &format!("<p>{text}</p>"));
    }
    check(
        "`https://a.example`",
        "<p><code>https://a.example</code></p>",
    );
}

#[test]
fn links_lead_where_links_may() {
    check(
        "[甲](https://a.example)",
        r#"<p><a href="https://a.example">甲</a></p>"#,
    );
    check("[甲](/r/lobby)", r#"<p><a href="/r/lobby">甲</a></p>"#);
    check(
        "[信](mailto:a@b.example)",
        r#"<p><a href="mailto:a@b.example">信</a></p>"#,
    );
    check(
        "<a@b.example>",
        r#"<p><a href="mailto:a@b.example">a@b.example</a></p>"#,
    );
    check(
        "[甲][1]\n\n[1]: https://a.example/_b_ \"t\"",
        r#"<p><a href="https://a.example/_b_">甲</a></p>"#,
    );
    check(
        "[**粗** #不是](/a)",
        r#"<p><a href="/a"><strong>粗</strong> #不是</a></p>"#,
    );
    check(
        "[https://a.example](https://b.example)",
        r#"<p><a href="https://b.example">https://a.example</a></p>"#,
    );
    check("[](/a)", r#"<p><a href="/a">/a</a></p>"#);
    for elsewhere in [
        "//b.example",
        "/\\b.example",
        "b",
        "#b",
        "ftp://b",
        "https:///b",
        "https://a@b",
        "mailto:b",
        "tel:1",
    ] {
        check(
            &format!("[**甲**](<{elsewhere}>) #乙"),
            r#"<p><strong>甲</strong> <span class="tag">#乙</span></p>"#,
        );
    }
    check("[a](https://a.example/\u{202e}b)", "<p>a</p>");
    check("[a](https://a.example/\u{200b})", "<p>a</p>");
}

#[test]
fn pictures_are_our_own_and_every_other_is_a_link() {
    check(
        "看\n![一只猫](/api/v1/blobs/BLOB)\n后",
        r#"<p>看</p><img src="/api/v1/blobs/BLOB" alt="一只猫" loading="lazy"><p>后</p>"#,
    );
    check(
        "- ![](/api/v1/blobs/BLOB)",
        r#"<ul><li><img src="/api/v1/blobs/BLOB" alt="" loading="lazy"></li></ul>"#,
    );
    check(
        "![*a* `b` [c](/c) ![d](/d)](/api/v1/blobs/BLOB)",
        r#"<img src="/api/v1/blobs/BLOB" alt="a b c d" loading="lazy">"#,
    );
    check(
        "![甲](https://a.example/b.png)",
        r#"<p><a href="https://a.example/b.png">甲</a></p>"#,
    );
    check(
        "![](https://a.example/b.png)",
        r#"<p><a href="https://a.example/b.png">https://a.example/b.png</a></p>"#,
    );
    check(
        "**![甲](/api/v1/blobs/BLOB)**",
        r#"<p><strong><a href="/api/v1/blobs/BLOB">甲</a></strong></p>"#,
    );
    check(
        "[![甲](/api/v1/blobs/BLOB)](/b)",
        r#"<p><a href="/b">甲</a></p>"#,
    );
    check(
        "![甲](/api/v1/blobs/BLOB/../x)",
        r#"<p><a href="/api/v1/blobs/BLOB/../x">甲</a></p>"#,
    );
    check("![甲](javascript:1)", "<p>甲</p>");
}

#[test]
fn a_picture_can_be_told_how_large_it_is() {
    let mut doc = parse(&format!(
        "> ![a](/api/v1/blobs/{BLOB})\n\n![b](/api/v1/blobs/{BLOB})"
    ));
    assert_eq!(blobs(&doc), [BLOB.into()]);
    measure(&mut doc, |_| Some(Found::Image(640, 480)));
    assert_eq!(
        html(&doc).matches(r#" width="640" height="480""#).count(),
        2
    );
}

#[test]
fn what_turns_out_to_be_a_voice_note_is_one() {
    let mut doc = parse(&format!("听\n\n- ![唱的](/api/v1/blobs/{BLOB})"));
    measure(&mut doc, |_| Some(Found::Voice(4_200)));
    let voice = format!(
        r#"<audio controls preload="none" src="/api/v1/blobs/{BLOB}" aria-label="唱的"></audio>"#
    );
    assert!(html(&doc).contains(&voice), "{}", html(&doc));
    assert_eq!(blobs(&doc), [BLOB.into()]);
    assert_eq!(plain(&doc), "听\n唱的");
}

/// However it is written, what [`blobs`] finds is in a text that may show some.
#[test]
fn no_picture_is_shown_of_a_text_that_shows_none() {
    for text in [
        "![](/api/v1/blobs/BLOB)",
        "![a](<&#47;api/v1/blobs/BLOB>)",
        "![a][b]\n\n[b]: /api/v1/blobs/BLOB",
        "![b]\n\n[b]: \\/api/v1/blobs/BLOB",
    ] {
        let text = text.replace("BLOB", BLOB);
        assert_eq!(blobs(&parse(&text)), [BLOB.into()], "{text}");
        assert!(may_show_blobs(&text), "{text}");
    }
    assert!(!may_show_blobs("[a](/api/v1/blobs/x) !a"));
}

#[test]
fn tags_are_found_where_people_write() {
    let tagged = |text: &str, expect: &[&str]| assert_eq!(tags(&parse(text)), expect, "{text:?}");
    tagged("#Rust 与 #微圈", &["rust", "微圈"]);
    tagged("今天#周末#愉快", &["周末"]);
    tagged("#iPhone 18# 发布", &["iphone 18"]);
    tagged("#甲，#乙", &["甲", "乙"]);
    tagged("#甲 和 #乙 #甲 #RUST #rust", &["甲", "乙", "rust"]);
    tagged("#甲 和#乙", &["甲", "乙"]);
    tagged("#a_b_c **#粗** > #d", &["a_b_c", "粗", "d"]);
    tagged("# 标题", &[]);
    tagged("# 标题 #标", &["标"]);
    tagged("C#语言 a#b ## #", &[]);
    tagged(r"\#甲", &[]);
    tagged(
        "`#甲` [#乙](/a) https://a.example/#丙\n\n```\n#丁\n```",
        &[],
    );
    tagged("| #甲 |\n|---|\n| #乙 |", &["甲", "乙"]);
    tagged("#甲\u{200b}乙 #\u{202e}丙 #\u{3164}", &["甲"]);
    tagged(
        &format!("#{} #{}", "字".repeat(40), "好".repeat(41)),
        &["字".repeat(40).as_str()],
    );
    tagged(
        "#1 #2 #3 #4 #5 #6 #7 #8 #9 #10 #11",
        &["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"],
    );
    check(
        "今天#Sun 日#!",
        r#"<p>今天<span class="tag">#Sun 日#</span>!</p>"#,
    );
}

#[test]
fn plain_is_words_a_line_for_each_block() {
    let said = |text: &str, expect: &str| assert_eq!(plain(&parse(text)), expect, "{text:?}");
    said(
        "# 题\n\n**一** `二`\n[三](/a) #四\n\n---\n\n> 引",
        "题\n一 二 三 #四\n引",
    );
    said("1. 一\n2. 二\n   - 三", "一\n二\n三");
    said("| 甲 | 乙 |\n|---|---|\n| 1 | ~~2~~ |", "甲 乙\n1 2");
    said("```js\na\n\n  b\n```", "a b");
    said(
        &format!("![猫](/api/v1/blobs/{BLOB}) ![](https://a.example/x)"),
        "猫\nhttps://a.example/x",
    );
    said("", "");
}

#[test]
fn nothing_turns_what_stands_behind_it() {
    check("a\u{202e}b", "<p>ab</p>");
    check(
        "\u{2067}\u{5d0}\u{2069} [a\u{202e}](/b) c",
        "<p>\u{2067}\u{5d0}\u{2069} <a href=\"/b\">a</a> c</p>",
    );
    check(
        "`a\u{202e}b`\n\n    c\u{2066}d",
        "<p><code>ab</code></p><pre><code>\ncd</code></pre>",
    );
    check("&#x202e;a &#7;b &#xfdd0;c\u{0}\u{fdd0}", "<p>a b c</p>");
    check("👩‍👩‍👧", "<p>👩‍👩‍👧</p>");
}

#[test]
fn a_tag_by_itself_keeps_the_rule_of_those_in_a_text() {
    for (text, expect) in [
        ("#爬山", Some("爬山")),
        ("Weekend", Some("weekend")),
        ("#话题 一#", Some("话题 一")),
        ("rust-lang", Some("rust-lang")),
        ("a  b", None),
        ("a/b", None),
        ("", None),
        ("#", None),
        ("_", None),
        ("a#b", None),
        ("\u{200b}", None),
    ] {
        assert_eq!(tag(text).as_deref(), expect, "{text:?}");
        // What is kept is found in a text by the same name.
        if let Some(name) = expect {
            assert_eq!(tags(&parse(&format!("#{name}#"))), [name], "{text:?}");
        }
    }
    assert_eq!(tag(&"字".repeat(protocol::limits::TAG_CHARS_MAX + 1)), None);
}
