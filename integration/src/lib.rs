//! Tests of the whole stand in `tests/`; nothing is exported.
