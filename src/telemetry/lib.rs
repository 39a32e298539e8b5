//! weiquan-telemetry
