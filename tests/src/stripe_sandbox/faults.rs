//! What calls may meet: a refusal, a crowd, an accident, patience, or a line that breaks.

use std::sync::PoisonError;
use std::time::Duration;

use super::Core;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Not done, and the answer is kept with the key.
    Refuse { status: u16, code: String },
    /// 429: not done, nothing kept.
    Busy,
    /// 500: not done, nothing kept.
    Fail,
    /// Done after a while, during which the key is in use.
    Slow(Duration),
    /// Not done; the connection closes without an answer.
    DropBefore,
    /// Done; the connection closes without an answer.
    DropAfter,
}

/// A fault that waits for calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Armed {
    /// `POST`, `GET`; any when empty.
    pub method: String,
    /// `/v1/transfers/*/reversals`: a star is any one segment.
    pub path: String,
    pub fault: Fault,
    pub times: u32,
}

impl Armed {
    /// The next call of a path meets it.
    pub fn once(path: &str, fault: Fault) -> Self {
        Self { method: "POST".to_owned(), path: path.to_owned(), fault, times: 1 }
    }

    fn fits(&self, method: &str, path: &str) -> bool {
        let (wanted, given) = (self.path.trim_matches('/').split('/'), path.trim_matches('/').split('/'));
        (self.method.is_empty() || self.method == method)
            && wanted.clone().count() == given.clone().count()
            && wanted.zip(given).all(|(wanted, given)| wanted == "*" || wanted == given)
    }
}

pub fn arm(core: &Core, fault: Armed) {
    core.faults.lock().unwrap_or_else(PoisonError::into_inner).push(fault);
}

pub fn armed(core: &Core) -> Vec<Armed> {
    core.faults.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

pub fn disarm(core: &Core) {
    core.faults.lock().unwrap_or_else(PoisonError::into_inner).clear();
}

/// The fault that this call meets, which is then spent once.
pub fn take(core: &Core, method: &str, path: &str) -> Option<Fault> {
    let mut faults = core.faults.lock().unwrap_or_else(PoisonError::into_inner);
    let at = faults.iter().position(|armed| armed.fits(method, path))?;
    let fault = faults[at].fault.clone();
    faults[at].times = faults[at].times.saturating_sub(1);
    if faults[at].times == 0 {
        faults.remove(at);
    }
    Some(fault)
}
