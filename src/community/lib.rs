//! weiquan-community
