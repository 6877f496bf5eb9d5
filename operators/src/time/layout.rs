//! Go time layouts: parsing and formatting.
