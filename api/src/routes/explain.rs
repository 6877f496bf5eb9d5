//! `GET /v1/decisions/{id}/explain`: why a decision was made. For machines only: it shows log lines.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;

use crate::auth::AsMachine;
use crate::error::{ApiError, json};
use crate::openapi::answer::{Explanation, Refusal};
use crate::openapi::refusal::{NoMachine, NotReady};
use crate::service::Service;
use crate::wire::alert;
use crate::wire::text::{duration, rfc3339, seconds_left, string};

/// Why a decision was made.
#[utoipa::path(get, path = "/v1/decisions/{decision_id}/explain", tag = "decisions", operation_id = "explain_decision",
    params(("decision_id" = i64, Path, description = "Its number")), security(("machine_token" = [])),
    responses((status = 200, description = "The lines, the bucket and the rule behind it", body = Explanation),
        (status = 400, description = "No number", body = Refusal), (status = 404, description = "No such decision", body = Refusal),
        NoMachine, NotReady))]
pub(super) async fn explain(
    State(service): State<Arc<Service>>,
    _machine: AsMachine,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let not_found = || ApiError::new(StatusCode::NOT_FOUND, "object not found");
    let id = super::number::read(&id, "decision_id")?;
    let id = u64::try_from(id).map_err(|_| not_found())?;
    let archive = Arc::clone(&service.archive);
    let found = service.blocking(move || {
        let record = archive.decision(id)?;
        let alert = record.as_ref().map(|record| archive.alert(record.alert)).transpose()?;
        let alert = alert.flatten();
        let places = alert.as_ref().map(|kept| archive.lines(&kept.alert.coordinates));
        let lines = places.transpose()?.unwrap_or_default();
        Ok::<_, crate::archive::ArchiveError>((record, alert, lines))
    });
    let (record, kept, lines) = found.await?.map_err(super::alerts::unreadable)?;
    let record = record.ok_or_else(not_found)?;
    let now = service.now();
    let mut out = b"{\"alert\":".to_vec();
    match &kept {
        None => out.extend_from_slice(b"null"),
        Some(kept) => {
            let machine = super::alerts::machine_of(&service, kept);
            alert::write(&mut out, kept, machine, true, now);
        }
    }
    let text = |out: &mut Vec<u8>, name: &str, value: &str| {
        out.extend_from_slice(format!(",\"{name}\":").as_bytes());
        string(out, value);
    };
    if let Some(kept) = &kept {
        text(&mut out, "bucket", &kept.alert.bucket);
        // Where in its source each line stands that filled the bucket.
        out.extend_from_slice(b",\"coordinates\":[");
        for (place, (coordinate, line)) in kept.alert.coordinates.iter().zip(&lines).enumerate() {
            out.extend_from_slice(if place == 0 { b"{\"lane\":" } else { b",{\"lane\":" });
            string(&mut out, &line.lane);
            out.extend_from_slice(b",\"line\":");
            match &line.text {
                Some(text) => string(&mut out, text),
                None => out.extend_from_slice(b"null"),
            }
            let (partition, position) = (coordinate.partition.0, coordinate.position);
            let numbers = format!(",\"partition\":{partition},\"position\":{position}");
            out.extend_from_slice(numbers.as_bytes());
            text(&mut out, "source", &line.source);
            out.push(b'}');
        }
        out.push(b']');
    }
    out.extend_from_slice(b",\"decision\":{\"duration\":\"");
    duration(&mut out, seconds_left(record.until, now));
    out.extend_from_slice(format!("\",\"hash\":{},\"id\":{}", record.hash, record.id).as_bytes());
    text(&mut out, "origin", &record.origin);
    text(&mut out, "scenario", &record.scenario);
    text(&mut out, "scope", &record.scope);
    out.extend_from_slice(format!(",\"simulated\":{}", record.simulated).as_bytes());
    text(&mut out, "type", &record.kind);
    text(&mut out, "until", &rfc3339(record.until));
    text(&mut out, "uuid", &record.uuid());
    text(&mut out, "value", &record.value);
    out.extend_from_slice(b"}");
    if let Some(kept) = &kept {
        out.extend_from_slice(b",\"rule\":{\"hash\":");
        string(&mut out, &kept.alert.scenario_hash);
        text(&mut out, "name", &kept.alert.scenario);
        // Content without an index, such as the embedded, is known by its hash alone.
        let alert = &kept.alert;
        let versions = [&alert.scenario_version, &alert.scenario_hash];
        let version = versions.into_iter().find(|version| !version.is_empty());
        text(&mut out, "version", version.map_or("", |version| &**version));
        out.push(b'}');
    }
    out.push(b'}');
    Ok(json(StatusCode::OK, out))
}
