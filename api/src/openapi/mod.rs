//! The OpenAPI document: generated from the code, committed under `openapi/`, served byte for byte.

mod amendments;
mod examples;
mod yaml;

use std::sync::LazyLock;

use poem::endpoint::make_sync;
use poem::http::header;
use poem::web::Html;
use poem::{IntoResponse, Route};
use poem_openapi::{ContactObject, LicenseObject, OpenApiService};
use serde_json::Value;

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
        crate::reviews::ReviewsApi,
        crate::growth::GrowthApi,
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
        crate::hub::instructions::InstructionsApi,
        crate::hub::overview::OverviewApi,
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
        crate::mail_webhooks::MailWebhooksApi,
        crate::notification_preferences::NotificationPreferencesApi,
        crate::push_subscriptions::PushSubscriptionsApi,
    ]
    [
        crate::payments::PaymentsApi,
        crate::chorus::ChorusApi,
        crate::bank_transfers::BankTransfersApi,
        crate::connect::ConnectApi,
        crate::stripe_webhooks::StripeWebhooksApi,
        crate::billing::BillingApi,
        crate::invoices::InvoicesApi,
    ]
    [
        crate::admin::AdminApi,
        crate::plans::PlansApi,
        crate::growth::admin::GrowthAdminApi,
        crate::proofs::ProofsApi,
        crate::queues::QueuesApi,
        crate::mail_suppressions::MailSuppressionsApi,
    ]
}

pub fn service() -> OpenApiService<Apis, ()> {
    OpenApiService::new(apis(), "SocioPulse", env!("CARGO_PKG_VERSION"))
        .description(DESCRIPTION)
        .license(LicenseObject::new("MIT OR Apache-2.0").url("https://spdx.org/licenses/MIT.html"))
        .contact(ContactObject::new().name("SocioPulse"))
        .server("/")
}

const DESCRIPTION: &str = concat!(
    "Urgent relief missions for French care establishments: posted, matched, accepted and talked about, live.

**Conventions.** JSON in camelCase. Times are RFC 3339 in UTC, money is integer cents, ids are UUIDv7. Unknown fields and query \
parameters are refused. Lists answer `{items, nextCursor}`; pass `nextCursor` back as `cursor`. Every error has the same body, and \
every response carries `X-Request-Id`.\n\n",
    include_str!("../../SOCKET.md")
);

#[derive(Clone, Debug)]
pub struct Document {
    pub json: String,
    pub yaml: String,
    pub value: Value,
    /// The reference page, with the document inside it.
    page: String,
}

impl Document {
    /// Built once in a process.
    pub fn get() -> &'static Self {
        static DOCUMENT: LazyLock<Document> = LazyLock::new(Document::build);
        &DOCUMENT
    }

    fn build() -> Self {
        let service = service();
        let spec = service.spec();
        #[expect(clippy::expect_used, reason = "poem-openapi writes JSON; a test reads it")]
        let mut value: Value = serde_json::from_str(&spec).expect("the generated document is JSON");
        amendments::make(&mut value);
        examples::illustrate(&mut value);
        let json = format!("{value:#}\n");
        Self { yaml: yaml::write(&value), page: service.scalar_html().replace(&spec, &json), json, value }
    }

    #[cfg(test)]
    pub fn has_operation(&self, id: &str) -> bool {
        amendments::operations(&self.value).any(|operation| operation["operationId"] == id)
    }
}

/// The reference page brings its script and styles inside itself.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; \
                           img-src data: https:; font-src data: https:; connect-src 'self'; worker-src blob:; \
                           base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The reference page and the document beside the API.
pub fn mount(route: Route) -> Route {
    let Document { json, yaml, page, .. } = Document::get();
    route
        .at(
            "/docs",
            make_sync(move |_| {
                Html(page.as_str()).with_header(header::CONTENT_SECURITY_POLICY, PAGE_POLICY).into_response()
            }),
        )
        .at(
            "/openapi.json",
            make_sync(move |_| json.as_str().with_content_type("application/json").into_response()),
        )
        .at(
            "/openapi.yaml",
            make_sync(move |_| yaml.as_str().with_content_type("application/yaml").into_response()),
        )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::amendments::operations;
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
        let document = Document::get();
        for (name, schema) in document.value["components"]["schemas"].as_object().unwrap() {
            for (field, schema) in schema["properties"].as_object().into_iter().flatten() {
                assert!(!unbounded(schema), "{name}.{field} has no bound");
            }
        }
        for operation in operations(&document.value) {
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
        assert!(!Document::get().json.contains(": null"));
    }

    #[test]
    fn bounds_are_whole_and_exact() {
        let document = Document::get();
        let parameters = &document.value["paths"]["/api/v1/conversations/{id}/messages"]["get"]["parameters"];
        let before = parameters.as_array().unwrap().iter().find(|one| one["name"] == "before").unwrap();
        assert_eq!(before["schema"]["maximum"], json!(9_007_199_254_740_991_i64));
    }

    #[test]
    fn forms_of_texts_are_in_the_document() {
        let document = Document::get();
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
        let document = Document::get();
        let operations = crate::operations::Operations::of(document);
        let takes_key = |path: &str| operations.find("POST", path).unwrap().takes_key;
        assert!(takes_key("/api/v1/matching/missions") && takes_key("/api/v1/invitations/7/accept"));
        assert!(!takes_key("/api/v1/auth/login") && !takes_key("/api/v1/auth/logout"));
    }

    #[test]
    fn every_operation_is_named_once_and_described() {
        let document = Document::get();
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
