//! What digests say, in the three languages.

use protocol::name;

use super::words::Words;

use Words::{English, Simplified, Traditional};

impl Words {
    fn pick(self, of: [&'static str; 3]) -> &'static str {
        let [english, simplified, traditional] = of;
        match self {
            English => english,
            Simplified => simplified,
            Traditional => traditional,
        }
    }

    pub(super) fn digest_subject(self, circle: &str) -> String {
        let what = self.pick(["What you missed", "你错过的内容", "你錯過的內容"]);
        format!("{what} — {circle}")
    }

    pub(super) fn missed(self) -> &'static str {
        self.pick(["Broadcasts that you missed", "你错过的直播", "你錯過的直播"])
    }

    pub(super) fn for_you(self) -> &'static str {
        self.pick(["For you", "和你有关", "與你有關"])
    }

    pub(super) fn followed(self) -> &'static str {
        self.pick([
            "New in topics that you follow",
            "你关注的话题有新回复",
            "你關注的話題有新回覆",
        ])
    }

    pub(super) fn best(self) -> &'static str {
        self.pick(["Worth reading", "值得一读", "值得一讀"])
    }

    pub(super) fn coming(self) -> &'static str {
        self.pick(["Coming up", "即将直播", "即將直播"])
    }

    /// A broadcast that is over: whose it was, when it ended, how long it was live.
    pub(super) fn was_live(self, host: &str, ended: &str, played_ms: u64) -> String {
        let host = name::shown(host, self.tag());
        let minutes = played_ms.div_ceil(60_000).max(1);
        match self {
            English => format!("{host} · {ended} · {minutes} min"),
            Simplified => format!("{host} · {ended} · {minutes} 分钟"),
            Traditional => format!("{host} · {ended} · {minutes} 分鐘"),
        }
    }

    /// A question that was answered.
    pub(super) fn answered(self, by: &str, text: &str) -> String {
        let by = name::shown(by, self.tag());
        match self {
            English => format!("Answered: “{text}” — {by}"),
            Simplified => format!("已回答：“{text}” — {by}"),
            Traditional => format!("已回答：「{text}」 — {by}"),
        }
    }

    pub(super) fn recap(self) -> &'static str {
        self.pick(["Read the recap", "看回顾", "看回顧"])
    }

    pub(super) fn summary(self) -> &'static str {
        self.pick(["See the summary", "看总结", "看總結"])
    }

    /// How many messages are new in a topic.
    pub(super) fn new_in(self, n: u32) -> String {
        match self {
            English => format!("{n} new"),
            Simplified => format!("{n} 条新消息"),
            Traditional => format!("{n} 則新訊息"),
        }
    }

    /// The newest reply of a topic, in one line.
    pub(super) fn newest(self, by: &str, text: &str) -> String {
        let by = name::shown(by, self.tag());
        match self {
            English => format!("{by}: {text}"),
            Simplified | Traditional => format!("{by}：{text}"),
        }
    }

    pub(super) fn standing(self, featured: bool, replies: u32) -> String {
        let what = match featured {
            true => self.pick(["Featured", "精华", "精華"]),
            false => self.pick(["Hot", "热议", "熱議"]),
        };
        match (self, replies) {
            (English, 1) => format!("{what} · 1 reply"),
            (English, n) => format!("{what} · {n} replies"),
            (Simplified, n) => format!("{what} · {n} 条回复"),
            (Traditional, n) => format!("{what} · {n} 則回覆"),
        }
    }

    /// A broadcast that is announced: when, whose, where.
    pub(super) fn is_announced(self, starts: &str, host: &str, room: &str) -> String {
        format!("{starts} · {} · {room}", name::shown(host, self.tag()))
    }

    /// At the foot of a digest.
    pub(super) fn why_digest(self, circle: &str) -> String {
        match self {
            English => format!("You are a member of “{circle}”. This is what you had not seen."),
            Simplified => format!("你是“{circle}”的成员，以上是你还没看到的内容。"),
            Traditional => format!("你是「{circle}」的成員，以上是你還沒看到的內容。"),
        }
    }

    pub(super) fn choose_digest(self) -> &'static str {
        self.pick([
            "Choose how often it comes",
            "选择多久寄一次",
            "選擇多久寄一次",
        ])
    }

    pub(super) fn stop_digest(self) -> &'static str {
        self.pick(["No more digests", "不再寄摘要", "不再寄摘要"])
    }

    pub(super) fn see(self) -> &'static str {
        self.pick(["See the broadcast", "看直播预告", "看直播預告"])
    }

    /// At the foot of a letter that tells somebody that they handed the circle over.
    pub(super) fn not_handed(self) -> &'static str {
        self.pick([
            "It was not you? Then somebody knows your password. Set a new one at once, and tell the new owner or \
             whoever runs this server.",
            "不是你操作的？那说明有人知道你的密码。请马上换一个新密码，并告诉新圈主或服务器的管理者。",
            "不是你操作的？那說明有人知道你的密碼。請馬上換一個新密碼，並告訴新圈主或伺服器的管理者。",
        ])
    }
}
