//! Pictures made fit to keep: looked at within limits, turned upright, made smaller where they are large,
//! and encoded anew, so that where and with what they were taken is gone.
//!
//! A moving picture is not encoded anew: what is not picture is cut out of it ([`super::gif`],
//! [`super::webp`]). Its first frame is decoded, for the preview and to see that it is one.

use std::io::Cursor;

use image::{
    DynamicImage, ExtendedColorType, ImageDecoder, ImageEncoder, ImageFormat, ImageReader, Limits,
    codecs::jpeg::JpegEncoder, codecs::png::PngEncoder,
};
use protocol::limits;

use super::{Unfit, gif, kind::Found, webp};

/// Good to look at; twice the bytes would show no difference.
const QUALITY: u8 = 85;
const PREVIEW_QUALITY: u8 = 78;
/// A drawing is smaller as PNG than as JPEG, a photograph is not: beyond this it is one.
const PNG_BYTES_MAX: usize = 1024 * 1024;
/// What decoding may take at once: the pixels twice, and some.
const DECODE_BYTES_MAX: u64 = 480 * 1024 * 1024;

/// A picture as it is kept.
#[derive(Clone, Debug)]
pub struct Picture {
    pub bytes: Vec<u8>,
    pub mime: &'static str,
    pub size: (u32, u32),
    /// A smaller one, for the talk; nothing where it is small itself.
    pub preview: Option<Vec<u8>>,
}

/// Makes a picture fit to keep. `found` is what its bytes say it is.
pub fn fit_image(bytes: &[u8], found: Found) -> Result<Picture, Unfit> {
    let moving = match found {
        Found::Gif => gif::without_notes(bytes)?,
        Found::WebP => webp::without_notes(bytes)?,
        _ => None,
    };
    let picture = decode(bytes, found)?;
    let size = (picture.width(), picture.height());
    if let Some(bytes) = moving {
        return Ok(Picture {
            bytes,
            mime: mime(found),
            size,
            preview: None,
        });
    }
    let kept = smaller(&picture, limits::IMAGE_SIDE_MAX).unwrap_or(picture);
    let size = (kept.width(), kept.height());
    let (bytes, mime) = encode(&kept, found)?;
    let preview = match smaller(&kept, limits::PREVIEW_SIDE_MAX) {
        Some(it) => Some(encode_preview(&it)?),
        None => None,
    };
    Ok(Picture {
        bytes,
        mime,
        size,
        preview,
    })
}

const fn mime(found: Found) -> &'static str {
    match found {
        Found::Gif => "image/gif",
        Found::WebP => "image/webp",
        Found::Png => "image/png",
        _ => "image/jpeg",
    }
}

/// The pixels, upright. The size is looked at before anything is decoded, so that a bomb costs nothing.
fn decode(bytes: &[u8], found: Found) -> Result<DynamicImage, Unfit> {
    let format = match found {
        Found::Jpeg => ImageFormat::Jpeg,
        Found::Png => ImageFormat::Png,
        Found::WebP => ImageFormat::WebP,
        Found::Gif => ImageFormat::Gif,
        _ => return Err(Unfit::Kind),
    };
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut bounds = Limits::default();
    bounds.max_alloc = Some(DECODE_BYTES_MAX);
    reader.limits(bounds);
    let mut decoder = reader.into_decoder().map_err(unfit)?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(Unfit::Damaged);
    }
    if u64::from(width) * u64::from(height) > limits::IMAGE_PIXELS_MAX {
        return Err(Unfit::Pixels);
    }
    // A note of the camera that cannot be read turns nothing.
    let orientation = decoder.orientation();
    let mut picture = DynamicImage::from_decoder(decoder).map_err(unfit)?;
    if let Ok(orientation) = orientation {
        picture.apply_orientation(orientation);
    }
    Ok(picture)
}

fn unfit(error: image::ImageError) -> Unfit {
    match error {
        image::ImageError::Limits(_) => Unfit::Pixels,
        _ => Unfit::Damaged,
    }
}

/// The same with no side longer than that; nothing where it is so already.
fn smaller(picture: &DynamicImage, side_max: u32) -> Option<DynamicImage> {
    let is_large = picture.width().max(picture.height()) > side_max;
    is_large.then(|| picture.thumbnail(side_max, side_max))
}

fn encode(picture: &DynamicImage, found: Found) -> Result<(Vec<u8>, &'static str), Unfit> {
    let has_holes = picture.color().has_alpha() && has_alpha(picture);
    if found == Found::Jpeg && !has_holes {
        return Ok((jpeg(picture, QUALITY)?, "image/jpeg"));
    }
    let png = png(picture)?;
    if has_holes || png.len() <= PNG_BYTES_MAX {
        return Ok((png, "image/png"));
    }
    Ok((jpeg(picture, QUALITY)?, "image/jpeg"))
}

fn encode_preview(picture: &DynamicImage) -> Result<Vec<u8>, Unfit> {
    if has_alpha(picture) {
        png(picture)
    } else {
        jpeg(picture, PREVIEW_QUALITY)
    }
}

fn has_alpha(picture: &DynamicImage) -> bool {
    picture.color().has_alpha() && picture.to_rgba8().pixels().any(|it| it.0[3] < 255)
}

fn jpeg(picture: &DynamicImage, quality: u8) -> Result<Vec<u8>, Unfit> {
    let mut bytes = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut bytes, quality);
    let rgb = picture.to_rgb8();
    encoder
        .write_image(&rgb, rgb.width(), rgb.height(), ExtendedColorType::Rgb8)
        .map_err(|_| Unfit::Damaged)?;
    Ok(bytes)
}

fn png(picture: &DynamicImage) -> Result<Vec<u8>, Unfit> {
    let mut bytes = Vec::new();
    let encoder = PngEncoder::new(&mut bytes);
    let written = if has_alpha(picture) {
        let rgba = picture.to_rgba8();
        encoder.write_image(&rgba, rgba.width(), rgba.height(), ExtendedColorType::Rgba8)
    } else {
        let rgb = picture.to_rgb8();
        encoder.write_image(&rgb, rgb.width(), rgb.height(), ExtendedColorType::Rgb8)
    };
    written.map_err(|_| Unfit::Damaged)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
