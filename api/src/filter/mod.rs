//! What a request asks for: query parameters as CrowdSec reads them.

pub mod alert;
pub mod decision;
pub mod net;
pub mod query;

pub use alert::AlertFilter;
pub use decision::{DecisionFilter, Ending};
pub use net::Net;
pub use query::Query;
