//! Whether a mail may go to somebody, and what is learnt when it went.

use domain::ids::UserId;
use domain::mail_suppressions::{self, Reason};
use domain::notifications::{self, NotificationType};
use jobs::Mail;
use sqlx::PgConnection;

use crate::App;
use crate::engine::JobError;
use crate::mailer::{Letter, MailError, Unsubscribe};

/// Why nothing may go to this address, for whoever looks for the mail.
pub async fn find_objection(
    conn: &mut PgConnection,
    mail: &Mail,
    to: &str,
) -> domain::Result<Option<&'static str>> {
    if mail.is_for_safety() {
        return Ok(None);
    }
    Ok(mail_suppressions::find(conn, to).await?.map(|reason| match reason {
        Reason::Bounced => "the address is closed: it bounced",
        Reason::Complained => "the address is closed: its owner complained",
    }))
}

/// How the reader of a mail in the way of a notification says that they want no more of them, where they may.
pub async fn find_unsubscribe(
    conn: &mut PgConnection,
    reader: UserId,
    kind: Option<NotificationType>,
    app: &App,
) -> domain::Result<Option<Unsubscribe>> {
    let Some(kind) = kind else { return Ok(None) };
    let token = notifications::find_token(conn, reader, kind).await?;
    Ok(token.map(|token| app.mailer.unsubscribe(&token)))
}

/// Hands a letter over. An address that takes none is not written to again.
pub async fn hand_over(app: &App, letter: Letter) -> Result<(), JobError> {
    let to = letter.to.clone();
    let answer = app.mailer.send(letter).await;
    let outcome = match &answer {
        Ok(()) => "sent",
        Err(MailError::Bounced(_)) => "bounced",
        Err(MailError::Refused(_)) => "refused",
        Err(MailError::Later(_)) => "later",
        Err(MailError::Away { .. }) => "away",
    };
    metrics::counter!("mails_total", "outcome" => outcome).increment(1);
    match answer {
        Ok(()) => Ok(()),
        Err(MailError::Bounced(said)) => {
            let mut conn = app.db.conn().await?;
            mail_suppressions::insert(&mut conn, &to, Reason::Bounced, &said, app.clock.now()).await?;
            Err(JobError::GiveUp(said))
        }
        Err(MailError::Refused(said)) => Err(JobError::GiveUp(said)),
        Err(MailError::Later(said)) => Err(JobError::Retry(said)),
        Err(MailError::Away { back_in, why }) => Err(JobError::OutageIn(back_in, why)),
    }
}
