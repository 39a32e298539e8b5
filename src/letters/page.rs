//! A letter's two forms, plain text and HTML, from the same parts. The HTML has no picture, no script
//! and nothing that tells on who reads it.

use std::fmt::Write as _;

use html_escape::encode_double_quoted_attribute as escaped;

/// The parts of a letter from the top to the bottom.
pub(super) struct Page<'a> {
    pub(super) lang: &'a str,
    pub(super) hello: String,
    pub(super) blocks: Vec<Block>,
    /// In small letters.
    pub(super) foot: Vec<Block>,
}

pub(super) enum Block {
    Say(String),
    /// What the blocks after it are.
    Section(String),
    Told(Told),
    /// A link with its words.
    Link {
        say: String,
        to: String,
    },
    /// The link that the letter is about.
    Act {
        say: String,
        to: String,
    },
    /// What somebody said, or a broadcast: a headline, where, the words, and where to read it.
    Item {
        head: String,
        place: String,
        text: String,
        open: String,
        to: String,
    },
}

/// Something that is there to be read: what, what of it, a few lines, and where to read it.
pub(super) struct Told {
    pub(super) title: String,
    pub(super) about: String,
    pub(super) lines: Vec<String>,
    pub(super) open: String,
    pub(super) to: String,
}

impl Page<'_> {
    pub(super) fn text(&self) -> String {
        let mut out = format!("{}\n", self.hello);
        for block in &self.blocks {
            out.push('\n');
            block.put_text(&mut out);
        }
        // The line that mail programs take for the end of what was written.
        out.push_str("\n-- \n");
        for block in &self.foot {
            block.put_text(&mut out);
        }
        out
    }

    pub(super) fn html(&self) -> String {
        let mut body = format!("<p>{}</p>", escaped(&self.hello));
        for block in &self.blocks {
            block.put_html(&mut body);
        }
        let mut foot = String::new();
        for block in &self.foot {
            block.put_html(&mut foot);
        }
        format!(
            "<!doctype html><html lang=\"{}\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width\">\
             <meta name=\"color-scheme\" content=\"light dark\"></head>\
             <body style=\"margin:0;padding:24px;font:16px/1.6 system-ui,sans-serif\">\
             <div style=\"max-width:560px;margin:0 auto\">{body}\
             <div style=\"margin-top:32px;padding-top:12px;border-top:1px solid #8884;\
             font-size:13px;opacity:.75\">{foot}</div></div></body></html>",
            self.lang
        )
    }
}

impl Block {
    // Writing into a string cannot fail.
    fn put_text(&self, out: &mut String) {
        let _ = match self {
            Self::Say(words) => writeln!(out, "{words}"),
            Self::Section(title) => writeln!(out, "== {title} =="),
            Self::Told(it) => {
                let lines: String = it.lines.iter().map(|it| format!("  {it}\n")).collect();
                writeln!(out, "{}\n  {}\n{lines}  {}", it.title, it.about, it.to)
            }
            Self::Link { say, to } | Self::Act { say, to } => writeln!(out, "{say}\n  {to}"),
            Self::Item {
                head,
                place,
                text,
                to,
                ..
            } => writeln!(out, "{head} · {place}\n  {text}\n  {to}"),
        };
    }

    fn put_html(&self, out: &mut String) {
        let _ = match self {
            Self::Say(words) => write!(out, "<p>{}</p>", escaped(words)),
            Self::Section(title) => write!(
                out,
                "<h2 style=\"margin:32px 0 4px;font-size:14px;font-weight:600;opacity:.75\">{}</h2>",
                escaped(title)
            ),
            Self::Told(it) => it.put_html(out),
            Self::Link { say, to } => write!(
                out,
                "<p><a href=\"{}\" style=\"color:inherit\">{}</a></p>",
                escaped(to),
                escaped(say)
            ),
            Self::Act { say, to } => write!(
                out,
                "<p style=\"margin:24px 0\"><a href=\"{to}\" style=\"display:inline-block;\
                 padding:12px 20px;border-radius:10px;background:#c93a26;color:#fff;\
                 text-decoration:none;font-weight:600\">{say}</a></p>\
                 <p style=\"font-size:13px;opacity:.75;word-break:break-all\">{to}</p>",
                to = escaped(to),
                say = escaped(say)
            ),
            Self::Item {
                head,
                place,
                text,
                open,
                to,
            } => write!(
                out,
                "<div style=\"margin:20px 0;padding-left:14px;border-left:3px solid #c93a26\">\
                 <div><b>{}</b> <span style=\"opacity:.75\">· {}</span></div><div>{}</div>\
                 <div><a href=\"{}\">{}</a></div></div>",
                escaped(head),
                escaped(place),
                escaped(text),
                escaped(to),
                escaped(open)
            ),
        };
    }
}

impl Told {
    fn put_html(&self, out: &mut String) -> std::fmt::Result {
        let (to, about) = (escaped(&self.to), escaped(&self.about));
        write!(
            out,
            "<div style=\"padding:12px 0;border-top:1px solid #8884\">\
             <div><a href=\"{to}\" style=\"color:inherit;text-decoration:none;font-weight:600\">{}</a></div>\
             <div style=\"font-size:13px;opacity:.75\">{about}</div>",
            escaped(&self.title)
        )?;
        for line in &self.lines {
            write!(out, "<div style=\"margin-top:4px\">{}</div>", escaped(line))?;
        }
        write!(
            out,
            "<div style=\"margin-top:4px;font-size:14px\"><a href=\"{to}\" style=\"color:#c93a26\">{}</a></div></div>",
            escaped(&self.open)
        )
    }
}
