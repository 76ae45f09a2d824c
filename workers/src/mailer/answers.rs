//! What the answers of a mail server mean.

use crate::mailer::MailError;

/// What was under way when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Sender,
    Recipient,
    Content,
    /// All of the mail is there, and perhaps it was taken.
    Taken,
}

/// What a refusal means. Only what is said of the recipient closes an address; what is said of us waits for somebody to mend it.
pub fn judge(stage: Stage, code: u16, text: &str) -> MailError {
    let said = format!("{stage:?}: {code} {text}");
    let about = enhanced(text);
    let is_about_the_address = match about {
        // Addresses but the sender's, and mailboxes that are disabled, not full ones (RFC 3463).
        Some((1, detail)) => !matches!(detail, 7 | 8),
        Some((2, detail)) => matches!(detail, 0 | 1),
        Some(_) => false,
        None => stage == Stage::Recipient && matches!(code, 550 | 551 | 553 | 554),
    };
    match (stage, code) {
        (_, ..=499) => MailError::Later(said),
        // It wants to know who we are: the same for every mail.
        (_, 530 | 534 | 535 | 538) | (Stage::Sender, 500..=551 | 553..) => MailError::Later(said),
        // "Too many recipients", which RFC 5321 wants read as 452.
        (Stage::Recipient, 552) => MailError::Later(said),
        (Stage::Recipient | Stage::Taken, _) if is_about_the_address => MailError::Bounced(said),
        _ => MailError::Refused(said),
    }
}

/// Subject and detail of an enhanced status code (RFC 3463): `5.1.1 nobody of that name`.
fn enhanced(text: &str) -> Option<(u16, u16)> {
    let mut numbers = text.split_whitespace().next()?.split('.');
    let class = numbers.next().filter(|class| matches!(*class, "4" | "5"));
    let (subject, detail) = (numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?);
    class.filter(|_| numbers.next().is_none()).map(|_| (subject, detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_refusal_means() {
        use Stage::{Content, Recipient, Sender, Taken};
        for (stage, code, text, meaning) in [
            (Recipient, 550, "no such user", "Bounced"),
            (Recipient, 550, "5.1.1 nobody of that name", "Bounced"),
            (Recipient, 551, "user not local", "Bounced"),
            (Recipient, 553, "5.1.3 bad address", "Bounced"),
            (Recipient, 554, "no mailbox", "Bounced"),
            (Recipient, 550, "5.2.1 this mailbox is disabled", "Bounced"),
            (Taken, 550, "5.1.1 nobody of that name", "Bounced"),
            // Said of us, or of the mail.
            (Recipient, 554, "5.7.1 relay access denied", "Refused"),
            (Recipient, 550, "5.1.8 sender's domain not found", "Refused"),
            (Recipient, 550, "5.4.6 routing loop", "Refused"),
            (Recipient, 550, "5.2.2 mailbox full", "Refused"),
            (Taken, 550, "looks like spam", "Refused"),
            (Taken, 554, "5.7.1 looks like spam", "Refused"),
            (Taken, 552, "5.3.4 too large", "Refused"),
            (Sender, 552, "too large", "Refused"),
            (Content, 503, "5.5.1 valid RCPT first", "Refused"),
            // Waits.
            (Sender, 550, "5.7.1 sender rejected", "Later"),
            (Sender, 530, "5.7.0 authentication required", "Later"),
            (Sender, 553, "sender not owned by user", "Later"),
            (Recipient, 530, "authentication required", "Later"),
            (Recipient, 552, "too many recipients", "Later"),
            (Recipient, 450, "4.2.1 greylisted", "Later"),
            (Recipient, 451, "not now", "Later"),
            (Taken, 452, "4.3.1 no space", "Later"),
            (Sender, 421, "shutting down", "Later"),
        ] {
            let judged = format!("{:?}", judge(stage, code, text));
            assert!(judged.starts_with(meaning), "{stage:?} {code} {text}: {judged}");
        }
    }

    #[test]
    fn an_enhanced_code_is_read_or_there_is_none() {
        assert_eq!(enhanced("5.1.1 nobody"), Some((1, 1)));
        assert_eq!(enhanced("4.7.26"), Some((7, 26)));
        for none in ["", "nobody", "5.1", "5.1.1.1 x", "2.1.5 ok", "10.0.0.1 is listed", "5.x.1"] {
            assert_eq!(enhanced(none), None, "{none}");
        }
    }
}
