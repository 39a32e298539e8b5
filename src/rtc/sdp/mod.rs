//! Offers and answers of viewers.
