//! The OpenAPI document: generated from the code, committed under `openapi/`, served byte for byte.

mod examples;

use poem::endpoint::make_sync;
use poem::http::header;
use poem::web::Html;
use poem::{IntoResponse, Route};
use poem_openapi::{ContactObject, LicenseObject, OpenApiService};
use serde_json::{Map, Value, json};

/// One struct per resource, in chapters: poem-openapi takes sixteen at a time.
macro_rules! apis {
    ($([$($api:path),+ $(,)?])+) => {
        type Apis = ($(($($api,)+),)+);

        fn apis() -> Apis {
            ($(($($api,)+),)+)
        }
    };
}

apis! {
    [
        crate::auth::AuthApi,
        crate::sessions::SessionsApi,
        crate::credentials::CredentialsApi,
        crate::me::MeApi,
        crate::members::MembersApi,
    ]
    [
        crate::profiles::ProfilesApi,
        crate::availability::AvailabilityApi,
        crate::establishments::EstablishmentsApi,
        crate::exclusions::ExclusionsApi,
        crate::professions::ProfessionsApi,
    ]
    [
        crate::missions::MissionsApi,
        crate::missions::matches::MatchesApi,
        crate::missions::life::MissionLifeApi,
        crate::missions::applications::ApplicationsApi,
        crate::explanation::ExplanationApi,
        crate::invitations::InvitationsApi,
    ]
    [
        crate::hub::HubApi,
        crate::quotes::QuotesApi,
        crate::contracts::ContractsApi,
        crate::signatures::SignaturesApi,
        crate::contracts::admin::ContractsAdminApi,
        crate::services::ServicesApi,
        crate::bookings::BookingsApi,
        crate::video::VideoApi,
    ]
    [
        crate::conversations::ConversationsApi,
        crate::message_reports::MessageReportsApi,
        crate::notifications::NotificationsApi,
        crate::notification_preferences::NotificationPreferencesApi,
        crate::push_subscriptions::PushSubscriptionsApi,
    ]
    [
        crate::payments::PaymentsApi,
        crate::chorus::ChorusApi,
        crate::connect::ConnectApi,
        crate::stripe_webhooks::StripeWebhooksApi,
        crate::billing::BillingApi,
        crate::invoices::InvoicesApi,
    ]
    [
        crate::admin::AdminApi,
        crate::queues::QueuesApi,
    ]
}

pub fn service() -> OpenApiService<Apis, ()> {
    OpenApiService::new(apis(), "SocioPulse", env!("CARGO_PKG_VERSION"))
        .description(DESCRIPTION)
        .license(LicenseObject::new("MIT OR Apache-2.0").url("https://spdx.org/licenses/MIT.html"))
        .contact(ContactObject::new().name("SocioPulse"))
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
        say_what_is_idempotent(&mut value);
        say_what_comes_in_headers(&mut value);
        close_request_bodies(&mut value);
        bound_integers(&mut value);
        examples::illustrate(&mut value);
        let json = format!("{value:#}\n");
        Self { yaml: yaml(&value), json, value }
    }
}

/// Generators choke on a media type with a parameter; the header that we send keeps its charset. And the bounds of whole
/// numbers are written as whole numbers, not as `100.0`.
fn normalise(value: &mut Value) {
    match value {
        Value::Number(number) => {
            if let Some(whole) = number.as_f64().filter(|float| number.is_f64() && float.fract() == 0.0) {
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "saturates; every bound here is below 2^53"
                )]
                let whole = whole as i64;
                *number = whole.into();
            }
        }
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

/// Every guarded POST outside `auth/` takes an `Idempotency-Key`; the edge reads this very table.
fn say_what_is_idempotent(document: &mut Value) {
    let replayed = json!({
        "description": "true when the answer is that of an earlier request with the same key",
        "required": false,
        "schema": { "type": "string", "enum": ["true"] },
    });
    for (path, methods) in document["paths"].as_object_mut().into_iter().flatten() {
        for (method, operation) in methods.as_object_mut().into_iter().flatten() {
            let guarded = operation["security"].as_array().is_some_and(|schemes| !schemes.is_empty());
            let takes_key = method == "post" && guarded && !path.starts_with("/api/v1/auth/");
            let responses = operation["responses"].as_object_mut();
            if !takes_key {
                responses.map(|responses| responses.remove("422"));
                continue;
            }
            for (status, response) in responses.into_iter().flatten() {
                if !matches!(status.as_str(), "401" | "429" | "500" | "503") {
                    response["headers"]["Idempotent-Replayed"] = replayed.clone();
                }
            }
            let parameter = json!({
                "name": "Idempotency-Key",
                "in": "header",
                "description": "The same key and request within 24 hours get the first answer again, and have no second \
                                effect. Another request with the same key is refused (422).",
                "required": false,
                "schema": { "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" },
                "example": "0199f2d4-5d4e-7c3b-8a21-6f0d9be1c2a7",
            });
            match operation["parameters"].as_array_mut() {
                Some(parameters) => parameters.push(parameter),
                None => operation["parameters"] = json!([parameter]),
            }
        }
    }
}

/// Headers that the edge adds to answers.
fn say_what_comes_in_headers(document: &mut Value) {
    let text = |description: &str| json!({ "description": description, "schema": { "type": "string", "maxLength": 1000 } });
    let seconds = json!({
        "description": "Seconds to wait",
        "schema": { "type": "integer", "minimum": 1, "maximum": 3600 },
    });
    for methods in document["paths"].as_object_mut().into_iter().flat_map(|paths| paths.values_mut()) {
        for operation in methods.as_object_mut().into_iter().flat_map(|methods| methods.values_mut()) {
            for (status, response) in operation["responses"].as_object_mut().into_iter().flatten() {
                let headers = &mut response["headers"];
                // poem-openapi writes an operation's own in capitals, and cannot bound them.
                for (capitals, mut header) in
                    std::mem::take(headers.as_object_mut().unwrap_or(&mut Map::new()))
                {
                    header["schema"]["maxLength"] = json!(1000);
                    headers[spelled(&capitals)] = header;
                }
                headers["X-Request-Id"] = text("Names the request in logs, jobs and mails");
                headers["RateLimit-Policy"] = text("Budgets of the operation, as in the IETF draft");
                headers["RateLimit"] = text("What is left of them");
                match status.as_str() {
                    "401" => headers["WWW-Authenticate"] = text("Bearer"),
                    "429" | "503" => headers["Retry-After"] = seconds.clone(),
                    _ => {}
                }
            }
        }
    }
}

/// `CONTENT-DISPOSITION` as its RFC spells it.
fn spelled(capitals: &str) -> String {
    if capitals == "ETAG" {
        return "ETag".to_owned();
    }
    let word =
        |word: &str| word.chars().take(1).chain(word.chars().skip(1).flat_map(char::to_lowercase)).collect();
    capitals.split('-').map(word).collect::<Vec<String>>().join("-")
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

fn operations_mut(document: &mut Value) -> impl Iterator<Item = &mut Value> {
    let paths = document["paths"].as_object_mut().into_iter().flat_map(|paths| paths.values_mut());
    paths.flat_map(|methods| methods.as_object_mut()).flat_map(|methods| methods.values_mut())
}

/// Numbers that we count or keep ourselves; those that come in are bounded where they are parsed.
fn bound_integers(document: &mut Value) {
    const CLOSER: [(&str, i64, i64); 15] = [
        ("filled", 0, 20),
        ("slots", 1, 20),
        ("hourlyRateCents", 1, 100_000),
        ("points", -2_147_483_648, 2_147_483_647),
        ("priority", 0, 2),
        ("proposedRateCents", 1200, 10_000),
        ("radiusKm", 1, 200),
        ("rank", 1, 2_147_483_647),
        ("seq", 1, MOST_EXACT),
        ("rateBps", 0, 2_000),
        ("shareBps", 0, 10_000),
        ("vatBps", 0, 2_000),
        ("version", 1, 32_767),
        ("wave", 1, 32_767),
        ("attempt", 0, 32_767),
    ];
    /// Above, a JSON number is no longer exact in JavaScript.
    const MOST_EXACT: i64 = (1 << 53) - 1;
    for schema in
        document["components"]["schemas"].as_object_mut().into_iter().flat_map(|all| all.values_mut())
    {
        for (name, property) in
            schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten()
        {
            if property["type"] != "integer" {
                continue;
            }
            let most = match property["format"].as_str() {
                Some("int16") => i64::from(i16::MAX),
                Some("int32") => i64::from(i32::MAX),
                _ => MOST_EXACT,
            };
            let closer = CLOSER.iter().find(|(known, ..)| known == name);
            let (least, most) = closer.map_or((0, most), |(_, least, most)| (*least, *most));
            for (bound, value) in [("minimum", least), ("maximum", most)] {
                if property.get(bound).is_none() {
                    property[bound] = value.into();
                }
            }
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

/// The reference page brings its script and styles inside itself.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; \
                           img-src data: https:; font-src data: https:; connect-src 'self'; worker-src blob:; \
                           base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The reference page and the document beside the API.
pub fn mount(route: Route, document: Document) -> Route {
    let service = service();
    let page = service.scalar_html().replace(&service.spec(), &document.json);
    let (json, yaml) = (document.json, document.yaml);
    route
        .at(
            "/docs",
            make_sync(move |_| {
                Html(page.clone()).with_header(header::CONTENT_SECURITY_POLICY, PAGE_POLICY).into_response()
            }),
        )
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
    fn everything_is_bounded() {
        fn unbounded(schema: &Value) -> bool {
            let has = |field: &str| schema.get(field).is_some();
            match schema["type"].as_str() {
                Some("string") => !has("maxLength") && !has("format") && !has("enum"),
                Some("array") => !has("maxItems") || unbounded(&schema["items"]),
                Some("integer") => !has("minimum") || !has("maximum"),
                _ => false,
            }
        }
        let mut document = Document::build();
        for (name, schema) in document.value["components"]["schemas"].as_object().unwrap() {
            for (field, schema) in schema["properties"].as_object().into_iter().flatten() {
                assert!(!unbounded(schema), "{name}.{field} has no bound");
            }
        }
        for operation in operations_mut(&mut document.value) {
            let headers = operation["responses"].as_object().unwrap().values();
            let headers = headers.flat_map(|response| response["headers"].as_object()).flatten();
            let headers = headers.map(|(name, header)| (name.as_str(), &header["schema"]));
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let parameters = parameters.map(|one| (one["name"].as_str().unwrap(), &one["schema"]));
            for (name, schema) in headers.chain(parameters) {
                assert!(!unbounded(schema), "{} {name} has no bound", operation["operationId"]);
            }
        }
    }

    #[test]
    fn nothing_in_the_document_is_null() {
        assert!(!Document::build().json.contains(": null"));
    }

    #[test]
    fn bounds_are_whole_and_exact() {
        let document = Document::build();
        let parameters = &document.value["paths"]["/api/v1/conversations/{id}/messages"]["get"]["parameters"];
        let before = parameters.as_array().unwrap().iter().find(|one| one["name"] == "before").unwrap();
        assert_eq!(before["schema"]["maximum"], json!(9_007_199_254_740_991_i64));
    }

    #[test]
    fn forms_of_texts_are_in_the_document() {
        let document = Document::build();
        let schemas = &document.value["components"]["schemas"];
        for (schema, field) in [
            ("Registration", "email"),
            ("Registration", "phone"),
            ("NewMember", "email"),
            ("AccountChange", "phone"),
            ("MissionRequest", "postalCode"),
            ("ProfileChange", "avatarUrl"),
            ("EstablishmentChange", "siret"),
            ("WeeklySlotView", "from"),
        ] {
            let pattern = schemas[schema]["properties"][field]["pattern"].as_str().unwrap_or_default();
            assert!(crate::wire::form(pattern).is_some(), "{schema}.{field}: {pattern}");
        }
    }

    #[test]
    fn a_guarded_post_outside_auth_takes_a_key() {
        let document = Document::build();
        let operations = crate::operations::Operations::of(&document);
        let takes_key = |path: &str| operations.find("POST", path).unwrap().takes_key;
        assert!(takes_key("/api/v1/matching/missions") && takes_key("/api/v1/invitations/7/accept"));
        assert!(!takes_key("/api/v1/auth/login") && !takes_key("/api/v1/auth/logout"));
    }

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
                let description = operation["description"].as_str().unwrap_or_default();
                assert!(description.ends_with('.'), "{id} has no description");
                let tag = &operation["tags"][0];
                let tags = document.value["tags"].as_array().unwrap();
                let described = |one: &Value| one["name"] == *tag && one["description"].is_string();
                assert!(tags.iter().any(described), "{id}: tag {tag} has no description");
                let answers = operation["responses"].as_object().unwrap();
                if operation["security"] != json!([]) {
                    assert!(
                        answers.contains_key("401") && answers.contains_key("403"),
                        "{id} lacks 401 or 403"
                    );
                }
                assert!(!path.contains('{') || answers.contains_key("404"), "{id} lacks 404");
            }
        }
        assert!(ids.len() > 20);
        assert!(
            !document.json.contains("allOf"),
            "a comment on a field that is a reference; some generators drop it"
        );
    }
}
