//! weiquan-auth
