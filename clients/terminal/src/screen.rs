//! One picture of the state. Widths are those of the terminal: a Chinese character takes two cells.

use std::collections::HashMap;

use jiff::tz::TimeZone;
use protocol::{
    Seq,
    server::{Mark, Phase},
};
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Position, Rect},
    style::{Color, Modifier, Style, Stylize},
    text::{Line as Row, Span},
    widgets::{Block, Borders, Paragraph},
};
use unicode_width::UnicodeWidthStr;
use weiquan_client::Message;

use crate::{
    app::{App, Line},
    text::{called, clock_face, one_line, plain},
    votes,
};

const PEOPLE_WIDTH: u16 = 22;
/// Narrower terminals show the chat alone.
const PEOPLE_FROM_WIDTH: u16 = 72;
const QUOTE_WIDTH_MAX: usize = 60;
/// `21:04 ` before a name, and before the lines that go on below it.
const INDENT: usize = 6;

pub(crate) fn draw(frame: &mut Frame<'_>, app: &App, zone: &TimeZone) {
    let polls = u16::try_from(app.room.polls.len()).unwrap_or(0);
    let [head, asked, body, note, reply, draft] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(polls),
        Constraint::Min(1),
        Constraint::Length(u16::from(said_below(app).is_some())),
        Constraint::Length(u16::from(app.reply.is_some())),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    frame.render_widget(Paragraph::new(header(app, head.width)), head);
    let rows: Vec<_> = (app.room.polls.iter())
        .map(|it| Row::from(format!(" {}", votes::line(it, &app.room.votes))))
        .collect();
    frame.render_widget(Paragraph::new(rows).fg(Color::Cyan), asked);
    let people = app.show_people && body.width >= PEOPLE_FROM_WIDTH;
    let side = if people { PEOPLE_WIDTH } else { 0 };
    let [chat, side] =
        Layout::horizontal([Constraint::Min(1), Constraint::Length(side)]).areas(body);
    frame.render_widget(Paragraph::new(log(app, chat, zone)), chat);
    if people {
        draw_people(frame, app, side);
    }
    if let Some(below) = said_below(app) {
        frame.render_widget(Paragraph::new(below), note);
    }
    if let Some(answered) = app.answered() {
        let words = format!(" ↳ {}", quoted(answered));
        frame.render_widget(Paragraph::new(words.fg(Color::Cyan)), reply);
    }
    draw_draft(frame, app, draft);
}

fn header(app: &App, width: u16) -> Row<'static> {
    let mut left = vec![Span::from(format!(" {} ", one_line(&app.room.title))).bold()];
    left.push(live(app));
    left.push(Span::from(format!("  {} here", app.room.count)));
    if app.room.slow_mode_ms > 0 {
        let seconds = app.room.slow_mode_ms.div_ceil(1_000);
        left.push(Span::from(format!("  slow mode {seconds} s")).fg(Color::Yellow));
    }
    if app.room.left_out > 0 {
        let more = format!("  {} more in the history", app.room.left_out);
        left.push(Span::from(more).fg(Color::Yellow));
    }
    let right = match &app.line {
        Line::Connecting => Span::from("connecting … ").fg(Color::Yellow),
        Line::Up => Span::from("online ").fg(Color::Green),
        Line::Down(_) => Span::from("reconnecting … ").fg(Color::Yellow),
        Line::Over(_) => Span::from("offline ").fg(Color::Red),
    };
    let used: usize = left.iter().map(Span::width).sum::<usize>() + right.width();
    left.push(" ".repeat(usize::from(width).saturating_sub(used)).into());
    left.push(right);
    Row::from(left).style(Style::new().bg(Color::Indexed(236)).fg(Color::White))
}

fn live(app: &App) -> Span<'static> {
    let Some(broadcast) = &app.room.broadcast else {
        return Span::from("");
    };
    let title = one_line(&broadcast.title);
    let host = called(&broadcast.host.name);
    match broadcast.phase {
        Phase::Live if !app.room.stage.here => {
            Span::from(format!(" ● {title}: {host} is reconnecting")).fg(Color::Yellow)
        }
        Phase::Live => Span::from(format!(" ● LIVE {title}, {host}")).fg(Color::LightRed),
        Phase::Paused => Span::from(format!(" ‖ {title} is paused")).fg(Color::Yellow),
        Phase::Open => Span::from(format!(" ○ {title} is about to begin")),
        Phase::Scheduled => Span::from(format!(" ◷ {title} is announced")),
        Phase::Ended | Phase::Archived => Span::from(format!(" {title} is over")),
    }
}

/// The rows that fit, the newest at the bottom, or the chosen message in the middle of things.
fn log(app: &App, area: Rect, zone: &TimeZone) -> Vec<Row<'static>> {
    let (width, height) = (usize::from(area.width), usize::from(area.height));
    let gaps: HashMap<Seq, u64> = (app.room.gaps.iter())
        .map(|it| (it.to + 1, it.to - it.from + 1))
        .collect();
    let mut rows: Vec<Row<'static>> = Vec::new();
    // From the bottom up, no further than is seen.
    let newest = app
        .chosen
        .map_or(Seq::MAX, |it| it.saturating_add(height as Seq / 4));
    if app.chosen.is_none() {
        for text in app.pending.iter().rev() {
            let waiting = format!("  …  {}", one_line(text));
            rows.push(Row::from(waiting).style(Style::new().fg(Color::DarkGray)));
        }
    }
    let shown = app.room.messages.range(..=newest).rev();
    for (seq, message) in shown {
        if rows.len() >= height {
            break;
        }
        rows.extend(message_rows(app, message, width, zone).into_iter().rev());
        if let Some(missed) = gaps.get(seq) {
            let words = format!("  ┄ {missed} not loaded: Ctrl-G loads them ┄");
            rows.push(Row::from(words).style(Style::new().fg(Color::Yellow)));
        }
    }
    rows.truncate(height);
    rows.resize(height, Row::default());
    rows.reverse();
    rows
}

fn message_rows(app: &App, it: &Message, width: usize, zone: &TimeZone) -> Vec<Row<'static>> {
    let mut rows = Vec::new();
    if let Some(re) = it.re {
        let of = app.room.messages.get(&re);
        let words = of.map_or_else(|| "an earlier message".into(), quoted);
        let quote = format!("{:INDENT$}↳ {words}", "");
        rows.push(Row::from(quote).style(Style::new().fg(Color::DarkGray)));
    }
    let name = called(&it.by.name);
    let mut text = plain(&it.text);
    if let Some((room, seq)) = &it.moved {
        text = format!("(moved to /t/{room}?s={seq})");
    } else if it.deleted {
        text = "(deleted)".into();
    } else if it.edited {
        text.push_str(" (edited)");
    }
    if it.likes > 0 && !it.deleted {
        text.push_str(&format!(" ♥{}", it.likes));
    }
    if it.replies > 0 {
        let word = if it.replies == 1 { "reply" } else { "replies" };
        text.push_str(&format!(" ({} {word})", it.replies));
    }
    let first = " ".repeat(INDENT + name.width() + 2);
    let options = textwrap::Options::new(width.saturating_sub(1).max(INDENT + 4))
        .initial_indent(&first)
        .subsequent_indent(&first[..INDENT]);
    let mine = app.me.as_ref().is_some_and(|me| me.id == it.by.id);
    for (n, line) in textwrap::wrap(&text, options).into_iter().enumerate() {
        let mut row = Row::default();
        if n == 0 {
            let time = format!("{} ", clock_face(it.at_ms, zone));
            row.push_span(Span::from(time).fg(Color::DarkGray));
            row.push_span(Span::from(name.clone()).style(name_style(it.by.mark, mine)));
            row.push_span(Span::from(": ").fg(Color::DarkGray));
            row.push_span(Span::from(
                line.get(first.len()..).unwrap_or_default().to_owned(),
            ));
        } else {
            row.push_span(Span::from(line.into_owned()));
        }
        if it.deleted {
            row = row.style(Style::new().add_modifier(Modifier::DIM));
        }
        rows.push(row);
    }
    if app.chosen == Some(it.seq) {
        let style = Style::new().add_modifier(Modifier::REVERSED);
        rows = rows.into_iter().map(|row| row.patch_style(style)).collect();
    }
    rows
}

fn quoted(of: &Message) -> String {
    let words = if of.deleted { "(deleted)" } else { &of.text };
    let words = format!("{}: {}", called(&of.by.name), one_line(words));
    let mut short = String::new();
    for it in words.chars() {
        if short.width() >= QUOTE_WIDTH_MAX {
            short.push('…');
            break;
        }
        short.push(it);
    }
    short
}

fn name_style(mark: Mark, mine: bool) -> Style {
    let color = match mark {
        Mark::Owner | Mark::Host | Mark::CoHost => Color::LightRed,
        Mark::Moderator => Color::LightGreen,
        Mark::Member => Color::LightCyan,
        Mark::Guest => Color::Gray,
    };
    let style = Style::new().fg(color).add_modifier(Modifier::BOLD);
    if mine {
        style.add_modifier(Modifier::UNDERLINED)
    } else {
        style
    }
}

fn draw_people(frame: &mut Frame<'_>, app: &App, area: Rect) {
    let block = Block::new()
        .borders(Borders::LEFT)
        .border_style(Style::new().fg(Color::DarkGray));
    let rows: Vec<Row<'static>> = match &app.room.roster {
        Some(people) => {
            let mut people: Vec<_> = people.iter().collect();
            people.sort_by(|a, b| (b.mark, &a.name).cmp(&(a.mark, &b.name)));
            let me = app.me.as_ref().map(|it| &it.id);
            let row = |it: &&protocol::server::Person| {
                let style = name_style(it.mark, me == Some(&it.id));
                let mark = match it.mark {
                    Mark::Owner => " owner",
                    Mark::Moderator => " moderator",
                    Mark::Host => " host",
                    Mark::CoHost => " co-host",
                    Mark::Guest => " guest",
                    Mark::Member => "",
                };
                Row::from(vec![
                    Span::from(" "),
                    Span::from(called(&it.name)).style(style),
                    Span::from(mark).fg(Color::DarkGray),
                ])
            };
            people.iter().map(row).collect()
        }
        None => vec![Row::from(format!(" {} people", app.room.count))],
    };
    frame.render_widget(Paragraph::new(rows).block(block), area);
}

/// What is worth a line above the draft: a broken line first.
fn said_below(app: &App) -> Option<Row<'static>> {
    let warn = Style::new().fg(Color::Yellow);
    let words = match (&app.line, &app.room.out) {
        (Line::Over(why), _) => {
            return Some(Row::from(format!(" {why}")).style(Style::new().fg(Color::LightRed)));
        }
        (Line::Down(why), _) => format!(" {why}; trying again"),
        _ => format!(" {}", app.note.clone()?),
    };
    Some(Row::from(words).style(warn))
}

fn draw_draft(frame: &mut Frame<'_>, app: &App, area: Rect) {
    let prompt = if app.room.can.iter().any(|it| it == "talk") || app.me.is_none() {
        " › "
    } else {
        " × "
    };
    let room = usize::from(area.width).saturating_sub(prompt.width() + 1);
    let scroll = app.draft.visual_scroll(room);
    // Whole characters: one that is cut by the edge is left out.
    let (mut seen, mut at) = (String::new(), 0);
    for it in app.draft.value().chars() {
        let width = it.to_string().width();
        if at >= scroll && at + width <= scroll + room {
            seen.push(it);
        }
        at += width;
    }
    let hint = "write; ↑ looks back, Tab answers, Ctrl-C leaves";
    let text = if app.draft.value().is_empty() {
        Span::from(hint).fg(Color::DarkGray)
    } else {
        Span::from(seen)
    };
    frame.render_widget(Paragraph::new(Row::from(vec![prompt.into(), text])), area);
    let column = prompt.width() + app.draft.visual_cursor().saturating_sub(scroll);
    let x = area.x
        + u16::try_from(column)
            .unwrap_or(0)
            .min(area.width.saturating_sub(1));
    frame.set_cursor_position(Position::new(x, area.y));
}
