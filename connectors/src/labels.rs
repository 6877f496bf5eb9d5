//! Labels of lines, shared by all lines that have the same.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Values by names.
pub(crate) type Labels = Arc<BTreeMap<Arc<str>, Arc<str>>>;
