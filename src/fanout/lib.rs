//! weiquan-fanout
