//! Stripe's bodies: form-encoded, nested by brackets (`metadata[userId]=…`, `items[0][price]=…`, `expand[]=…`).

use reqwest::Url;
use serde_json::{Map, Value};

/// The pairs as one object of strings, lists and objects. A key that does not fit what came before it is an error.
pub fn parse(text: &str) -> Result<Map<String, Value>, String> {
    // A URL's query is the same encoding.
    let mut url = Url::parse("http://form/").map_err(|error| error.to_string())?;
    url.set_query(Some(text));
    let mut form = Map::new();
    for (key, value) in url.query_pairs().filter(|(key, _)| !key.is_empty()) {
        let path = segments(&key).ok_or_else(|| key.clone().into_owned())?;
        insert(&mut form, &path, value.into_owned()).ok_or_else(|| key.into_owned())?;
    }
    Ok(form.into_iter().map(|(key, value)| (key, lists(value))).collect())
}

/// `a[b][]` is `a`, `b`, and the next of a list.
fn segments(key: &str) -> Option<Vec<&str>> {
    let (first, rest) = key.split_at(key.find('[').unwrap_or(key.len()));
    let mut path = vec![first];
    let mut rest = rest;
    while !rest.is_empty() {
        let (inner, after) = rest.strip_prefix('[')?.split_once(']')?;
        path.push(inner);
        rest = after;
    }
    (!first.is_empty() && path.len() <= 8).then_some(path)
}

fn insert(into: &mut Map<String, Value>, path: &[&str], value: String) -> Option<()> {
    let (first, rest) = path.split_first()?;
    let key = match *first {
        "" => into.len().to_string(),
        key => key.to_owned(),
    };
    if rest.is_empty() {
        return into.insert(key, Value::String(value)).is_none().then_some(());
    }
    let inner = into.entry(key).or_insert_with(|| Value::Object(Map::new()));
    insert(inner.as_object_mut()?, rest, value)
}

/// Objects whose keys are 0, 1, 2 … are lists.
fn lists(value: Value) -> Value {
    let Value::Object(map) = value else { return value };
    let numbered = !map.is_empty() && (0..map.len()).all(|at| map.contains_key(&at.to_string()));
    if numbered {
        let mut map = map;
        return (0..map.len()).filter_map(|at| map.remove(&at.to_string())).map(lists).collect();
    }
    Value::Object(map.into_iter().map(|(key, value)| (key, lists(value))).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::parse;

    #[test]
    fn brackets_nest() {
        let text = "amount=1099&metadata%5Border%20id%5D=a+b%26c&expand[]=x&expand[]=y&lines[0][price]=1&\
                    lines[1][price]=2&created[gte]=5&empty=";
        let form = json!(parse(text).unwrap());
        assert_eq!(
            form,
            json!({
                "amount": "1099", "metadata": { "order id": "a b&c" }, "expand": ["x", "y"],
                "lines": [{ "price": "1" }, { "price": "2" }], "created": { "gte": "5" }, "empty": "",
            })
        );
        for bad in ["a=1&a=2", "a=1&a[b]=2", "a[b=1", "a[b]c=1", "[a]=1"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(parse("").unwrap().is_empty());
    }
}
