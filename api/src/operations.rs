//! The OpenAPI document as a table: which operation a request means, and what it may carry. One truth for the rate limiter,
//! the strict query check, `Allow`, and the names of fields at fault.

use std::collections::{HashMap, HashSet};

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::error::FieldError;
use crate::openapi::Document;
use crate::wire;

#[derive(Debug)]
pub struct Operation {
    /// `createMission`
    pub id: String,
    /// A POST that may be sent twice under one `Idempotency-Key`.
    pub takes_key: bool,
    query: HashSet<String>,
    /// None where nothing is said of a body's fields: a webhook's are its sender's.
    body: Option<Schema>,
}

impl Operation {
    /// The field of a refused body that is not what the document says, with what it should be: poem-openapi's own message
    /// names the type that it did not find, not where.
    pub fn misfit(&self, body: &[u8]) -> Option<FieldError> {
        let schema = self.body.as_ref()?;
        let body: Value = serde_json::from_slice(body).ok()?;
        let (field, message) = schema.misfit(&body, "")?;
        Some(FieldError { field, message })
    }

    /// poem-openapi takes null for absent, the document does not: such a body is not passed on.
    pub fn stray_null(&self, body: &[u8]) -> Option<FieldError> {
        body.windows(4).any(|word| word == b"null").then(|| self.misfit(body)).flatten()
    }

    /// The first query parameter that the operation does not have, or has twice.
    pub fn stray_parameter(&self, query: &str) -> Option<String> {
        let mut seen = HashSet::new();
        let names = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.split('=').next().unwrap_or_default());
        names.map(str::to_owned).find(|name| !self.query.contains(name) || !seen.insert(name.clone()))
    }
}

#[derive(Debug, Default)]
pub struct Operations {
    /// By number of segments, then path pattern.
    paths: HashMap<usize, Vec<Path>>,
}

#[derive(Debug)]
struct Path {
    segments: Vec<Option<String>>,
    placeholders: Vec<String>,
    methods: HashMap<String, Operation>,
}

impl Path {
    fn matches(&self, segments: &[&str]) -> bool {
        self.segments.iter().zip(segments).all(|(own, other)| own.as_deref().is_none_or(|own| own == *other))
    }
}

impl Operations {
    pub fn of(document: &Document) -> Self {
        let mut paths: HashMap<usize, Vec<Path>> = HashMap::new();
        let empty = serde_json::Map::new();
        for (path, methods) in document.value["paths"].as_object().unwrap_or(&empty) {
            let segments: Vec<_> = path
                .split('/')
                .map(|segment| (!segment.starts_with('{')).then(|| segment.to_owned()))
                .collect();
            let placeholders =
                path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
            let placeholders = placeholders.map(str::to_owned).collect();
            let methods = methods.as_object().unwrap_or(&empty).iter();
            let schemas = &document.value["components"]["schemas"];
            let methods = methods.map(|(method, meta)| (method.to_uppercase(), Operation::of(meta, schemas)));
            let methods = methods.collect();
            paths.entry(segments.len()).or_default().push(Path { segments, placeholders, methods });
        }
        for paths in paths.values_mut() {
            // `missions/active` before `missions/{id}`.
            paths.sort_by_key(|path| path.segments.iter().map(Option::is_none).collect::<Vec<_>>());
        }
        Self { paths }
    }

    fn path(&self, path: &str) -> Option<&Path> {
        let segments: Vec<&str> = path.split('/').collect();
        self.paths.get(&segments.len())?.iter().find(|own| own.matches(&segments))
    }

    pub fn find(&self, method: &str, path: &str) -> Option<&Operation> {
        self.path(path)?.methods.get(method)
    }

    /// The name of the n-th placeholder of a path.
    pub fn placeholder(&self, path: &str, n: usize) -> Option<&str> {
        self.path(path)?.placeholders.get(n).map(String::as_str)
    }

    /// The methods of a path, for `Allow`.
    pub fn allowed(&self, path: &str) -> String {
        let mut methods: Vec<&str> =
            self.path(path).map(|path| path.methods.keys().map(String::as_str).collect()).unwrap_or_default();
        methods.sort_unstable();
        if methods.is_empty() { "GET".into() } else { methods.join(", ") }
    }
}

impl Operation {
    fn of(meta: &Value, schemas: &Value) -> Self {
        let parameters = meta["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
        let query = parameters.iter().filter(|parameter| parameter["in"] == "query");
        Self {
            takes_key: parameters
                .iter()
                .any(|parameter| parameter["in"] == "header" && parameter["name"] == "Idempotency-Key"),
            id: meta["operationId"].as_str().unwrap_or_default().to_owned(),
            body: meta["requestBody"]["content"]["application/json"]
                .get("schema")
                .map(|schema| Schema::of(schema, schemas))
                .filter(|schema| !matches!(schema, Schema::Object(fields) if fields.is_empty())),
            query: query.filter_map(|parameter| parameter["name"].as_str()).map(str::to_owned).collect(),
        }
    }
}

/// As much of a schema as it takes to say which field is of the wrong type.
#[derive(Debug)]
enum Schema {
    Object(HashMap<String, Schema>),
    Array(Box<Schema>),
    OneOf(Vec<Value>),
    Nullable(Box<Schema>),
    /// A text of one of our forms, and its pattern.
    Form(String, fn(&str) -> bool),
    /// A JSON type and perhaps a format.
    Scalar(String, Option<String>),
}

impl Schema {
    fn of(schema: &Value, schemas: &Value) -> Self {
        if schema["nullable"] == true {
            let mut inner = schema.clone();
            inner["nullable"] = false.into();
            return Self::Nullable(Box::new(Self::of(&inner, schemas)));
        }
        let text = |field: &str| schema[field].as_str().map(str::to_owned);
        if let Some(name) = text("$ref") {
            return Self::of(&schemas[name.rsplit('/').next().unwrap_or_default()], schemas);
        }
        if let Some(all) = schema["allOf"].as_array() {
            return all.first().map_or(Self::Object(HashMap::new()), |first| Self::of(first, schemas));
        }
        if let Some(values) = schema["enum"].as_array() {
            return Self::OneOf(values.clone());
        }
        match schema["type"].as_str().unwrap_or_default() {
            "object" => {
                let properties = schema["properties"].as_object().into_iter().flatten();
                Self::Object(
                    properties.map(|(name, schema)| (name.clone(), Self::of(schema, schemas))).collect(),
                )
            }
            "array" => Self::Array(Box::new(Self::of(&schema["items"], schemas))),
            other => match text("pattern").and_then(|pattern| Some((wire::form(&pattern)?, pattern))) {
                Some((fits, pattern)) => Self::Form(pattern, fits),
                None => Self::Scalar(other.to_owned(), text("format")),
            },
        }
    }

    fn misfit(&self, value: &Value, field: &str) -> Option<(String, String)> {
        let wrong = |expected: String| Some((field.to_owned(), format!("expected {expected}")));
        match (self, value) {
            (Self::Nullable(_), Value::Null) => None,
            (Self::Nullable(inner), value) => inner.misfit(value, field),
            (_, Value::Null) => wrong("a value; a field that is not meant is left out, not null".into()),
            (Self::Object(properties), Value::Object(map)) => map.iter().find_map(|(name, value)| {
                let path = if field.is_empty() { name.clone() } else { format!("{field}.{name}") };
                properties.get(name)?.misfit(value, &path)
            }),
            (Self::Object(_), _) => wrong("an object".into()),
            (Self::Array(items), Value::Array(values)) => {
                values.iter().enumerate().find_map(|(n, value)| items.misfit(value, &format!("{field}[{n}]")))
            }
            (Self::Array(_), _) => wrong("an array".into()),
            (Self::OneOf(values), value) if values.contains(value) => None,
            (Self::OneOf(values), _) => wrong(format!("one of {}", Value::from(values.clone()))),
            (Self::Form(_, fits), Value::String(text)) if fits(text) => None,
            (Self::Form(pattern, _), Value::String(_)) => wrong(format!("a text that matches {pattern}")),
            (Self::Form(..), _) => wrong("string".into()),
            (Self::Scalar(kind, format), value) => {
                let format = format.as_deref().unwrap_or_default();
                let fits = match (kind.as_str(), value) {
                    ("string", Value::String(text)) if format == "uuid" => {
                        uuid::Uuid::try_parse(text).is_ok()
                    }
                    ("string", Value::String(text)) if format == "date-time" => {
                        OffsetDateTime::parse(text, &Rfc3339).is_ok()
                    }
                    ("string", Value::String(text)) => wire::is_plain(text),
                    ("boolean", Value::Bool(_)) => true,
                    ("number", Value::Number(_)) => true,
                    ("integer", Value::Number(number)) => number.is_i64(),
                    _ => false,
                };
                if fits { None } else { wrong(format!("{kind} {format}").trim().to_owned()) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_means_one_operation() {
        let operations = Operations::of(Document::get());
        let list = operations.find("GET", "/api/v1/matching/missions").unwrap();
        assert_eq!(list.id, "listMissions");
        assert_eq!(list.stray_parameter("scope=mine&limit=5"), None);
        assert_eq!(list.stray_parameter("scope=mine&colour=red"), Some("colour".into()));
        assert_eq!(list.stray_parameter("limit=1&limit=2"), Some("limit".into()));
        assert_eq!(operations.find("GET", "/api/v1/matching/missions/7").unwrap().id, "getMission");
        assert!(operations.find("DELETE", "/api/v1/matching/missions").is_none());
        let create = operations.find("POST", "/api/v1/matching/missions").unwrap();
        let field = |body: &str| create.misfit(body.as_bytes()).map(|error| error.field);
        assert_eq!(field(r#"{"jobId":"ide","slots":"2"}"#), Some("slots".into()));
        assert_eq!(field(r#"{"specialties":["a",7]}"#), Some("specialties[1]".into()));
        assert_eq!(field(r#"{"urgencyLevel":"NOW"}"#), Some("urgencyLevel".into()));
        assert_eq!(field(r#"{"startDate":"tomorrow"}"#), Some("startDate".into()));
        assert_eq!(field(r#"{"title":null}"#), Some("title".into()));
        assert_eq!(field(r#"{"city":"Paris","postalCode":"7500"}"#), Some("postalCode".into()));
        assert_eq!(field(r#"{"slots":2,"startDate":"2026-01-01T00:00:00Z"}"#), None);
        assert_eq!(operations.allowed("/api/v1/matching/missions"), "GET, POST");
    }
}
