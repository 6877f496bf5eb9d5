//! The API as a document of OpenAPI 3.1. The routes are declared once: the router and the document are
//! made of the same attributes of the handlers.

pub mod answer;
pub mod parameter;
pub mod refusal;
pub mod request;

use std::sync::LazyLock;

use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use crate::error::{ApiError, json};

/// What is not said at a route.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Spillway decision API",
        description = "Decisions out, alerts in. Bouncers, agents and cscli of CrowdSec 1.7.8 talk \
                       to it as they are. On the Unix socket machines and administrators need no \
                       token; bouncers need their key there too.",
        license(name = "MIT", identifier = "MIT"),
    ),
    tags(
        (name = "decisions", description = "What is active, for bouncers; ended by machines"),
        (name = "alerts", description = "Posted and looked at by machines"),
        (name = "allowlists", description = "What no decision may hit"),
        (name = "watchers", description = "Machines: agents, cscli"),
        (name = "metrics", description = "What bouncers and agents did"),
        (name = "admin", description = "Accounts and allowlists, for administrators"),
        (name = "server", description = "The server itself"),
    ),
    components(schemas(answer::Refusal, answer::TokenRefusal, answer::Mistake)),
    modifiers(&Schemes),
)]
pub(crate) struct Base;

/// The ways to say who asks.
struct Schemes;

impl Modify for Schemes {
    fn modify(&self, document: &mut Document) {
        let components = document.components.get_or_insert_default();
        let key = ApiKeyValue::with_description("X-Api-Key", "The key of a bouncer");
        let basic = HttpBuilder::new()
            .scheme(HttpAuthScheme::Basic)
            .description(Some("The key of a bouncer as password, with any name"));
        let token = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some("The token of a machine, from `POST /v1/watchers/login`"));
        let certificate = SecurityScheme::MutualTls {
            description: Some("A client certificate".to_owned()),
            deprecated: None,
            extensions: None,
        };
        components.add_security_scheme("bouncer_key", SecurityScheme::ApiKey(ApiKey::Header(key)));
        components.add_security_scheme("bouncer_password", SecurityScheme::Http(basic.build()));
        components.add_security_scheme("machine_token", SecurityScheme::Http(token.build()));
        components.add_security_scheme("certificate", certificate);
    }
}

/// The document.
pub fn document() -> Document {
    let mut document = crate::routes::all().into_openapi();
    refusal::limited(&mut document);
    document
}

/// The document as JSON.
///
/// # Errors
/// It cannot be written: a mistake in this crate.
pub fn text() -> Result<String, serde_json::Error> {
    document().to_pretty_json()
}

/// The document of this binary, made at the first request for it.
static TEXT: LazyLock<Option<Bytes>> = LazyLock::new(|| text().ok().map(Bytes::from));

/// This document.
#[utoipa::path(get, path = "/v1/openapi.json", tag = "server", operation_id = "get_openapi",
    responses((status = 200, description = "The document", body = answer::Document)))]
pub(crate) async fn openapi() -> Result<Response, ApiError> {
    let text = TEXT.clone().ok_or_else(|| ApiError::internal("the document cannot be written"))?;
    Ok(json(StatusCode::OK, text.into()))
}
