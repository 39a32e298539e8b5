//! A doc: what somebody wrote at length, as a tree that is safe to show.
//!
//! It is made once, by the server, from Markdown. There is no place in it for markup of another kind: what
//! is text is shown as text. Kinds are one word (`k`), inlines are `i` and blocks `b`, and plain text is
//! a plain string: a topic with a thousand replies is sent as a thousand of these.
//!
//! ```json
//! {"b":[{"k":"p","i":["今晚 ",{"k":"strong","i":["八点"]},{"k":"br"},{"k":"tag","text":"#Rust","tag":"rust"}]}]}
//! ```

use serde::{Deserialize, Serialize};

use crate::ids::BlobId;

/// What was written, block by block.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Doc {
    pub b: Vec<Block>,
}

/// A part of a doc that stands on lines of its own. A kind that this reader does not know is
/// [`Block::Unknown`], and nothing is shown for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "k", rename_all = "snake_case")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Block {
    /// A paragraph.
    P {
        i: Vec<Inline>,
    },
    /// A heading, 1 to 3. The page's own heading stands above all of them: 1 is an `h2`.
    H {
        level: u8,
        i: Vec<Inline>,
    },
    Quote {
        #[cfg_attr(feature = "openapi", schema(no_recursion))]
        b: Vec<Self>,
    },
    /// Numbered from `start` on, where it has one; each item is blocks.
    List {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        start: Option<u32>,
        #[cfg_attr(feature = "openapi", schema(no_recursion))]
        items: Vec<Vec<Self>>,
    },
    /// Lines as they were typed.
    Code {
        #[serde(default, skip_serializing_if = "String::is_empty")]
        #[cfg_attr(feature = "ts", ts(as = "Option<String>", optional))]
        lang: String,
        text: String,
    },
    Rule,
    /// A picture that was uploaded here. Its size is the server's own finding, 0 where it is not known.
    Image {
        blob: BlobId,
        #[serde(default, skip_serializing_if = "is_zero")]
        #[cfg_attr(feature = "ts", ts(as = "Option<u32>", optional))]
        w: u32,
        #[serde(default, skip_serializing_if = "is_zero")]
        #[cfg_attr(feature = "ts", ts(as = "Option<u32>", optional))]
        h: u32,
        /// What is to be seen, for who cannot see it.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        #[cfg_attr(feature = "ts", ts(as = "Option<String>", optional))]
        alt: String,
    },
    /// A voice note that was uploaded here. Its length is the server's own finding.
    Voice {
        blob: BlobId,
        duration_ms: u32,
        /// What is said, for who cannot hear it.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        #[cfg_attr(feature = "ts", ts(as = "Option<String>", optional))]
        alt: String,
    },
    /// A head of cells, and rows of as many.
    Table {
        head: Vec<Vec<Inline>>,
        rows: Vec<Vec<Vec<Inline>>>,
    },
    /// A kind of tomorrow.
    #[serde(other)]
    #[cfg_attr(feature = "ts", ts(skip))]
    Unknown,
}

/// A part of a line: a plain string, or something with a kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Inline {
    Text(String),
    Span(Span),
}

/// A part of a line that is more than text. Of a kind that this reader does not know nothing is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "k", rename_all = "snake_case")]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(export))]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Span {
    Strong {
        #[cfg_attr(feature = "openapi", schema(no_recursion))]
        i: Vec<Inline>,
    },
    Em {
        #[cfg_attr(feature = "openapi", schema(no_recursion))]
        i: Vec<Inline>,
    },
    Strike {
        #[cfg_attr(feature = "openapi", schema(no_recursion))]
        i: Vec<Inline>,
    },
    Code {
        text: String,
    },
    /// `href` is http, https, mailto, or an address of this site that begins with one slash. Without
    /// inlines it is shown itself.
    Link {
        href: String,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        #[cfg_attr(feature = "ts", ts(as = "Option<Vec<Inline>>", optional))]
        #[cfg_attr(feature = "openapi", schema(no_recursion))]
        i: Vec<Inline>,
    },
    /// The line ends here.
    Br,
    /// `text` is what was typed, `tag` what it is looked for by.
    Tag {
        text: String,
        tag: String,
    },
    /// A kind of tomorrow.
    #[serde(other)]
    #[cfg_attr(feature = "ts", ts(skip))]
    Unknown,
}

impl From<&str> for Inline {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<Span> for Inline {
    fn from(span: Span) -> Self {
        Self::Span(span)
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
const fn is_zero(it: &u32) -> bool {
    *it == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doc_is_short_on_the_wire_and_comes_back_as_it_was() {
        let blob = BlobId::from("b1");
        let doc = Doc {
            b: vec![
                Block::H {
                    level: 1,
                    i: vec!["题".into()],
                },
                Block::P {
                    i: vec![
                        "今晚 ".into(),
                        Span::Strong {
                            i: vec!["八点".into()],
                        }
                        .into(),
                        Span::Br.into(),
                        Span::Tag {
                            text: "#Rust".to_owned(),
                            tag: "rust".to_owned(),
                        }
                        .into(),
                    ],
                },
                Block::List {
                    start: None,
                    items: vec![vec![Block::Rule]],
                },
                Block::Image {
                    blob,
                    w: 0,
                    h: 0,
                    alt: String::new(),
                },
            ],
        };
        let json = serde_json::to_string(&doc).expect("plain values");
        assert_eq!(
            json,
            r##"{"b":[{"k":"h","level":1,"i":["题"]},{"k":"p","i":["今晚 ",{"k":"strong","i":["八点"]},{"k":"br"},{"k":"tag","text":"#Rust","tag":"rust"}]},{"k":"list","items":[[{"k":"rule"}]]},{"k":"image","blob":"b1"}]}"##
        );
        assert_eq!(serde_json::from_str::<Doc>(&json).expect("a doc"), doc);
    }

    #[cfg(feature = "openapi")]
    #[test]
    fn the_schema_of_a_tree_that_holds_itself_ends() {
        let mut all = Vec::new();
        <Doc as utoipa::ToSchema>::schemas(&mut all);
        for name in ["Block", "Inline", "Span"] {
            assert!(all.iter().any(|it| it.0 == name), "{name}");
        }
        assert!(all.len() < 100);
    }

    #[test]
    fn kinds_of_tomorrow_are_passed_over() {
        let json = r#"{"b":[{"k":"hologram","of":[1]},{"k":"p","i":["a",{"k":"glow","i":[]}]}]}"#;
        let doc: Doc = serde_json::from_str(json).expect("a doc");
        let p = Block::P {
            i: vec!["a".into(), Span::Unknown.into()],
        };
        assert_eq!(doc.b, [Block::Unknown, p]);
    }
}
