//! How requests fail, by who asks and for what: sets of answers that routes have in common.

use std::collections::BTreeMap;

use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::{ContentBuilder, OpenApi as Document, PathItem, Ref, RefOr};
use utoipa::{IntoResponses, ToSchema};

use super::answer::{Mistake, Refusal, TokenRefusal};

type Responses = BTreeMap<String, RefOr<Response>>;

fn answer<T: ToSchema>(status: &str, description: &str) -> (String, RefOr<Response>) {
    let schema = Ref::from_schema_name(T::name());
    let content = ContentBuilder::new().schema(Some(schema)).build();
    let response = ResponseBuilder::new().description(description);
    (status.to_owned(), response.content("application/json", content).build().into())
}

/// A machine without a token that counts.
#[derive(Clone, Copy, Debug)]
pub struct NoMachine;

impl IntoResponses for NoMachine {
    fn responses() -> Responses {
        Responses::from([answer::<TokenRefusal>("401", "No token, or none that counts")])
    }
}

/// A bouncer without a key that counts.
#[derive(Clone, Copy, Debug)]
pub struct NoBouncer;

impl IntoResponses for NoBouncer {
    fn responses() -> Responses {
        Responses::from([answer::<Refusal>("403", "No key, or none that counts")])
    }
}

/// Somebody who may not administer.
#[derive(Clone, Copy, Debug)]
pub struct NoAdmin;

impl IntoResponses for NoAdmin {
    fn responses() -> Responses {
        let mut all = NoMachine::responses();
        all.extend([
            answer::<Refusal>("400", "Parameters, where there are none"),
            answer::<Refusal>("403", "The machine is no administrator"),
        ]);
        all
    }
}

/// A body that cannot be taken.
#[derive(Clone, Copy, Debug)]
pub struct BadBody;

impl IntoResponses for BadBody {
    fn responses() -> Responses {
        Responses::from([
            answer::<Refusal>("400", "The body cannot be read, or is too large"),
            answer::<Refusal>("408", "The body takes too long"),
        ])
    }
}

/// A mistake that CrowdSec answers with 500.
#[derive(Clone, Copy, Debug)]
pub struct Mistaken;

impl IntoResponses for Mistaken {
    fn responses() -> Responses {
        Responses::from([answer::<Mistake>("500", "A mistake of the client, as CrowdSec has it")])
    }
}

/// The view of decisions is not caught up, or the store gives nothing.
#[derive(Clone, Copy, Debug)]
pub struct NotReady;

impl IntoResponses for NotReady {
    fn responses() -> Responses {
        Responses::from([answer::<Refusal>("503", "Not ready to answer truthfully: come again")])
    }
}

/// A change that is not kept.
#[derive(Clone, Copy, Debug)]
pub struct NotKept;

impl IntoResponses for NotKept {
    fn responses() -> Responses {
        Responses::from([answer::<Refusal>("503", "Nothing was kept: come again")])
    }
}

/// What the limits of a client answer, before any route is asked.
pub(super) fn limited(document: &mut Document) {
    for item in document.paths.paths.values_mut() {
        let PathItem { get, put, post, delete, options, head, patch, trace, .. } = item;
        for operation in [get, put, post, delete, options, head, patch, trace].into_iter().flatten()
        {
            let (status, limited) = answer::<Refusal>("429", "Too much at once: come again");
            operation.responses.responses.entry(status).or_insert(limited);
        }
    }
}
