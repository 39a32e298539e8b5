//! weiquan
