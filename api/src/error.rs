//! The one error body, and the only place that knows which fault is which status.

use domain::Error as DomainError;
use poem::http::{HeaderName, HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiResponse, Object};
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::operations::Operations;

/// The body of every error, from every layer.
#[derive(Debug, Object, Serialize)]
#[oai(rename_all = "camelCase", skip_serializing_if_is_none)]
#[serde(rename_all = "camelCase")]
pub struct ErrorBody {
    /// The HTTP status.
    #[oai(validator(minimum(value = "400"), maximum(value = "599")))]
    pub status_code: i32,
    /// For people; may change. A refusal of its own code is a sentence. What is wrong with a field is a predicate in lower case, and stands
    /// behind the field's name: `startDate: must be in the future`.
    #[oai(validator(max_length = 1000))]
    pub message: String,
    #[serde(with = "time::serde::rfc3339")]
    pub timestamp: OffsetDateTime,
    /// For programs; stable.
    #[oai(validator(max_length = 60, pattern = "^[A-Z0-9_]+$"))]
    pub code: String,
    #[oai(validator(max_length = 2000))]
    pub path: String,
    /// Names the request in logs, jobs and mails.
    #[oai(validator(max_length = 128))]
    pub request_id: String,
    /// The fields at fault, where fields are.
    #[oai(validator(max_items = 100))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<Vec<FieldError>>,
}

/// A field of the request and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, Object, Serialize)]
pub struct FieldError {
    #[oai(validator(max_length = 200))]
    pub field: String,
    #[oai(validator(max_length = 1000))]
    pub message: String,
}

impl FieldError {
    fn bounded(&self) -> Self {
        Self { field: cut(&self.field, 200), message: cut(&self.message, 1000) }
    }
}

fn rfc3339(at: OffsetDateTime) -> String {
    at.format(&Rfc3339).unwrap_or_default()
}

/// With a capital at its beginning.
pub fn sentence(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().into_iter().flat_map(char::to_uppercase).chain(rest).collect()
}

/// What a caller sent comes back at most this long.
fn cut(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

/// One variant per status that we answer.
#[derive(Debug)]
pub enum ApiError {
    Invalid(Vec<FieldError>),
    /// What was shown is no proof: a token that is unknown or used.
    Unusable {
        code: &'static str,
        message: &'static str,
    },
    Unauthorized {
        code: &'static str,
        message: &'static str,
    },
    Forbidden {
        code: &'static str,
        message: &'static str,
    },
    /// The session's room is not open; it opens, or opened, at this time.
    NotOpen {
        opens_at: OffsetDateTime,
    },
    NotFound {
        what: &'static str,
    },
    MethodNotAllowed {
        allow: String,
    },
    Conflict {
        code: &'static str,
        message: &'static str,
    },
    /// It was there, and its time is over.
    Gone {
        code: &'static str,
        message: &'static str,
    },
    TooLarge,
    UnsupportedMediaType,
    /// Understood, and not to be done as it stands.
    Unprocessable {
        code: &'static str,
        message: &'static str,
    },
    TooManyRequests {
        retry_after: u64,
    },
    /// The cause is logged, never sent.
    Internal(String),
    Unavailable {
        code: &'static str,
        message: &'static str,
    },
}

pub const DATABASE_AWAY: ApiError =
    ApiError::Unavailable { code: "DATABASE_UNAVAILABLE", message: "Try again in a moment" };

pub type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    pub fn invalid(field: &str, message: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError { field: field.into(), message: message.into() }])
    }

    /// Status, code and message.
    pub fn parts(&self) -> (StatusCode, &'static str, String) {
        let own = |status, code: &'static str, message: &str| (status, code, message.to_owned());
        match self {
            Self::Invalid(errors) => {
                let first = errors.first().map_or("Invalid request".into(), |e| match e.field.is_empty() {
                    true => sentence(&e.message),
                    false => format!("{}: {}", e.field, e.message),
                });
                (StatusCode::BAD_REQUEST, "INVALID_REQUEST", first)
            }
            Self::Unusable { code, message } => own(StatusCode::BAD_REQUEST, code, message),
            Self::Gone { code, message } => own(StatusCode::GONE, code, message),
            Self::Unauthorized { code, message } => own(StatusCode::UNAUTHORIZED, code, message),
            Self::Forbidden { code, message } => own(StatusCode::FORBIDDEN, code, message),
            Self::NotOpen { opens_at } => (
                StatusCode::FORBIDDEN,
                "SESSION_NOT_OPEN",
                format!(
                    "This session may be joined from {}, while it is paid and not over",
                    rfc3339(*opens_at)
                ),
            ),
            Self::NotFound { what } => {
                (StatusCode::NOT_FOUND, "NOT_FOUND", sentence(&format!("{what} not found")))
            }
            Self::MethodNotAllowed { .. } => own(
                StatusCode::METHOD_NOT_ALLOWED,
                "METHOD_NOT_ALLOWED",
                "This path does not have that method",
            ),
            Self::Conflict { code, message } => own(StatusCode::CONFLICT, code, message),
            Self::TooLarge => {
                own(StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE", "The body is larger than 1 MiB")
            }
            Self::UnsupportedMediaType => own(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "UNSUPPORTED_MEDIA_TYPE",
                "The body must be application/json",
            ),
            Self::Unprocessable { code, message } => own(StatusCode::UNPROCESSABLE_ENTITY, code, message),
            Self::TooManyRequests { retry_after } => (
                StatusCode::TOO_MANY_REQUESTS,
                "RATE_LIMITED",
                format!("Too many requests; try again in {retry_after} s"),
            ),
            Self::Internal(_) => {
                own(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL", "Something went wrong on our side")
            }
            Self::Unavailable { code, message } => own(StatusCode::SERVICE_UNAVAILABLE, code, message),
        }
    }

    pub fn code(&self) -> &'static str {
        self.parts().1
    }

    /// The answer, for a request of this path and id. The cause of a 5xx is logged here, once.
    pub fn respond(self, path: &str, request_id: &str, timestamp: OffsetDateTime) -> Response {
        let (status, code, message) = self.parts();
        if let Self::Internal(cause) = &self {
            tracing::error!(request_id, path, cause, "internal error");
        }
        let extra: Option<(HeaderName, String)> = match &self {
            Self::Unauthorized { .. } => Some((header::WWW_AUTHENTICATE, "Bearer".into())),
            Self::MethodNotAllowed { allow } => Some((header::ALLOW, allow.clone())),
            Self::TooManyRequests { retry_after } => Some((header::RETRY_AFTER, retry_after.to_string())),
            Self::Unavailable { .. } => Some((header::RETRY_AFTER, "2".into())),
            _ => None,
        };
        let errors = match self {
            Self::Invalid(errors) => Some(errors.iter().map(FieldError::bounded).collect()),
            Self::NotOpen { opens_at } => {
                Some(vec![FieldError { field: "opensAt".into(), message: rfc3339(opens_at) }])
            }
            _ => None,
        };
        let body = ErrorBody {
            status_code: i32::from(status.as_u16()),
            message: cut(&message, 1000),
            timestamp,
            code: code.into(),
            path: cut(path, 2000),
            request_id: request_id.into(),
            errors,
        };
        let mut response = poem::web::Json(body).with_status(status).into_response();
        if let Some((name, value)) = extra
            && let Ok(value) = HeaderValue::from_str(&value)
        {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

impl From<DomainError> for ApiError {
    fn from(error: DomainError) -> Self {
        match error {
            DomainError::NotFound(what) => Self::NotFound { what },
            DomainError::Conflict { code, message } => Self::Conflict { code, message },
            DomainError::Refused { code, message } => Self::Forbidden { code, message },
            DomainError::Unusable { code, message } => Self::Unusable { code, message },
            DomainError::Expired { code, message } => Self::Gone { code, message },
            DomainError::Invalid { field, message } => Self::invalid(field, message),
            DomainError::Database(error) => error.into(),
        }
    }
}

impl From<sqlx::Error> for ApiError {
    fn from(error: sqlx::Error) -> Self {
        if domain::error::is_outage(&error) {
            tracing::warn!(%error, "the database is away");
            return DATABASE_AWAY;
        }
        Self::Internal(error.to_string())
    }
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.parts().2)
    }
}

impl std::error::Error for ApiError {}

impl From<ApiError> for poem::Error {
    fn from(error: ApiError) -> Self {
        let status = error.parts().0;
        Self::new(error, status)
    }
}

/// What any layer below may raise, as one of ours.
pub fn from_any(
    error: poem::Error,
    path: &str,
    operations: &Operations,
    misfit: Option<FieldError>,
) -> ApiError {
    use poem_openapi::error::{ContentTypeError, ParseParamError, ParsePathError, ParseRequestPayloadError};
    let error = match error.downcast::<ApiError>() {
        Ok(ours) => return ours,
        Err(other) => other,
    };
    if let Some(error) = error.downcast_ref::<ParseRequestPayloadError>() {
        let named = field_of(&error.reason);
        return ApiError::Invalid(vec![misfit.filter(|_| named.field.is_empty()).unwrap_or(named)]);
    }
    if let Some(error) = error.downcast_ref::<ParseParamError>() {
        return ApiError::invalid(error.name, error.reason.trim());
    }
    if let Some(error) = error.downcast_ref::<ParsePathError>() {
        // poem-openapi numbers the placeholders of a path: param0, param1 …
        let name =
            error.name.strip_prefix("param").and_then(|n| operations.placeholder(path, n.parse().ok()?));
        return ApiError::invalid(name.unwrap_or(error.name), error.reason.trim());
    }
    if error.is::<ContentTypeError>() {
        return ApiError::UnsupportedMediaType;
    }
    match error.status() {
        StatusCode::NOT_FOUND => ApiError::NotFound { what: "route" },
        StatusCode::METHOD_NOT_ALLOWED => ApiError::MethodNotAllowed { allow: operations.allowed(path) },
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::TooLarge,
        status if status.is_client_error() => ApiError::invalid("", error.to_string()),
        _ => ApiError::Internal(error.to_string()),
    }
}

/// poem-openapi names the field inside a sentence: `failed to parse "NewMission": failed to parse field "slots": …`.
fn field_of(reason: &str) -> FieldError {
    let quoted = |text: &str, mark: char| {
        text.split_once(mark).and_then(|(_, rest)| rest.split_once(mark)).map(|(name, _)| name.to_owned())
    };
    let field = reason
        .rfind("field ")
        .and_then(|at| quoted(&reason[at..], '`').or_else(|| quoted(&reason[at..], '"')))
        .unwrap_or_default();
    let message = reason.rsplit_once("): ").map_or(reason, |(_, rest)| rest);
    FieldError { field, message: message.trim().chars().take(500).collect() }
}

/// Every operation documents every status; the descriptions are those of the product.
impl ApiResponse for ApiError {
    fn meta() -> MetaResponses {
        let response = |(status, description)| MetaResponse {
            description,
            status: Some(status),
            status_range: None,
            content: vec![MetaMediaType {
                content_type: "application/json",
                schema: ErrorBody::schema_ref(),
            }],
            headers: vec![],
        };
        MetaResponses {
            responses: [
                (400, "Malformed or invalid"),
                (401, "Not signed in, or no longer"),
                (403, "Not allowed for this role, person or account status"),
                (404, "Does not exist, or not for you"),
                (409, "The present state forbids it"),
                (410, "Its time is over"),
                (413, "Body too large"),
                (415, "Not JSON"),
                (422, "The Idempotency-Key belongs to another request"),
                (429, "Too many requests"),
                (500, "Our fault"),
                (503, "Something we depend on is away"),
            ]
            .map(response)
            .into(),
        }
    }

    fn register(registry: &mut Registry) {
        ErrorBody::register(registry);
    }
}

#[cfg(test)]
mod tests {
    use super::field_of;

    #[test]
    fn a_parse_error_names_its_field() {
        let error = field_of(
            r#"failed to parse "NewMission": field "slots" verification failed. maximum(20, exclusive: false)"#,
        );
        assert_eq!(error.field, "slots");
        assert_eq!(field_of(r#"failed to parse "Login": unknown field `admin`."#).field, "admin");
        assert_eq!(field_of("expected value at line 1 column 1").field, "");
    }
}
