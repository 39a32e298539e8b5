//! The few words of a page, in the language of whoever asks.

use protocol::topic::{TopicKind, TopicStatus};

use crate::http::share::Words;

/// The words of a page of a topic.
pub(super) struct PageWords(pub(super) &'static Words);

impl PageWords {
    pub(super) fn kind(&self, it: TopicKind) -> &'static str {
        self.0.pick(match it {
            TopicKind::Discussion => ["Discussion", "讨论", "討論"],
            TopicKind::Question => ["Question", "提问", "提問"],
            TopicKind::Feedback => ["Feedback", "需求与反馈", "需求與回饋"],
            TopicKind::Offer => ["Offer", "我能提供", "我能提供"],
            TopicKind::Need => ["Need", "我需要", "我需要"],
            TopicKind::Recap => ["Recap", "回顾", "回顧"],
            TopicKind::Announcement => ["Announcement", "公告", "公告"],
            TopicKind::Poll => ["Poll", "投票", "投票"],
        })
    }

    /// Nothing of a topic that is simply open.
    pub(super) fn status(&self, it: TopicStatus) -> Option<&'static str> {
        Some(self.0.pick(match it {
            TopicStatus::Open => return None,
            TopicStatus::Answered => ["Answered", "已采纳", "已採納"],
            TopicStatus::New => ["New", "新提出", "新提出"],
            TopicStatus::Seen => ["Seen", "已看到", "已看到"],
            TopicStatus::Planned => ["Planned", "计划中", "計畫中"],
            TopicStatus::Doing => ["In progress", "正在做", "正在做"],
            TopicStatus::Shipped => ["Shipped", "已上线", "已上線"],
            TopicStatus::Declined => ["Declined", "不采纳", "不採納"],
            TopicStatus::Matched => ["Matched", "已对接", "已媒合"],
            TopicStatus::Done => ["Done", "已完成", "已完成"],
            TopicStatus::Thanked => ["Thanked", "已致谢", "已致謝"],
        }))
    }

    pub(super) fn replies(&self, n: u32) -> String {
        match (self.0.pick([0, 1, 2]), n) {
            (0, 1) => "1 reply".to_owned(),
            (0, n) => format!("{n} replies"),
            (1, n) => format!("{n} 条回复"),
            (_, n) => format!("{n} 則回覆"),
        }
    }

    /// The second of a broadcast, as players show it, and what that was called.
    pub(super) fn at(&self, second: &str, broadcast: &str) -> String {
        match self.0.pick([0, 1, 2]) {
            0 => format!("At {second} of {broadcast}"),
            1 => format!("直播「{broadcast}」{second} 的时刻"),
            _ => format!("直播「{broadcast}」{second} 的時刻"),
        }
    }

    pub(super) fn topics(&self) -> &'static str {
        self.0.pick(["Topics", "话题", "話題"])
    }

    pub(super) fn rooms(&self) -> &'static str {
        self.0.pick(["Rooms", "房间", "房間"])
    }

    pub(super) fn none(&self) -> &'static str {
        self.0
            .pick(["No topics yet.", "还没有话题。", "還沒有話題。"])
    }

    pub(super) fn more(&self) -> &'static str {
        self.0.pick(["Further topics", "更多话题", "更多話題"])
    }

    /// A line about the list.
    pub(super) fn of_circle(&self, circle: &str) -> String {
        match self.0.pick([0, 1, 2]) {
            0 => format!("What {circle} talks about"),
            1 => format!("{circle}正在聊的话题"),
            _ => format!("{circle}正在聊的話題"),
        }
    }

    pub(super) fn said_last(&self) -> &'static str {
        self.0.pick(["Said last", "最近说的", "最近說的"])
    }

    pub(super) fn earlier(&self) -> &'static str {
        self.0.pick(["Earlier", "更早的", "更早的"])
    }

    pub(super) fn needs_script(&self) -> &'static str {
        self.0.pick([
            "Watching and talking needs JavaScript; reading does not.",
            "看直播和发言需要 JavaScript，阅读不需要。",
            "看直播和發言需要 JavaScript，閱讀不需要。",
        ])
    }

    pub(super) fn merged_into(&self) -> &'static str {
        self.0.pick(["Merged into", "已合并到", "已合併到"])
    }

    pub(super) fn merged(&self) -> &'static str {
        self.0
            .pick(["Merged into this one", "合并进来的话题", "合併進來的話題"])
    }

    /// Before the title of the topic that a reply is in now.
    pub(super) fn moved(&self) -> &'static str {
        self.0.pick(["Moved to", "已移到", "已移到"])
    }

    /// Before the title of the topic that this one was split from.
    pub(super) fn split_from(&self) -> &'static str {
        self.0.pick(["Split from", "拆分自", "拆分自"])
    }

    pub(super) fn accepted(&self) -> &'static str {
        self.0
            .pick(["Accepted answer", "已采纳的回答", "已採納的回答"])
    }

    pub(super) fn answers(&self) -> &'static str {
        self.0.pick(["in answer to", "回复", "回覆"])
    }

    pub(super) fn edited(&self) -> &'static str {
        self.0.pick(["edited", "已编辑", "已編輯"])
    }

    pub(super) fn deleted(&self) -> &'static str {
        self.0.pick(["This was deleted.", "已删除。", "已刪除。"])
    }

    pub(super) fn thanks(&self, names: &[&str]) -> String {
        match self.0.pick([0, 1, 2]) {
            0 => format!("With thanks to {}", names.join(", ")),
            1 => format!("感谢 {}", names.join("、")),
            _ => format!("感謝 {}", names.join("、")),
        }
    }

    /// Whom it is owed to; `more` are not named.
    pub(super) fn asked(&self, names: &[&str], more: u32) -> String {
        let (all, others) = match self.0.pick([0, 1, 2]) {
            0 => (names.join(", "), format!("{more} more")),
            1 => (names.join("、"), format!("另外 {more} 人")),
            _ => (names.join("、"), format!("另外 {more} 人")),
        };
        let between = self.0.pick([" and ", "和", "和"]);
        let whom = match (names.is_empty(), more) {
            (_, 0) => all,
            (true, _) => others,
            (false, _) => format!("{all}{between}{others}"),
        };
        match self.0.pick([0, 1, 2]) {
            0 => format!("Asked for by {whom}. Thank you."),
            1 => format!("感谢提出和支持的 {whom}"),
            _ => format!("感謝提出和支持的 {whom}"),
        }
    }

    pub(super) fn first(&self) -> &'static str {
        self.0.pick(["From the beginning", "从头看", "從頭看"])
    }

    pub(super) fn next(&self) -> &'static str {
        self.0.pick(["Further replies", "后面的回复", "後面的回覆"])
    }

    pub(super) fn all(&self) -> &'static str {
        self.0.pick(["All topics", "所有话题", "所有話題"])
    }

    /// The language as HTML names it.
    pub(super) fn lang(&self) -> &'static str {
        self.0.lang()
    }

    /// A name as it is shown.
    pub(super) fn name<'a>(&self, name: &'a str) -> &'a str {
        self.0.name(name)
    }
}
