//! What bytes are, by how they begin. A name or a header of the sender is never asked.

/// A form that is understood here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    Jpeg,
    Png,
    WebP,
    Gif,
    WebM,
    Ogg,
    Mp4,
    /// Anything else: it is saved, never shown.
    Other,
}

/// What these bytes are.
pub fn find(bytes: &[u8]) -> Found {
    let at = |from: usize, what: &[u8]| bytes.get(from..from + what.len()) == Some(what);
    match () {
        () if at(0, b"\xff\xd8\xff") => Found::Jpeg,
        () if at(0, b"\x89PNG\r\n\x1a\n") => Found::Png,
        () if at(0, b"GIF87a") || at(0, b"GIF89a") => Found::Gif,
        () if at(0, b"RIFF") && at(8, b"WEBP") => Found::WebP,
        () if at(0, b"\x1a\x45\xdf\xa3") => Found::WebM,
        () if at(0, b"OggS") => Found::Ogg,
        () if at(4, b"ftyp") => Found::Mp4,
        () => Found::Other,
    }
}

impl Found {
    pub const fn is_image(self) -> bool {
        matches!(self, Self::Jpeg | Self::Png | Self::WebP | Self::Gif)
    }

    pub const fn is_sound(self) -> bool {
        matches!(self, Self::WebM | Self::Ogg | Self::Mp4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i2_bytes_say_what_they_are_and_nothing_short_is_a_surprise() {
        let page = b"<!doctype html><script>alert(1)</script>";
        let drawing = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>";
        for bytes in [&page[..], &drawing[..], b"", b"\xff", b"RIFF\0\0\0\0AVI "] {
            assert_eq!(find(bytes), Found::Other);
        }
        assert_eq!(find(b"\xff\xd8\xff\xe0"), Found::Jpeg);
        assert_eq!(find(b"RIFF\x10\0\0\0WEBPVP8 "), Found::WebP);
        assert_eq!(find(b"\0\0\0\x1cftypiso5"), Found::Mp4);
    }
}
