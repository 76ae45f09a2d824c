//! One example per property, and out of them one of each body.

use poem::http::StatusCode;
use serde_json::{Map, Value, json};

use super::amendments::operations_mut;
use crate::error::{self, ApiError};
use crate::{guard, idempotency};

/// A line each: a property, or that of one schema or operation, and its example in JSON. What names its owner goes before the
/// first of an enum, too.
const PROPERTIES: &str = include_str!("examples.txt");

/// A refusal of each status, as it is answered.
fn refusals() -> [ApiError; 12] {
    [
        ApiError::invalid("startDate", "must be in the future"),
        guard::SESSION_ENDED,
        guard::ROLE_NOT_ALLOWED,
        ApiError::NotFound { what: "mission" },
        domain::missions::NOT_OPEN.into(),
        domain::auth_tokens::EXPIRED.into(),
        ApiError::TooLarge,
        ApiError::UnsupportedMediaType,
        idempotency::REUSED,
        ApiError::TooManyRequests { retry_after: 1 },
        ApiError::Internal(String::new()),
        error::DATABASE_AWAY,
    ]
}

const SOME_ID: &str = "0199f2d4-5d4e-7c3b-8a21-6f0d9be1c2a7";
const SOME_TIME: &str = "2030-03-04T08:00:00Z";

/// Gives every property, parameter and body its example.
pub fn illustrate(document: &mut Value) {
    let schemas = document["components"]["schemas"].clone();
    let table = Table::read(&schemas);
    for (owner, schema) in document["components"]["schemas"].as_object_mut().into_iter().flatten() {
        if let Some(first) = schema["enum"].get(0).cloned() {
            schema["example"] = first;
        }
        for (name, property) in
            schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten()
        {
            // Beside a reference nothing may stand; what it means has an example itself.
            if property.get("$ref").is_none() {
                property["example"] = table.value(property, owner, name);
            }
        }
    }
    for operation in operations_mut(document) {
        let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
        for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
            if parameter.get("example").is_none() {
                let name = parameter["name"].as_str().unwrap_or_default().to_owned();
                parameter["example"] = table.value(&parameter["schema"], &id, &name);
            }
        }
        if let Some(body) = operation.get_mut("requestBody") {
            for media in body["content"].as_object_mut().into_iter().flat_map(|content| content.values_mut())
            {
                media["example"] = table.value(&media["schema"], &id, "");
            }
        }
        for (status, response) in operation["responses"].as_object_mut().into_iter().flatten() {
            let content = response.get_mut("content");
            if let Some(media) = content.and_then(|content| content.get_mut("application/json")) {
                match status.as_str() {
                    refused if refused >= "400" => {
                        let reference = json!({ "$ref": format!("#/components/examples/Refused{refused}") });
                        media["examples"] = json!({ "refused": reference });
                    }
                    _ => media["example"] = table.value(&media["schema"], &id, ""),
                }
            }
        }
    }
    let refusal = |error: ApiError| {
        let (status, code, message) = error.parts();
        let mut body = table.value(&json!({ "$ref": "#/components/schemas/ErrorBody" }), "", "");
        body["statusCode"] = status.as_u16().into();
        body["code"] = code.into();
        body["message"] = message.into();
        if status != StatusCode::BAD_REQUEST
            && let Some(body) = body.as_object_mut()
        {
            body.remove("errors");
        }
        (format!("Refused{}", status.as_u16()), json!({ "summary": code, "value": body }))
    };
    document["components"]["examples"] = Value::Object(refusals().map(refusal).into_iter().collect());
}

struct Table<'s> {
    schemas: &'s Value,
    known: Map<String, Value>,
}

impl<'s> Table<'s> {
    fn read(schemas: &'s Value) -> Self {
        let lines = PROPERTIES.lines().filter_map(|line| line.split_once(' '));
        let known =
            lines.filter_map(|(name, text)| Some((name.to_owned(), serde_json::from_str(text).ok()?)));
        Self { schemas, known: known.collect() }
    }

    /// The example of a schema, as the property `name` of `owner`; null when the table lacks it, which no check lets pass.
    fn value(&self, schema: &Value, owner: &str, name: &str) -> Value {
        if let Some(example) = self.known.get(&format!("{owner}.{name}")) {
            return example.clone();
        }
        if let Some(target) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
            return self.value(&self.schemas[target], target, "");
        }
        if let Some(first) = schema["enum"].get(0) {
            return first.clone();
        }
        if let Some(properties) = schema["properties"].as_object() {
            let examples =
                properties.iter().map(|(name, property)| (name.clone(), self.value(property, owner, name)));
            return Value::Object(examples.collect());
        }
        if schema["type"] == "array" && schema["items"].get("$ref").is_some() {
            return json!([self.value(&schema["items"], owner, name)]);
        }
        match (self.known.get(name), schema["format"].as_str()) {
            (_, Some("uuid")) => SOME_ID.into(),
            (Some(example), _) => example.clone(),
            (None, Some("date-time")) => SOME_TIME.into(),
            (None, _) => Value::Null,
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::matching::explanation::RULE_VERSION;
    use domain::notifications::NotificationType;
    use domain::page::Cursor;
    use jobs::ledger::Envelope;
    use jobs::{MatchMission, queues};

    use super::super::Document;
    use super::super::amendments::operations;
    use super::*;
    use crate::operations::Operations;

    #[test]
    fn every_line_of_the_table_is_read_and_of_use() {
        let table = Table::read(&Value::Null);
        assert_eq!(table.known.len(), PROPERTIES.lines().count());
        let document = Document::get();
        let mut places = Vec::new();
        for (owner, schema) in document.value["components"]["schemas"].as_object().unwrap() {
            let properties = schema["properties"].as_object().into_iter().flatten();
            places.extend(properties.map(|(name, property)| (owner.as_str(), name.as_str(), property)));
        }
        for operation in operations(&document.value) {
            let id = operation["operationId"].as_str().unwrap();
            places.push((id, "", operation));
            for one in operation["parameters"].as_array().into_iter().flatten() {
                places.push((id, one["name"].as_str().unwrap(), &one["schema"]));
            }
        }
        for line in table.known.keys() {
            let of_use = match line.split_once('.') {
                Some(exact) => places.iter().any(|&(owner, name, _)| (owner, name) == exact),
                None => places.iter().any(|&(_, name, property)| {
                    let is_told_elsewhere =
                        property.get("$ref").is_some() || property["items"].get("$ref").is_some();
                    name == line && !is_told_elsewhere
                }),
            };
            assert!(of_use, "{line} is nowhere in the document");
        }
    }

    #[test]
    fn examples_are_what_the_platform_says_and_takes() {
        let table = Table::read(&Value::Null);
        let text = |line: &str| table.known[line].as_str().unwrap();
        for line in ["name", "queue"] {
            assert!(queues::ALL.iter().any(|queue| queue.name() == text(line)), "{line}");
        }
        for line in ["NotificationView.type", "NotificationPreference.type"] {
            assert!(NotificationType::of(text(line)).is_some(), "{line}");
        }
        let kind = NotificationType::of(text("NotificationView.type")).unwrap();
        let words = kind.words("fr");
        assert_eq!(words.title, text("NotificationView.title"));
        assert_eq!(words.body, text("NotificationView.body"));
        for line in ["cursor", "nextCursor"] {
            assert!(Cursor::decode(text(line)).is_some(), "{line}");
        }
        let job = serde_json::from_str(text("JobView.body")).unwrap();
        assert!(Envelope::open::<MatchMission>(job).is_ok());
        assert_eq!(text("ruleVersion"), RULE_VERSION);
        assert_eq!(text("notice"), domain::conversations::NOTICE);
    }

    #[test]
    fn example_requests_are_taken() {
        let document = Document::get();
        let known = Operations::of(document);
        for (path, methods) in document.value["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                for body in operation["requestBody"]["content"].as_object().into_iter().flat_map(Map::values)
                {
                    let misfit = known
                        .find(&method.to_uppercase(), path)
                        .unwrap()
                        .misfit(body["example"].to_string().as_bytes());
                    assert_eq!(misfit, None, "{method} {path}");
                }
            }
        }
    }

    #[test]
    fn every_property_parameter_and_body_has_an_example() {
        fn nulls(value: &Value, path: &str, found: &mut Vec<String>) {
            match value {
                Value::Null => found.push(path.to_owned()),
                Value::Object(map) => {
                    map.iter().for_each(|(name, value)| nulls(value, &format!("{path}.{name}"), found))
                }
                Value::Array(items) => items.iter().for_each(|value| nulls(value, path, found)),
                _ => {}
            }
        }
        let mut found = Vec::new();
        let document = Document::get();
        for (name, schema) in document.value["components"]["schemas"].as_object().unwrap() {
            for (field, property) in schema["properties"].as_object().into_iter().flatten() {
                if property.get("$ref").is_none() {
                    nulls(&property["example"], &format!("{name}.{field}"), &mut found);
                }
            }
        }
        for operation in operations(&document.value) {
            let id = operation["operationId"].as_str().unwrap().to_owned();
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                nulls(&parameter["example"], &format!("{id} {}", parameter["name"]), &mut found);
            }
            if let Some(body) = operation.get("requestBody") {
                for media in body["content"].as_object().unwrap().values() {
                    nulls(&media["example"], &format!("{id} asks"), &mut found);
                }
            }
            for (status, response) in operation["responses"].as_object().unwrap() {
                let content = response.get("content");
                if let Some(media) = content.and_then(|content| content.get("application/json")) {
                    let example = media.get("examples").unwrap_or(&media["example"]);
                    nulls(example, &format!("{id} answers {status}"), &mut found);
                }
            }
        }
        assert!(found.is_empty(), "without example: {found:#?}");
    }
}
