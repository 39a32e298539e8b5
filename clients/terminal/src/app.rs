//! What the screen shows and what keys do to it. No terminal, no socket, no clock: happenings and keys go
//! in, wishes come out.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use protocol::{
    Seq,
    limits::{PAGE_RECORDS_MAX, TEXT_CHARS_MAX},
    server::Person,
};
use tui_input::{Input, InputRequest};
use weiquan_client::{Happening, Message, Room, Wish};

use crate::{text::one_line, votes};

/// Records of one page of the past.
const OLDER_RECORDS: u32 = 50;
/// Messages that Page Up and Page Down pass.
const PAGE_MESSAGES: usize = 10;

/// How the line to the server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    Connecting,
    Up,
    /// It comes back by itself.
    Down(String),
    /// It does not.
    Over(String),
}

/// The state of the screen.
pub(crate) struct App {
    pub(crate) room: Room,
    pub(crate) me: Option<Person>,
    pub(crate) line: Line,
    pub(crate) draft: Input,
    /// The message that the draft answers.
    pub(crate) reply: Option<Seq>,
    /// The message that is looked at; none: the newest, whichever it is.
    pub(crate) chosen: Option<Seq>,
    /// Said, but not acknowledged yet, oldest first.
    pub(crate) pending: Vec<String>,
    /// The last thing worth a line: a refusal, mostly.
    pub(crate) note: Option<String>,
    pub(crate) show_people: bool,
    pub(crate) quit: bool,
    /// The page that was asked for and has not come.
    asked_before: Option<Seq>,
}

impl App {
    pub(crate) fn new() -> Self {
        Self {
            room: Room::default(),
            me: None,
            line: Line::Connecting,
            draft: Input::default(),
            reply: None,
            chosen: None,
            pending: Vec::new(),
            note: None,
            show_people: true,
            quit: false,
            asked_before: None,
        }
    }

    /// Takes what the follower tells.
    pub(crate) fn happened(&mut self, happening: Happening) -> Option<Wish> {
        match happening {
            Happening::Joined { joined, me, .. } => {
                self.room.joined(&joined);
                self.me = Some(me);
                self.line = Line::Up;
                self.asked_before = None;
                // A log that was lost has no such messages any more.
                self.chosen = self.chosen.filter(|it| self.room.messages.contains_key(it));
                self.reply = self.reply.filter(|it| self.room.messages.contains_key(it));
            }
            Happening::Push(push) => self.room.push(&push),
            Happening::Page { before, page } => {
                self.asked_before = None;
                self.room.page(before, &page);
            }
            Happening::Said(said) => {
                self.unpend(&said.text);
                self.note = None;
            }
            Happening::Voted { .. } => self.note = Some("Your vote is in.".into()),
            Happening::VoteRefused { refusal, .. } => self.note = Some(one_line(&refusal.say)),
            Happening::Waits { refusal, after } => {
                let seconds = after.as_secs_f64();
                self.note = Some(format!("{} Sent again in {seconds:.1} s.", refusal.say));
            }
            Happening::Refused { text, re, refusal } => self.refused(&text, re, &refusal.say),
            Happening::Lost { why, again_after } => {
                self.room.lost();
                self.asked_before = None;
                self.line = match again_after {
                    Some(_) => Line::Down(why),
                    None => Line::Over(why),
                };
            }
            // The room names what is missing and asks for it below.
            Happening::Breach(_) => {}
        }
        self.fetch_hole()
    }

    /// Takes a key, a paste or a new size.
    pub(crate) fn event(&mut self, event: &Event) -> Option<Wish> {
        match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => self.key(key),
            Event::Paste(text) => {
                text.chars().for_each(|it| self.insert(it));
                None
            }
            _ => None,
        }
    }

    /// The message that is answered.
    pub(crate) fn answered(&self) -> Option<&Message> {
        self.room.messages.get(&self.reply?)
    }

    fn key(&mut self, key: &KeyEvent) -> Option<Wish> {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('c' | 'd') if control => self.quit = true,
            KeyCode::Char('a') if control => self.edit(InputRequest::GoToStart),
            KeyCode::Char('e') if control => self.edit(InputRequest::GoToEnd),
            KeyCode::Char('w') if control => self.edit(InputRequest::DeletePrevWord),
            KeyCode::Char('u') if control => self.edit(InputRequest::DeleteLine),
            KeyCode::Char('g') if control => return self.fetch_gap(),
            KeyCode::Char(it) if !control => self.insert(it),
            KeyCode::Backspace => self.edit(InputRequest::DeletePrevChar),
            KeyCode::Delete => self.edit(InputRequest::DeleteNextChar),
            KeyCode::Left => self.edit(InputRequest::GoToPrevChar),
            KeyCode::Right => self.edit(InputRequest::GoToNextChar),
            KeyCode::Home => self.edit(InputRequest::GoToStart),
            KeyCode::End => self.edit(InputRequest::GoToEnd),
            KeyCode::Up => return self.look_back(1),
            KeyCode::PageUp => return self.look_back(PAGE_MESSAGES),
            KeyCode::Down => self.look_on(1),
            KeyCode::PageDown => self.look_on(PAGE_MESSAGES),
            KeyCode::Tab => self.answer(),
            KeyCode::Esc => self.let_go(),
            KeyCode::F(2) => self.show_people = !self.show_people,
            KeyCode::Enter => return self.say(),
            _ => {}
        }
        None
    }

    fn edit(&mut self, request: InputRequest) {
        // What changed is read from the draft itself.
        let _ = self.draft.handle(request);
    }

    fn insert(&mut self, it: char) {
        let it = if it == '\n' || it == '\t' { ' ' } else { it };
        if !it.is_control() {
            self.edit(InputRequest::InsertChar(it));
        }
    }

    /// Ends what began last: the answer, then the looking back, then the note.
    fn let_go(&mut self) {
        if self.reply.take().is_none() && self.chosen.take().is_none() {
            self.note = None;
        }
    }

    fn answer(&mut self) {
        let newest = || self.room.messages.keys().next_back().copied();
        self.reply = self.chosen.or_else(newest);
    }

    fn look_back(&mut self, steps: usize) -> Option<Wish> {
        let from = self.chosen.unwrap_or(Seq::MAX);
        let older = self.room.messages.range(..from).rev().map(|it| *it.0);
        self.chosen = older.take(steps).last().or(self.chosen);
        let at_top = self.chosen == self.room.messages.keys().next().copied();
        if at_top && self.room.has_older() {
            return self.ask(self.room.from, OLDER_RECORDS);
        }
        None
    }

    fn look_on(&mut self, steps: usize) {
        let Some(from) = self.chosen else { return };
        let mut newer = self.room.messages.range(from + 1..).map(|it| *it.0);
        self.chosen = newer.nth(steps - 1);
    }

    fn say(&mut self) -> Option<Wish> {
        let text = self.draft.value().trim().to_owned();
        if text.is_empty() {
            return None;
        }
        if text.chars().count() > TEXT_CHARS_MAX {
            self.note = Some(format!(
                "A message has at most {TEXT_CHARS_MAX} characters."
            ));
            return None;
        }
        if let Line::Over(_) = self.line {
            self.note = Some("The line is over: nothing can be sent any more.".into());
            return None;
        }
        match votes::wish(&self.room.polls, &text) {
            Some(Ok(vote)) => {
                self.draft.reset();
                return Some(vote);
            }
            Some(Err(why)) => {
                self.note = Some(why);
                return None;
            }
            None => {}
        }
        self.draft.reset();
        self.chosen = None;
        self.note = None;
        self.pending.push(text.clone());
        Some(Wish::Say {
            text,
            re: self.reply.take(),
        })
    }

    fn unpend(&mut self, text: &str) {
        if let Some(at) = self.pending.iter().position(|it| it == text) {
            self.pending.remove(at);
        }
    }

    /// The words are back in the draft, before what was written since.
    fn refused(&mut self, text: &str, re: Option<Seq>, say: &str) {
        self.unpend(text);
        let since = self.draft.value();
        let gap = if since.is_empty() { "" } else { " " };
        self.draft = Input::new(format!("{text}{gap}{since}"));
        self.reply = self.reply.or(re);
        self.note = Some(one_line(say));
    }

    fn fetch_gap(&mut self) -> Option<Wish> {
        let gap = self.room.gaps.last()?;
        let n = (gap.to - gap.from + 1).min(PAGE_RECORDS_MAX as u64);
        self.ask(gap.to + 1, u32::try_from(n).unwrap_or(OLDER_RECORDS))
    }

    /// What nobody named as missing is fetched unasked.
    fn fetch_hole(&mut self) -> Option<Wish> {
        let hole = self.room.gaps.iter().find(|it| !it.named)?;
        let n = (hole.to - hole.from + 1).min(PAGE_RECORDS_MAX as u64);
        self.ask(hole.to + 1, u32::try_from(n).unwrap_or(OLDER_RECORDS))
    }

    /// One page at a time, and only on a line.
    fn ask(&mut self, seq: Seq, n: u32) -> Option<Wish> {
        if self.line != Line::Up || self.asked_before.is_some() {
            return None;
        }
        self.asked_before = Some(seq);
        Some(Wish::Before { seq, n })
    }
}
