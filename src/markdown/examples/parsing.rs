//! What a doc costs: nanoseconds of CPU for a kilobyte of Markdown, and its bytes on the wire.

use std::{hint::black_box, time::Instant};

const ROUNDS: u32 = 2_000;
const REPLY: &str = "**同意。**楼上说的 `group commit` 我也试过，见 https://example.com/a_b 的数字 #微圈\n\n> 一次 fsync 带走一批\n\n改完以后快了三倍，谢谢！";
const POST: &str = "# 今晚聊什么\n\n大家好，今晚八点在 [大厅](/r/lobby) 见。**请先看这里。**然后：\n\n1. 准备问题\n2. 试一下 *声音* 和 ~~画面~~\n   - 耳机\n   - 网络\n\n```rust\nfn main() {}\n```\n\n| 时间 | 谁 |\n|---|---|\n| 20:00 | 林小满 |\n\n#预告# 不见不散~\n\n";

fn main() {
    let plain =
        "今天我们来讲一讲直播间里消息的顺序。每个人看到的顺序是一样的，一条也不会少。\n".repeat(80);
    let texts = [
        ("reply", REPLY.to_owned()),
        ("post", POST.repeat(20)),
        ("prose", plain),
    ];
    for (name, text) in texts {
        let doc = markdown::parse(&text);
        let json = serde_json::to_string(&doc).expect("plain values").len();
        let of = |work: &dyn Fn()| {
            let rounds = ROUNDS * 300 / u32::try_from(text.len()).expect("short") + 10;
            let mut spent: Vec<u128> = (0..5)
                .map(|_| {
                    let start = Instant::now();
                    (0..rounds).for_each(|_| work());
                    start.elapsed().as_nanos() * 1_024 / u128::from(rounds) / text.len() as u128
                })
                .collect();
            spent.sort_unstable();
            format!("{} ({}–{})", spent[2], spent[0], spent[4])
        };
        println!(
            "{name:>6}: {} bytes, as JSON {json}; ns/KiB: parse {}, html {}, plain {}",
            text.len(),
            of(&|| drop(black_box(markdown::parse(black_box(&text))))),
            of(&|| drop(black_box(markdown::html(black_box(&doc))))),
            of(&|| drop(black_box(markdown::plain(black_box(&doc))))),
        );
    }
}
