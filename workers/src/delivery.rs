//! Whether a mail may go to somebody, and what is learnt when it went.

use domain::mail_opt_outs::{self, Wish};
use domain::mail_suppressions::{self, Reason};
use jobs::SendMail;
use sqlx::PgConnection;

use crate::App;
use crate::engine::JobError;
use crate::mailer::{Letter, MailError, Unsubscribe};

pub enum Consent {
    /// With how it is taken back, where it can be.
    Given(Option<Unsubscribe>),
    /// With why, for whoever looks for the mail.
    Refused(String),
}

/// Whether a mail of this kind may go to this person at this address.
pub async fn consent(
    conn: &mut PgConnection,
    job: &SendMail,
    to: &str,
    app: &App,
) -> domain::Result<Consent> {
    if !job.mail.is_for_safety()
        && let Some(reason) = mail_suppressions::find(conn, to).await?
    {
        return Ok(Consent::Refused(match reason {
            Reason::Bounced => "the address is closed: it bounced".to_owned(),
            Reason::Complained => "the address is closed: its owner complained".to_owned(),
        }));
    }
    let Some(kind) = job.mail.optional() else { return Ok(Consent::Given(None)) };
    Ok(match mail_opt_outs::ask(conn, job.to, kind).await? {
        Wish::Declined => Consent::Refused(format!("unsubscribed from {}", kind.code())),
        Wish::Wanted { token } => Consent::Given(Some(app.mailer.unsubscribe(&token))),
    })
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
