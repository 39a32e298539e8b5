//! The picture of a room where its link is shown: the calm rings of the app's own cover
//! (`clients/web/src/home/cover.ts`), always the same for the same slug, as PNG.
//!
//! No letters: they would need a Chinese font in the binary, and the title stands beside the picture.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;
use png::{BitDepth, ColorType, Compression, Encoder};
use tokio::sync::Semaphore;

/// What chat apps ask for: 1.91 to 1, and large enough not to be shown as a stamp.
const WIDTH: u32 = 1_200;
const HEIGHT: u32 = 630;
/// The field that rings are placed on; its middle is what the picture shows.
const FIELD: (f64, f64) = (160.0, 90.0);
const SCALE: f64 = WIDTH as f64 / FIELD.0;
/// Pictures that are kept, the newest ones: about 2 MB.
const KEPT_MAX: usize = 64;

/// Ground and rings, as the light theme has them.
const COLOURS: [[[u8; 3]; 2]; 4] = [
    [[0xe3, 0xf0, 0xea], [0x27, 0x6b, 0x54]],
    [[0xf6, 0xe9, 0xda], [0xa3, 0x5a, 0x2a]],
    [[0xe5, 0xea, 0xf0], [0x3d, 0x58, 0x75]],
    [[0xf3, 0xe4, 0xe4], [0x93, 0x43, 0x4a]],
];

/// The pictures that were drawn last. One is drawn at a time: tens of milliseconds of a core
/// that has better things to do, so that asking for many costs those who ask.
pub(crate) struct Covers {
    kept: Mutex<VecDeque<(String, Bytes)>>,
    drawing: Semaphore,
}

impl Covers {
    pub(crate) fn new() -> Self {
        Self {
            kept: Mutex::default(),
            drawing: Semaphore::new(1),
        }
    }

    /// The picture of a room; `None` where it cannot be drawn.
    pub(crate) async fn of(&self, slug: &str) -> Option<Bytes> {
        if let Some(found) = self.find(slug) {
            return Some(found);
        }
        let _turn = self.drawing.acquire().await.ok()?;
        // Somebody may have asked for the same one before.
        if let Some(found) = self.find(slug) {
            return Some(found);
        }
        let owned = slug.to_owned();
        let drawn = tokio::task::spawn_blocking(move || draw(&owned)).await;
        let picture = match drawn {
            Ok(Ok(picture)) => Bytes::from(picture),
            Ok(Err(error)) => {
                tracing::error!(%error, "a cover could not be written");
                return None;
            }
            Err(error) => {
                tracing::error!(%error, "drawing a cover panicked");
                return None;
            }
        };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.truncate(KEPT_MAX - 1);
        kept.push_front((slug.to_owned(), picture.clone()));
        Some(picture)
    }

    fn find(&self, slug: &str) -> Option<Bytes> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|it| it.0 == slug).map(|it| it.1.clone())
    }
}

/// A circle on the field.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Ring {
    x: f64,
    y: f64,
    r: f64,
    width: f64,
    opacity: f64,
}

/// A short stream of numbers below 1, from the hash of a slug: FNV-1a, then xorshift32.
struct Numbers(u32);

impl Numbers {
    fn of(slug: &str) -> Self {
        let hash = slug.chars().fold(0x811c_9dc5_u32, |hash, it| {
            (hash ^ u32::from(it)).wrapping_mul(0x0100_0193)
        });
        Self(if hash == 0 { 1 } else { hash })
    }

    fn next(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        f64::from(self.0) / 4_294_967_296.0
    }
}

/// Which ground, and the rings on it. The order of the numbers is the app's.
fn art(slug: &str) -> (usize, Vec<Ring>) {
    let mut numbers = Numbers::of(slug);
    let mut next = || numbers.next();
    let ground = (next() * 4.0) as usize;
    let (x, y) = (34.0 + next() * 92.0, 22.0 + next() * 46.0);
    let turns = 3 + (next() * 3.0) as u32;
    let mut r = 9.0 + next() * 8.0;
    let mut rings = Vec::new();
    for n in 0..turns {
        let width = 1.5 + next() * 5.0;
        let opacity = 0.75 - f64::from(n) * 0.13;
        rings.push(Ring {
            x,
            y,
            r,
            width,
            opacity,
        });
        r += 11.0 + next() * 12.0;
    }
    // One companion, partly outside: two circles that touch.
    rings.push(Ring {
        x: next() * FIELD.0,
        y: if next() > 0.5 { FIELD.1 } else { 0.0 },
        r: 18.0 + next() * 24.0,
        width: 5.0 + next() * 6.0,
        opacity: 0.22,
    });
    (ground, rings)
}

fn draw(slug: &str) -> Result<Vec<u8>, png::EncodingError> {
    let (ground, rings) = art(slug);
    let top = (FIELD.1 * SCALE - f64::from(HEIGHT)) / 2.0;
    let mut pixels = Vec::with_capacity((WIDTH * HEIGHT) as usize);
    for row in 0..HEIGHT {
        for column in 0..WIDTH {
            let (x, y) = (f64::from(column) + 0.5, f64::from(row) + 0.5 + top);
            let ink = rings.iter().fold(0.0, |ink, ring| {
                ink + (1.0 - ink) * ring.opacity * covered(ring, x, y)
            });
            // The palette goes from the ground to the rings: one byte says how much of them is here.
            pixels.push((ink * 255.0 + 0.5) as u8);
        }
    }
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, WIDTH, HEIGHT);
    encoder.set_color(ColorType::Indexed);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_compression(Compression::Fast);
    encoder.set_palette(palette(COLOURS[ground]));
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&pixels)?;
    writer.finish()?;
    Ok(file)
}

/// How much of a pixel the line of a ring covers.
fn covered(ring: &Ring, x: f64, y: f64) -> f64 {
    let (dx, dy) = (x - ring.x * SCALE, y - ring.y * SCALE);
    let from_middle = (dx * dx + dy * dy).sqrt();
    let from_line = (from_middle - ring.r * SCALE).abs();
    (ring.width * SCALE / 2.0 - from_line + 0.5).clamp(0.0, 1.0)
}

fn palette([ground, drawn]: [[u8; 3]; 2]) -> Vec<u8> {
    let mix = |n: u32, from: u8, to: u8| {
        let mixed = u32::from(from) * (255 - n) + u32::from(to) * n;
        ((mixed + 127) / 255) as u8
    };
    (0..=255)
        .flat_map(|n| [0, 1, 2].map(|it| mix(n, ground[it], drawn[it])))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_same_cover_as_in_the_app() {
        // What clients/web/src/home/cover.ts says of these.
        let (ground, rings) = art("night");
        assert_eq!((ground, rings.len()), (2, 4));
        assert_eq!(
            rings[2],
            Ring {
                x: 65.309_748_407_453_3,
                y: 62.366_391_842_719_17,
                r: 47.183_905_841_782_69,
                width: 6.431_625_226_745_382,
                opacity: 0.49,
            }
        );
        assert_eq!((rings[3].x, rings[3].y), (26.290_661_953_389_645, 90.0));
        let (ground, rings) = art("friday-live");
        assert_eq!((ground, rings.len()), (3, 4));
        assert_eq!((rings[3].y, rings[3].width), (0.0, 7.362_885_409_966_111));
    }

    #[test]
    fn a_picture_is_indexed_png_of_the_size_that_is_told() {
        let file = draw("night").expect("drawn");
        let reader = png::Decoder::new(std::io::Cursor::new(&file)).read_info();
        let info = reader.expect("PNG").info().clone();
        assert_eq!((info.width, info.height), (WIDTH, HEIGHT));
        assert_eq!(info.palette.expect("a palette").len(), 3 * 256);
        assert!(file.len() < 200_000, "{} bytes", file.len());
    }

    #[tokio::test]
    async fn so_many_pictures_are_kept_and_no_more() {
        let covers = Covers::new();
        for n in 0..KEPT_MAX + 5 {
            let mut kept = covers.kept.lock().expect("nobody panicked");
            kept.push_back((format!("old-{n}"), Bytes::new()));
        }
        let first = covers.of("night").await.expect("drawn");
        assert_eq!(covers.kept.lock().expect("nobody panicked").len(), KEPT_MAX);
        assert_eq!(
            covers.of("night").await.expect("kept").as_ptr(),
            first.as_ptr()
        );
    }
}
