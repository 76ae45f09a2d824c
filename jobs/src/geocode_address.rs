use domain::ids::{EstablishmentId, UserId};
use serde::{Deserialize, Serialize};

use crate::ledger::{Job, Policy};
use crate::queues;

/// Asks the address service where a talent or a site is whose address is newer than its coordinates.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GeocodeAddress {
    pub of: AddressOf,
}

/// Whose address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AddressOf {
    Profile(UserId),
    Establishment(EstablishmentId),
}

impl Job for GeocodeAddress {
    const POLICY: Policy = Policy::new("geocode-address", queues::DEFAULT).low();

    /// The address is read when the job runs: several changes in a row are one question.
    fn debounce_key(&self) -> Option<String> {
        Some(match self.of {
            AddressOf::Profile(user) => format!("geocode-address:{user}"),
            AddressOf::Establishment(site) => format!("geocode-address:{site}"),
        })
    }
}
