//! What of a message can be found: its words and those of its card, and what stands in or beside them.

use super::{Card, Medium, Message};
use crate::fold::links;

/// What a message is found by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findable {
    /// What was said; then, on lines of their own, what the card says.
    pub words: String,
    /// A link, in the text or as a card.
    pub link: bool,
    pub image: bool,
    pub card: bool,
}

impl Message {
    /// Absent where nobody is to find it: it was deleted or is held.
    pub fn findable(&self) -> Option<Findable> {
        if self.deleted {
            return None;
        }
        let card = self.card.as_deref();
        let beside = card.map(|it| card_words(&it.frame())).unwrap_or_default();
        // Of Markdown what is shown of it, without the marks.
        let said = match self.md {
            true => markdown::plain(&markdown::parse(&self.text)),
            false => self.text.to_string(),
        };
        let words = match beside.trim() {
            "" => said,
            beside => format!("{said}\n{beside}"),
        };
        let is_link = matches!(card, Some(Card::Link { .. } | Card::Product { .. }))
            || matches!(card, Some(Card::Event { url: Some(_), .. }));
        Some(Findable {
            link: is_link || !links::hosts(&self.text).is_empty(),
            image: matches!(card, Some(Card::Image { .. })) || self.shows_picture(),
            card: card.is_some(),
            words,
        })
    }
}

impl Message {
    /// Whether a picture stands in its text.
    fn shows_picture(&self) -> bool {
        self.media
            .iter()
            .any(|it| matches!(it, Medium::Image { .. }))
    }
}

/// What a card says in words, on a line each.
pub(crate) fn card_words(card: &protocol::Card) -> String {
    use protocol::Card::{Event, File, Image, Link, Product, Voice};
    let some = |it: &Option<String>| it.clone().unwrap_or_default();
    match card {
        Image { alt, .. } => alt.clone(),
        Voice { .. } | protocol::Card::Unknown => String::new(),
        File { name, .. } => name.clone(),
        Link { url, title } => format!("{url}\n{}", some(title)),
        Product {
            title, price, url, ..
        } => format!("{title}\n{}\n{url}", some(price)),
        Event {
            title, place, url, ..
        } => format!("{title}\n{}\n{}", some(place), some(url)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn said(text: &str, card: Option<Card>) -> Message {
        Message {
            card: card.map(Arc::new),
            ..Message::new(text.into(), None)
        }
    }

    #[test]
    fn a_message_is_found_by_its_words_and_its_cards() {
        let plain = said("大家好", None).findable().expect("it is there");
        assert_eq!(
            (plain.words.as_str(), plain.link, plain.card),
            ("大家好", false, false)
        );
        let linked = said("看 example.com/x", None)
            .findable()
            .expect("it is there");
        assert!(linked.link && !linked.card);
        let card = Card::Event {
            title: "读书会".into(),
            starts_ms: 1,
            place: Some("大厅".into()),
            url: None,
        };
        let event = said("来", Some(card)).findable().expect("it is there");
        assert_eq!(event.words, "来\n读书会\n大厅");
        assert!(event.card && !event.link && !event.image);
        let mut topic = said("**直**播 `几点`", None);
        topic.md = true;
        let topic = topic.findable().expect("it is there");
        assert_eq!(topic.words, "直播 几点", "as it is read");
        assert!(!topic.image);
        let mut shows = said("![山](/api/v1/blobs/b)", None);
        shows.md = true;
        let (blob, w, h) = ("b".into(), 8, 6);
        shows.media = [Medium::Image { blob, w, h }].into();
        assert!(shows.findable().expect("it is there").image);
        let (blob, duration_ms) = ("b".into(), 1);
        shows.media = [Medium::Voice { blob, duration_ms }].into();
        assert!(!shows.findable().expect("it is there").image);
        let mut gone = said("说错了", None);
        gone.erase(9);
        assert_eq!(gone.findable(), None);
    }
}
