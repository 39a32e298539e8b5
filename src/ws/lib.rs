//! weiquan-ws
