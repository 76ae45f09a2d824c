//! What the sandbox knows: objects, whose balance is what, and what has to be told.

use std::collections::HashSet;
use std::io;
use std::path::Path;

use domain::Clock;
use serde_json::{Value, json};
use uuid::Uuid;

use super::params::{Params, Refusal};
use super::store::Store;

/// A balance: the platform's or an account's.
const PURSE: &str = "sandbox.purse";

#[derive(Debug)]
pub struct State {
    store: Store,
    clock: Clock,
    /// Events of the change under way.
    events: Vec<String>,
    /// Keys whose calls have no answer yet.
    pub under_way: HashSet<String>,
}

impl State {
    pub fn load(path: Option<&Path>, clock: Clock) -> io::Result<Self> {
        Ok(Self { store: Store::load(path)?, clock, events: Vec::new(), under_way: HashSet::new() })
    }

    /// Ends a change; the events to send.
    pub fn keep(&mut self) -> Vec<String> {
        self.store.write().expect("the sandbox's state can be written");
        std::mem::take(&mut self.events)
    }

    /// In seconds.
    pub fn now(&self) -> i64 {
        self.clock.now().unix_timestamp()
    }

    /// Recognisable in any log, and in the order of time.
    pub fn new_id(&self, prefix: &str) -> String {
        format!("{prefix}_sandbox{}", Uuid::now_v7().simple())
    }

    pub fn put(&mut self, object: Value) -> Value {
        self.store.put(object.clone());
        object
    }

    pub fn find(&self, id: &str) -> Option<&Value> {
        self.store.find(id)
    }

    /// One that has to be there; `param` is who named it.
    pub fn get(&self, kind: &str, id: &str, param: &str) -> Result<Value, Refusal> {
        let found = self.find(id).filter(|object| object["object"] == kind);
        found.cloned().ok_or_else(|| Refusal::missing(kind, id, param))
    }

    pub fn all(&self, kind: &str) -> &[Value] {
        self.store.all(kind)
    }

    pub fn kinds(&self) -> impl Iterator<Item = (&String, &Vec<Value>)> {
        self.store.kinds()
    }

    pub fn balance(&self, account: Option<&str>) -> i64 {
        self.find(&purse(account)).and_then(|purse| purse["cents"].as_i64()).unwrap_or_default()
    }

    pub fn add_to_balance(&mut self, account: Option<&str>, cents: i64) {
        let cents = self.balance(account) + cents;
        self.put(json!({ "object": PURSE, "id": purse(account), "cents": cents }));
    }

    /// Something happened to this object, as it is now.
    pub fn tell(&mut self, kind: &str, object: &Value, account: Option<&str>, previous: Option<Value>) {
        let mut data = json!({ "object": object });
        if let Some(previous) = previous {
            data["previous_attributes"] = previous;
        }
        let id = self.new_id("evt");
        let mut event = json!({
            "id": id, "object": "event", "api_version": stripe_connect::API_VERSION, "created": self.now(),
            "data": data, "livemode": false, "pending_webhooks": 1, "type": kind,
            "request": { "id": null, "idempotency_key": null },
        });
        if let Some(account) = account {
            event["account"] = json!(account);
        }
        self.put(event);
        self.events.push(id);
    }

    /// Events that nobody has taken yet, oldest first.
    pub fn undelivered(&self) -> Vec<String> {
        let waiting = self.all("event").iter().filter(|event| event["pending_webhooks"] == 1);
        waiting.map(super::id_of).collect()
    }

    /// Stripe's lists: newest first, by pages. `filters` are parameters that compare with the field of their name.
    pub fn list(
        &self,
        kind: &str,
        url: &str,
        params: &Params,
        filters: &[&str],
        mut fits: impl FnMut(&Value) -> bool,
    ) -> Result<Value, Refusal> {
        let known = ["limit", "starting_after", "created", "type", "types", "delivery_success"];
        params.only(&[&known[..], filters].concat())?;
        let limit = params.integer("limit")?.unwrap_or(10);
        if !(1..=100).contains(&limit) {
            return Err(Refusal::of_param("", "limit", "Limit must be between 1 and 100"));
        }
        let created = params.inner("created");
        let (since, until) = (created.integer("gte")?, created.integer("lte")?);
        let (after, before) = (created.integer("gt")?, created.integer("lt")?);
        let in_time = |at: i64| {
            since.is_none_or(|since| at >= since)
                && until.is_none_or(|until| at <= until)
                && after.is_none_or(|after| at > after)
                && before.is_none_or(|before| at < before)
        };
        let newest = self.all(kind).iter().rev();
        let mut rest = newest.peekable();
        if let Some(last) = params.text("starting_after") {
            self.get(kind, last, "starting_after")?;
            while rest.next_if(|object| object["id"] != last).is_some() {}
            rest.next();
        }
        let mut fitting = rest.filter(|object| {
            in_time(object["created"].as_i64().unwrap_or_default())
                && params.text("type").is_none_or(|kind| matches(object["type"].as_str(), kind))
                && filters.iter().all(|name| params.text(name).is_none_or(|text| object[*name] == text))
                && fits(object)
        });
        let data: Vec<&Value> = fitting.by_ref().take(limit as usize).collect();
        let more = fitting.next().is_some();
        Ok(json!({ "object": "list", "url": url, "has_more": more, "data": data }))
    }
}

/// `charge.*` is all of charges.
fn matches(kind: Option<&str>, pattern: &str) -> bool {
    let kind = kind.unwrap_or_default();
    match pattern.strip_suffix('*') {
        Some(start) => kind.starts_with(start),
        None => kind == pattern,
    }
}

fn purse(account: Option<&str>) -> String {
    format!("purse:{}", account.unwrap_or("platform"))
}
