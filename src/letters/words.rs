//! What letters say, in the three languages. The web app has the same words for the same things.

use protocol::{
    name,
    notices::{Notice, NoticeKind},
    topic::{MERGED, TopicStatus},
};

/// The languages that letters are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Words {
    English,
    Simplified,
    Traditional,
}

use Words::{English, Simplified, Traditional};

impl Words {
    /// Of a language tag; anything else is English.
    pub(super) fn of(lang: &str) -> Self {
        match lang {
            "zh-CN" => Simplified,
            "zh-TW" => Traditional,
            _ => English,
        }
    }

    pub(super) const fn tag(self) -> &'static str {
        match self {
            English => "en",
            Simplified => "zh-CN",
            Traditional => "zh-TW",
        }
    }

    pub(super) fn hello(self, name: &str) -> String {
        match self {
            English => format!("Hello {name},"),
            Simplified | Traditional => format!("{name}，你好："),
        }
    }

    pub(super) fn confirm_subject(self, circle: &str) -> String {
        match self {
            English => format!("Is this your address? — {circle}"),
            Simplified => format!("请确认这是你的邮箱 — {circle}"),
            Traditional => format!("請確認這是你的信箱 — {circle}"),
        }
    }

    pub(super) fn confirm_say(self, circle: &str) -> String {
        match self {
            English => format!(
                "Somebody, probably you, wants letters from “{circle}” to come to this address. Open \
                 the link within a day to show that it is yours."
            ),
            Simplified => format!(
                "有人（应该是你）想让“{circle}”的通知寄到这个邮箱。请在一天之内打开下面的链接，确认它是你的。"
            ),
            Traditional => format!(
                "有人（應該是你）想讓「{circle}」的通知寄到這個信箱。請在一天之內打開下面的連結，確認它是你的。"
            ),
        }
    }

    pub(super) const fn confirm_act(self) -> &'static str {
        match self {
            English => "This is my address",
            Simplified => "这是我的邮箱",
            Traditional => "這是我的信箱",
        }
    }

    pub(super) fn password_subject(self, circle: &str) -> String {
        match self {
            English => format!("A new password — {circle}"),
            Simplified => format!("设置新密码 — {circle}"),
            Traditional => format!("設定新密碼 — {circle}"),
        }
    }

    pub(super) fn password_say(self, circle: &str) -> String {
        match self {
            English => format!(
                "Somebody, probably you, forgot the password for “{circle}”. Open the link within an \
                 hour to set a new one; every device is signed out then."
            ),
            Simplified => format!(
                "有人（应该是你）忘记了“{circle}”的密码。请在一小时之内打开下面的链接设置新密码；设置之后，所有设备都要重新登录。"
            ),
            Traditional => format!(
                "有人（應該是你）忘記了「{circle}」的密碼。請在一小時之內打開下面的連結設定新密碼；設定之後，所有裝置都要重新登入。"
            ),
        }
    }

    pub(super) const fn password_act(self) -> &'static str {
        match self {
            English => "Set a new password",
            Simplified => "设置新密码",
            Traditional => "設定新密碼",
        }
    }

    /// At the foot of a letter with a link.
    pub(super) const fn not_you(self) -> &'static str {
        match self {
            English => "It was not you? Then do nothing: without the link nothing changes.",
            Simplified => "不是你？那就不用理会：不打开链接，什么都不会改变。",
            Traditional => "不是你？那就不用理會：不打開連結，什麼都不會改變。",
        }
    }

    pub(super) fn headline(self, notice: &Notice, now_ms: u64) -> String {
        let who = name::shown(&notice.from.name, self.tag());
        match (self, notice.kind) {
            (English, NoticeKind::Mention) => format!("{who} mentioned you"),
            (English, NoticeKind::Reply) => format!("{who} replied to you"),
            (English, NoticeKind::Picked) => format!("{who} is answering your question"),
            (English, NoticeKind::Accepted) => format!("{who} accepted your reply"),
            (English, NoticeKind::Changed) => format!("{who}: {}", self.status(notice)),
            (English, NoticeKind::Credit) => format!("{who} made a topic of what you said"),
            (English, NoticeKind::Started) => {
                format!("{who} started a topic in a board that you follow")
            }
            (English, NoticeKind::Owner) => {
                format!("{who} handed the circle over to you: you are its owner now")
            }
            (English, NoticeKind::Handed) => {
                format!("You handed the circle over: {who} is its owner now")
            }
            (Simplified, NoticeKind::Owner) => format!("{who} 把圈子移交给了你，你现在是圈主"),
            (Simplified, NoticeKind::Handed) => format!("你移交了圈子，{who} 现在是圈主"),
            (Traditional, NoticeKind::Owner) => format!("{who} 把圈子移交給了你，你現在是圈主"),
            (Traditional, NoticeKind::Handed) => format!("你移交了圈子，{who} 現在是圈主"),
            (English, NoticeKind::Live) => format!("{who} is live"),
            (English, NoticeKind::Reminder) => match minutes(notice, now_ms) {
                1 => format!("{who} goes live in a minute"),
                n => format!("{who} goes live in {n} minutes"),
            },
            (Simplified, NoticeKind::Mention) => format!("{who} 提到了你"),
            (Simplified, NoticeKind::Reply) => format!("{who} 回复了你"),
            (Simplified, NoticeKind::Picked) => format!("{who} 正在回答你的提问"),
            (Simplified, NoticeKind::Accepted) => format!("{who} 采纳了你的回复"),
            (Simplified, NoticeKind::Changed) => format!("{who}：{}", self.status(notice)),
            (Simplified, NoticeKind::Credit) => format!("{who} 把你说的话整理成了话题"),
            (Simplified, NoticeKind::Started) => format!("{who} 在你关注的版块发起了话题"),
            (Simplified, NoticeKind::Live) => format!("{who} 开播了"),
            (Simplified, NoticeKind::Reminder) => {
                format!("{who} 的直播 {} 分钟后开始", minutes(notice, now_ms))
            }
            (Traditional, NoticeKind::Mention) => format!("{who} 提到了你"),
            (Traditional, NoticeKind::Reply) => format!("{who} 回覆了你"),
            (Traditional, NoticeKind::Picked) => format!("{who} 正在回答你的提問"),
            (Traditional, NoticeKind::Accepted) => format!("{who} 採納了你的回覆"),
            (Traditional, NoticeKind::Changed) => format!("{who}：{}", self.status(notice)),
            (Traditional, NoticeKind::Credit) => format!("{who} 把你說的話整理成了話題"),
            (Traditional, NoticeKind::Started) => format!("{who} 在你關注的版塊發起了話題"),
            (Traditional, NoticeKind::Live) => format!("{who} 開播了"),
            (Traditional, NoticeKind::Reminder) => {
                format!("{who} 的直播 {} 分鐘後開始", minutes(notice, now_ms))
            }
        }
    }

    /// How far the topic of a notice is: the first word of what it says.
    fn status(self, notice: &Notice) -> &'static str {
        let word = notice.text.split(' ').next().unwrap_or_default();
        let [english, simplified, traditional] = match TopicStatus::from_word(word) {
            Some(TopicStatus::Seen) => ["it was seen", "已看到", "已看到"],
            Some(TopicStatus::Planned) => ["it is planned", "已列入计划", "已列入計畫"],
            Some(TopicStatus::Doing) => ["it is being done", "正在做", "正在做"],
            Some(TopicStatus::Shipped) => ["it is there", "已上线", "已上線"],
            Some(TopicStatus::Declined) => ["it will not be done", "不采纳", "不採納"],
            Some(TopicStatus::Done) => ["it is done", "已完成", "已完成"],
            Some(TopicStatus::Thanked) => ["thank you", "谢谢你", "謝謝你"],
            _ if word == MERGED => [
                "it was merged into another topic",
                "已合并到别的话题",
                "已合併到別的話題",
            ],
            _ => ["it is another now", "有变化", "有變化"],
        };
        match self {
            English => english,
            Simplified => simplified,
            Traditional => traditional,
        }
    }

    pub(super) fn several(self, n: usize, circle: &str) -> String {
        match self {
            English => format!("{n} notices wait for you — {circle}"),
            Simplified => format!("有 {n} 条通知在等你 — {circle}"),
            Traditional => format!("有 {n} 則通知在等你 — {circle}"),
        }
    }

    pub(super) fn more(self, n: u32) -> String {
        match (self, n) {
            (English, 1) => "and one more".into(),
            (English, _) => format!("and {n} more"),
            (Simplified, _) => format!("还有 {n} 条"),
            (Traditional, _) => format!("還有 {n} 則"),
        }
    }

    pub(super) const fn open(self) -> &'static str {
        match self {
            English => "Open",
            Simplified => "打开",
            Traditional => "打開",
        }
    }

    /// At the foot of a letter of notices.
    pub(super) fn why(self, circle: &str) -> String {
        match self {
            English => format!("You are a member of “{circle}”, and had not seen this."),
            Simplified => format!("你是“{circle}”的成员，这些还没有看到。"),
            Traditional => format!("你是「{circle}」的成員，這些還沒有看到。"),
        }
    }

    pub(super) const fn choose(self) -> &'static str {
        match self {
            English => "Choose what comes by e-mail",
            Simplified => "选择哪些寄到邮箱",
            Traditional => "選擇哪些寄到信箱",
        }
    }

    pub(super) const fn stop(self) -> &'static str {
        match self {
            English => "No more of these letters",
            Simplified => "不再收到这类邮件",
            Traditional => "不再收到這類郵件",
        }
    }
}

/// Until it begins, at least one.
fn minutes(notice: &Notice, now_ms: u64) -> u64 {
    let left_ms = notice.starts_ms.unwrap_or_default().saturating_sub(now_ms);
    (left_ms + 30_000).div_euclid(60_000).max(1)
}
