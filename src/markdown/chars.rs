//! Which characters are seen, which turn the direction of reading, and which are a word.

/// Put beside a delimiter by `source`, taken out of all that comes out. It is no character: Unicode keeps
/// it for such use, a text that holds it loses it first.
pub(crate) const MARK: char = '\u{fdd0}';
/// Likewise, but it counts as a space. In a text it is a line break, and becomes one.
pub(crate) const GAP: char = '\u{2028}';

/// Opens an embedding, override or isolate of the direction of reading.
const fn opens_turn(it: char) -> bool {
    matches!(
        it,
        '\u{202a}' | '\u{202b}' | '\u{202d}' | '\u{202e}' | '\u{2066}'..='\u{2068}'
    )
}

/// Closes what `opener` opened.
const fn closes_turn(opener: char, it: char) -> bool {
    match it {
        '\u{202c}' => !matches!(opener, '\u{2066}'..='\u{2068}'),
        '\u{2069}' => matches!(opener, '\u{2066}'..='\u{2068}'),
        _ => false,
    }
}

const fn turns(it: char) -> bool {
    matches!(it, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Characters without a shape of their own: they hide in an address, or make two tags look like one.
pub(crate) const fn is_invisible(it: char) -> bool {
    turns(it)
        || matches!(it,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}' | '\u{2029}'
            | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}' | MARK)
}

/// A character of a tag.
pub(crate) fn is_word(it: char) -> bool {
    (it == '_' || it.is_alphanumeric()) && !is_invisible(it)
}

/// Chinese, Japanese or Korean, a letter or a sign: where words stand without spaces.
pub(crate) const fn is_cjk(it: char) -> bool {
    matches!(it,
        '\u{b7}' | '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205e}' | '\u{2e80}'..='\u{9fff}'
        | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe4f}'
        | '\u{ff00}'..='\u{ffef}' | '\u{1100}'..='\u{11ff}' | '\u{20000}'..='\u{3ffff}')
}

/// The text without the marks of `source`, without control characters that an entity brought in, and
/// without turns of direction that nothing ends on the same line: one of those would turn what stands
/// behind it, too.
pub(crate) fn shown(text: &str) -> String {
    if text.chars().all(is_kept) && !text.chars().any(turns) {
        return text.to_owned();
    }
    text.split_inclusive('\n').map(balanced).collect()
}

fn is_kept(it: char) -> bool {
    it != MARK && it != GAP && (matches!(it, '\n' | '\t') || !it.is_control())
}

fn balanced(line: &str) -> String {
    let mut open: Vec<(usize, char)> = Vec::new();
    let mut kept: Vec<Option<char>> = Vec::with_capacity(line.len());
    for (at, it) in line.chars().enumerate() {
        let stays = if !turns(it) {
            is_kept(it)
        } else if opens_turn(it) {
            open.push((at, it));
            true
        } else {
            let closes = open.last().is_some_and(|last| closes_turn(last.1, it));
            closes && open.pop().is_some()
        };
        kept.push(stays.then_some(it));
    }
    for (at, _) in open {
        kept[at] = None;
    }
    kept.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_of_direction_stay_where_they_end() {
        for (text, expect) in [
            ("a\u{202e}b", "ab"),
            ("a\u{202c}b\u{2069}", "ab"),
            ("a\u{2067}\u{5d0}\u{2069}b", "a\u{2067}\u{5d0}\u{2069}b"),
            ("\u{202e}a\u{202c}\u{202d}b", "\u{202e}a\u{202c}b"),
            ("\u{2066}a\u{202c}\u{2069}", "\u{2066}a\u{2069}"),
            ("\u{202e}a\nb\u{202c}", "a\nb"),
            ("\u{fdd0}\u{200e}\u{2028}a\u{200d}", "\u{200e}a\u{200d}"),
        ] {
            assert_eq!(shown(text), expect, "{text:?}");
        }
    }
}
