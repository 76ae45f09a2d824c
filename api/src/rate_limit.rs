//! Budgets per operation and caller, counted in Redis so that all replicas share them.
//!
//! Each budget is a sliding log: the n-th call before this one must be a window away. So the fourth call within any second
//! is refused, and a caller that waits as long as it is told is not.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use domain::network;
use poem::http::{HeaderMap, HeaderValue};
use redis::Script;
use redis::aio::ConnectionManager;

use crate::error::ApiError;

/// `quota` calls per `window`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    pub name: String,
    pub quota: u64,
    pub window: Duration,
}

/// The general budgets; empty switches the limiter off.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RateLimit(pub Vec<Budget>);

impl FromStr for RateLimit {
    type Err = String;

    /// `short=3/1s,medium=20/10s`, or `off`.
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self::default());
        }
        let budget = |part: &str| {
            let (name, rest) = part.split_once('=')?;
            let (quota, seconds) = rest.strip_suffix('s')?.split_once('/')?;
            let (quota, seconds) = (quota.parse().ok()?, seconds.parse().ok()?);
            let sound = !name.is_empty() && (1..=1000).contains(&quota) && (1..=3600).contains(&seconds);
            sound.then(|| Budget { name: name.into(), quota, window: Duration::from_secs(seconds) })
        };
        let budgets = text.split(',').map(budget).collect::<Option<Vec<_>>>();
        budgets.map(Self).ok_or_else(|| "expected `short=3/1s,medium=20/10s` or `off`".into())
    }
}

/// Operations that no budget counts: who sends them is known by a signature, and sends as much as happens.
const EXEMPT: [&str; 3] = ["receiveMailEvent", "receiveStripeEvent", "receiveVideoEvent"];

/// Calls per minute that some operations have besides, per client address whoever signs in.
const PER_MINUTE: [(&str, u64); 8] = [
    ("login", 10),
    ("register", 20),
    ("refreshSession", 30),
    ("forgotPassword", 10),
    ("resetPassword", 10),
    ("changePassword", 10),
    ("verifyEmail", 20),
    ("acceptInvite", 20),
];

/// Failures at one account's password: each further round of guessing waits longer than the one before.
const FAILURES: [(&str, u64, u64); 3] = [("quarter", 5, 15 * 60), ("hour", 10, 3600), ("day", 20, 24 * 3600)];

fn extra(operation: &str) -> Option<Budget> {
    let (_, quota) = *PER_MINUTE.iter().find(|(known, _)| *known == operation)?;
    Some(Budget { name: "minute".into(), quota, window: Duration::from_secs(60) })
}

#[derive(Clone, Debug)]
pub struct Limiter {
    redis: ConnectionManager,
    prefix: Arc<str>,
    general: Arc<RateLimit>,
    script: Arc<Script>,
    unlimited: Arc<AtomicU64>,
}

/// What the budgets say of a call.
#[derive(Debug, Default)]
pub struct Decision {
    /// Seconds to wait, when refused.
    pub retry_after: Option<u64>,
    policy: String,
    state: String,
}

impl Decision {
    /// The `RateLimit-Policy` and `RateLimit` headers of draft-ietf-httpapi-ratelimit-headers.
    pub fn write(&self, headers: &mut HeaderMap) {
        for (name, value) in [("ratelimit-policy", &self.policy), ("ratelimit", &self.state)] {
            if let Ok(value) = HeaderValue::from_str(value)
                && !value.is_empty()
            {
                headers.insert(name, value);
            }
        }
    }
}

/// A counted try at a password.
#[derive(Debug)]
#[must_use = "a right password is forgiven"]
pub struct Attempt {
    keys: Vec<String>,
}

/// Answers of Redis later than this are not waited for: a limiter must not be slower than what it guards.
const PATIENCE: Duration = Duration::from_millis(300);

impl Limiter {
    pub fn new(redis: ConnectionManager, prefix: &str, general: RateLimit) -> Self {
        Self {
            redis,
            prefix: prefix.into(),
            general: Arc::new(general),
            script: Arc::new(Script::new(LOG)),
            unlimited: Arc::default(),
        }
    }

    /// Calls let through because Redis was away.
    pub fn unlimited(&self) -> u64 {
        self.unlimited.load(Ordering::Relaxed)
    }

    /// Counts a call against its budgets, all or none.
    pub async fn check(&self, operation: &str, caller: &str, address: &str) -> Decision {
        if self.general.0.is_empty() || EXEMPT.contains(&operation) {
            return Decision::default();
        }
        let (caller, address) = (network::budget_holder(caller), network::budget_holder(address));
        let general = self.general.0.iter().cloned().map(|budget| (budget, caller.as_str()));
        let extra = extra(operation).map(|budget| (budget, address.as_str()));
        self.count(operation, general.chain(extra).collect()).await
    }

    /// Messages of a user, over all its sockets.
    pub async fn check_chat(&self, user: &str) -> Decision {
        if self.general.0.is_empty() {
            return Decision::default();
        }
        let budget = Budget { name: "chat".into(), quota: 10, window: Duration::from_secs(10) };
        self.count("chat:send", vec![(budget, user)]).await
    }

    /// Live connections that an address opens.
    pub async fn check_upgrade(&self, address: &str) -> Decision {
        if self.general.0.is_empty() {
            return Decision::default();
        }
        let budget = Budget { name: "upgrade".into(), quota: 20, window: Duration::from_secs(10) };
        self.count("upgrade", vec![(budget, address)]).await
    }

    /// Counts a try at an account's password before it is made, so that a hundred at once are not a hundred guesses.
    /// [`forgive`](Self::forgive) takes it back when the password was right.
    ///
    /// A network where the account is known has budgets of its own; all others share theirs. So strangers who guess cannot
    /// lock the owner out.
    pub async fn attempt(&self, account: &str, known_network: Option<&str>) -> Result<Attempt, ApiError> {
        if self.general.0.is_empty() {
            return Ok(Attempt { keys: Vec::new() });
        }
        let who = format!("{account}:{}", known_network.unwrap_or("elsewhere"));
        let budget = |(name, quota, seconds): (&str, u64, u64)| Budget {
            name: name.into(),
            quota,
            window: Duration::from_secs(seconds),
        };
        let budgets: Vec<_> = FAILURES.into_iter().map(|failures| (budget(failures), who.as_str())).collect();
        let keys = budgets.iter().map(|(budget, who)| self.key("password", budget, who)).collect();
        match self.count("password", budgets).await.retry_after {
            Some(retry_after) => Err(ApiError::TooManyRequests { retry_after }),
            None => Ok(Attempt { keys }),
        }
    }

    /// The password was right: its try does not count.
    pub async fn forgive(&self, attempt: Attempt) {
        if attempt.keys.is_empty() {
            return;
        }
        let mut pipeline = redis::pipe();
        for key in &attempt.keys {
            // The newest entry may be another try of the same moment; they are worth the same.
            pipeline.lpop(key, None).ignore();
        }
        let mut redis = self.redis.clone();
        let forgiven = tokio::time::timeout(PATIENCE, pipeline.query_async::<()>(&mut redis)).await;
        if !matches!(forgiven, Ok(Ok(()))) {
            tracing::warn!("a right password stays counted as a try: no answer from the limiter");
        }
    }

    fn key(&self, operation: &str, budget: &Budget, who: &str) -> String {
        format!("{}:rate:{operation}:{}:{who}", self.prefix, budget.name)
    }

    async fn count(&self, operation: &str, budgets: Vec<(Budget, &str)>) -> Decision {
        let mut call = self.script.prepare_invoke();
        for (budget, who) in &budgets {
            call.key(self.key(operation, budget, who));
            call.arg(budget.quota).arg(budget.window.as_millis() as u64);
        }
        let mut redis = self.redis.clone();
        let answer =
            tokio::time::timeout(PATIENCE, call.invoke_async::<Vec<(i64, u64, u64)>>(&mut redis)).await;
        match answer {
            Ok(Ok(states)) => Self::decide(&budgets, &states),
            failed => {
                let count = self.unlimited.fetch_add(1, Ordering::Relaxed) + 1;
                if count.is_power_of_two() {
                    tracing::warn!(?failed, count, "no answer from the limiter; calls pass");
                }
                Decision::default()
            }
        }
    }

    fn decide(budgets: &[(Budget, &str)], states: &[(i64, u64, u64)]) -> Decision {
        let seconds = |ms: u64| ms.div_ceil(1000).max(1);
        let (mut policy, mut state, mut wait) = (vec![], vec![], None);
        for ((budget, _), (allowed, remaining, wait_ms)) in budgets.iter().zip(states) {
            policy.push(format!("\"{}\";q={};w={}", budget.name, budget.quota, budget.window.as_secs()));
            state.push(format!("\"{}\";r={remaining};t={}", budget.name, seconds(*wait_ms)));
            if *allowed == 0 {
                wait = wait.max(Some(seconds(*wait_ms)));
            }
        }
        Decision { retry_after: wait, policy: policy.join(", "), state: state.join(", ") }
    }
}

/// Per key: newest call first, at most `quota` of them. Answers {allowed, remaining, ms until a call leaves the window}.
const LOG: &str = r"
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local answer, refused = {}, false
for i, key in ipairs(KEYS) do
    local quota, window = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
    local used, oldest = 0, now
    for _, at in ipairs(redis.call('LRANGE', key, 0, quota - 1)) do
        if tonumber(at) > now - window then used = used + 1; oldest = tonumber(at) end
    end
    local allowed = used < quota
    refused = refused or not allowed
    answer[i] = { allowed and 1 or 0, quota - used, oldest + window - now }
end
if not refused then
    for i, key in ipairs(KEYS) do
        redis.call('LPUSH', key, now)
        redis.call('LTRIM', key, 0, ARGV[2 * i - 1] - 1)
        redis.call('PEXPIRE', key, ARGV[2 * i])
        answer[i][2] = answer[i][2] - 1
    end
end
return answer
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_budget_is_of_an_operation() {
        let document = crate::openapi::Document::get();
        let mut operations = PER_MINUTE.iter().map(|(operation, _)| operation).chain(&EXEMPT);
        assert!(operations.all(|operation| document.has_operation(operation)));
    }

    #[test]
    fn budgets_are_read_strictly() {
        let limit: RateLimit = "short=3/1s,medium=20/10s".parse().unwrap();
        assert_eq!(limit.0[1], Budget { name: "medium".into(), quota: 20, window: Duration::from_secs(10) });
        assert_eq!("off".parse(), Ok(RateLimit::default()));
        for bad in ["", "3/1s", "short=0/1s", "short=3/1", "short=3/1s,", "=3/1s"] {
            assert!(bad.parse::<RateLimit>().is_err(), "{bad}");
        }
    }
}
