//! weiquan-rtc
