//! The OpenAPI document: generated from the code, committed under `openapi/`, served byte for byte.

use poem::endpoint::make_sync;
use poem::web::Html;
use poem::{IntoResponse, Route};
use poem_openapi::OpenApiService;
use serde_json::{Value, json};

use crate::{admin, auth, conversations, invitations, missions, people};

type Apis = (
    auth::AuthApi,
    people::PeopleApi,
    missions::MissionsApi,
    missions::life::MissionLifeApi,
    missions::applications::ApplicationsApi,
    invitations::InvitationsApi,
    conversations::ConversationsApi,
    admin::AdminApi,
);

pub fn service() -> OpenApiService<Apis, ()> {
    let apis = (
        auth::AuthApi,
        people::PeopleApi,
        missions::MissionsApi,
        missions::life::MissionLifeApi,
        missions::applications::ApplicationsApi,
        invitations::InvitationsApi,
        conversations::ConversationsApi,
        admin::AdminApi,
    );
    OpenApiService::new(apis, "SocioPulse", env!("CARGO_PKG_VERSION"))
        .description(DESCRIPTION)
        .license("MIT OR Apache-2.0")
        .server("/")
}

const DESCRIPTION: &str = "Urgent relief missions for French care establishments: posted, matched, accepted and talked about, live.

**Conventions.** JSON in camelCase. Times are RFC 3339 in UTC, money is integer cents, ids are UUIDv7. Unknown fields and query \
parameters are refused. Lists answer `{items, nextCursor}`; pass `nextCursor` back as `cursor`. Every error has the same body, and \
every response carries `X-Request-Id`.

**Live.** `GET /api/v1/ws` is a WebSocket of JSON text frames `{event, data, id?}`. The access token comes in the `Authorization` \
header, as sub-protocol `bearer, <token>`, or in a first frame `auth {token, afterEventSeq?}` within 5 s. The server answers `ready`. \
Then `mission:join {missionId, afterSeq?}`, `chat:send {missionId, content, clientMessageId?}` and friends; see the README.";

#[derive(Clone, Debug)]
pub struct Document {
    pub json: String,
    pub yaml: String,
    pub value: Value,
}

impl Document {
    pub fn build() -> Self {
        #[expect(clippy::expect_used, reason = "poem-openapi writes JSON; a test reads it")]
        let mut value: Value =
            serde_json::from_str(&service().spec()).expect("the generated document is JSON");
        normalise(&mut value);
        say_what_is_public(&mut value);
        close_request_bodies(&mut value);
        let json = format!("{value:#}\n");
        Self { yaml: yaml(&value), json, value }
    }
}

/// Generators choke on a media type with a parameter; the header that we send keeps its charset.
fn normalise(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if let Some(schema) = map.remove("application/json; charset=utf-8") {
                map.insert("application/json".into(), schema);
            }
            map.values_mut().for_each(normalise);
        }
        Value::Array(items) => items.iter_mut().for_each(normalise),
        _ => {}
    }
}

/// An operation without a guard says so, instead of saying nothing.
fn say_what_is_public(document: &mut Value) {
    for methods in document["paths"].as_object_mut().into_iter().flat_map(|paths| paths.values_mut()) {
        for operation in methods.as_object_mut().into_iter().flat_map(|methods| methods.values_mut()) {
            if operation.get("security").is_none() {
                operation["security"] = json!([]);
            }
        }
    }
}

/// Unknown fields are refused; poem-openapi does it and does not say it.
fn close_request_bodies(document: &mut Value) {
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                if let Some(name) =
                    map.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next())
                {
                    found.push(name.to_owned());
                }
                map.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let mut open = Vec::new();
    for methods in document["paths"].as_object().into_iter().flat_map(|paths| paths.values()) {
        for operation in methods.as_object().into_iter().flat_map(|methods| methods.values()) {
            references(&operation["requestBody"], &mut open);
        }
    }
    while let Some(name) = open.pop() {
        let schema = &mut document["components"]["schemas"][&name];
        if schema["type"] == "object" && schema.get("additionalProperties").is_none() {
            schema["additionalProperties"] = json!(false);
            references(&schema["properties"], &mut open);
        }
    }
}

/// YAML by way of JSON's own scalars, which are YAML too: no second serialiser to disagree with the first.
fn yaml(value: &Value) -> String {
    fn write(value: &Value, indent: usize, out: &mut String) {
        let pad = "  ".repeat(indent);
        match value {
            Value::Object(map) if !map.is_empty() => {
                for (key, value) in map {
                    out.push_str(&format!("{pad}{}:", Value::String(key.clone())));
                    nested(value, indent + 1, out);
                }
            }
            Value::Array(items) if !items.is_empty() => {
                for item in items {
                    out.push_str(&format!("{pad}-"));
                    nested(item, indent + 1, out);
                }
            }
            scalar => out.push_str(&format!("{pad}{scalar}\n")),
        }
    }
    fn nested(value: &Value, indent: usize, out: &mut String) {
        let is_block = value.as_object().is_some_and(|map| !map.is_empty())
            || value.as_array().is_some_and(|list| !list.is_empty());
        match is_block {
            true => {
                out.push('\n');
                write(value, indent, out);
            }
            false => out.push_str(&format!(" {value}\n")),
        }
    }
    let mut out = String::new();
    write(value, 0, &mut out);
    out
}

/// The reference page and the document beside the API.
pub fn mount(route: Route, document: Document) -> Route {
    let service = service();
    let page = service.scalar_html().replace(&service.spec(), &document.json);
    let (json, yaml) = (document.json, document.yaml);
    route
        .at("/docs", make_sync(move |_| Html(page.clone())))
        .at(
            "/openapi.json",
            make_sync(move |_| json.clone().with_content_type("application/json").into_response()),
        )
        .at(
            "/openapi.yaml",
            make_sync(move |_| yaml.clone().with_content_type("application/yaml").into_response()),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_named_once_and_described() {
        let document = Document::build();
        let mut ids = std::collections::HashSet::new();
        for (path, methods) in document.value["paths"].as_object().unwrap() {
            assert!(path.starts_with("/api/v1/"), "{path}");
            for (method, operation) in methods.as_object().unwrap() {
                let id = operation["operationId"]
                    .as_str()
                    .unwrap_or_else(|| panic!("{method} {path} has no operationId"));
                assert!(ids.insert(id.to_owned()), "{id} is there twice");
                assert!(operation["summary"].is_string(), "{id} has no summary");
            }
        }
        assert!(ids.len() > 20);
        assert!(
            !document.json.contains("allOf"),
            "a comment on a field that is a reference; some generators drop it"
        );
    }
}
