//! weiquan-store
