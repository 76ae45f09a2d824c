use std::time::Duration;

use domain::ids::{ConversationId, UserId};
use domain::{live, message_pushes};
use jobs::{PushMessages, effects};

use crate::App;
use crate::engine::{JobResult, Run};

/// A Redis that is slower than this is treated like one that is away.
const PATIENCE: Duration = Duration::from_secs(2);

/// Who is in a conversation sees its messages come; everybody else's devices are told, once for all that came since the last look.
pub async fn run(_: PushMessages, run: Run<App>) -> JobResult {
    let now = run.now();
    let busy = message_pushes::list_busy(&mut *run.app.db.conn().await?, now).await?;
    let present = present(&run.app, &busy).await;
    let mut tx = run.begin().await?;
    let unseen = message_pushes::mark(&mut tx, &busy, &present, now).await?;
    effects::notices::unseen(&mut tx, &unseen).await?;
    run.done(tx).await
}

/// Who is there, as the replicas of the API say. When nobody can be asked, a push too many is better than none.
async fn present(app: &App, rooms: &[ConversationId]) -> Vec<(ConversationId, UserId)> {
    let mut redis = app.redis.clone();
    match tokio::time::timeout(PATIENCE, live::present(&mut redis, app.db.bus(), rooms)).await {
        Ok(Ok(present)) => present,
        Ok(Err(_)) | Err(_) => Vec::new(),
    }
}
