//! Recorded runs beside simulated ones.
