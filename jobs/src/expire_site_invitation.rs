use domain::ids::SiteInvitationId;
use serde::{Deserialize, Serialize};

use crate::ledger::{Job, Policy};
use crate::queues;

/// Ends an invitation to a site that nobody answered; enqueued with it, for the day it expires.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExpireSiteInvitation {
    pub invitation_id: SiteInvitationId,
}

impl Job for ExpireSiteInvitation {
    const POLICY: Policy = Policy::new("expire-site-invitation", queues::DEFAULT).low();
}
