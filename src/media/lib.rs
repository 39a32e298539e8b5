//! weiquan-media
