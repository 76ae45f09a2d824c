//! The words of a letter: a text and, made from it, an HTML page. People's names and titles are in both, as text and nothing else.

use minijinja::{AutoEscape, Environment, UndefinedBehavior, context};

use super::Letter;

pub struct Words {
    pub subject: String,
    pub text: String,
    pub html: String,
}

const LAYOUT: &str = "layout.html";

/// What the layout says by itself.
struct Own {
    open: &'static str,
    unsubscribe: &'static str,
    colon: &'static str,
}

fn own(locale: &str) -> Own {
    match locale {
        "en" => Own { open: "Continue on SocioPulse", unsubscribe: "No more mails of this kind", colon: ":" },
        _ => Own {
            open: "Continuer sur SocioPulse",
            unsubscribe: "Ne plus recevoir ce type de courriel",
            colon: " :",
        },
    }
}

/// The subject, the text and the page of a letter.
pub fn render(texts: &Environment<'_>, letter: &Letter) -> Result<Words, String> {
    let locale = if letter.locale == "en" { "en" } else { "fr" };
    let part = |part: &str| {
        let name = format!("{}.{locale}.{part}", letter.template);
        let rendered = texts.get_template(&name).and_then(|template| template.render(&letter.facts));
        rendered.map_err(|error| format!("{error:#}"))
    };
    // One line, whatever people wrote.
    let subject = part("subject")?
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    let mut text: String = part("txt")?.chars().filter(|c| *c == '\n' || !c.is_control()).collect();
    let Own { open, unsubscribe, colon } = own(locale);
    let page = letter.unsubscribe.as_ref().map(|unsubscribe| unsubscribe.page.as_str());
    let html = context! {
        locale, subject, paragraphs => paragraphs(&text), link => letter.link, unsubscribe => page,
        words => context! { open, unsubscribe },
    };
    let html = texts.get_template(LAYOUT).and_then(|layout| layout.render(html));
    if let Some(page) = page {
        text = format!("{}\n\n{unsubscribe}{colon}\n{page}\n", text.trim_end());
    }
    Ok(Words { subject, text, html: html.map_err(|error| format!("{error:#}"))? })
}

/// The blocks of a text, each a list of lines.
fn paragraphs(text: &str) -> Vec<Vec<&str>> {
    let blocks = text
        .split("\n\n")
        .map(|block| block.lines().map(str::trim).filter(|line| !line.is_empty()).collect());
    blocks.filter(|lines: &Vec<_>| !lines.is_empty()).collect()
}

pub fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    // A text with a hole is not sent.
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|name| match name {
        LAYOUT => AutoEscape::Html,
        _ => AutoEscape::None,
    });
    let mut add = |name: String, source: &'static str| {
        #[expect(clippy::expect_used, reason = "the texts are part of the program; a test renders each")]
        environment.add_template_owned(name, source).expect("a template parses");
    };
    add(LAYOUT.into(), include_str!("../templates/layout.html"));
    for (name, source) in TEXTS {
        // The first line is the subject: one file says all of a mail. Told apart before what people wrote is in it.
        let (subject, text) = source.split_once("\n\n").unwrap_or((source, ""));
        add(format!("{name}.subject"), subject);
        add(format!("{name}.txt"), text);
    }
    environment
}

macro_rules! texts {
    ($($name:literal),+ $(,)?) => {
        &[$((concat!($name, ".fr"), include_str!(concat!("../templates/", $name, ".fr.txt"))),
            (concat!($name, ".en"), include_str!(concat!("../templates/", $name, ".en.txt")))),+]
    };
}

const TEXTS: &[(&str, &str)] = texts![
    "mission-invitation",
    "mission-assigned",
    "assignment-confirmed",
    "security-alert",
    "verify-email",
    "email-change-old",
    "email-change-new",
    "password-reset",
    "password-changed",
    "new-device",
    "site-invitation",
    "site-invitation-reminder",
    "account-suspended",
    "account-banned",
    "account-unbanned",
    "assignment-withdrawn",
    "application-received",
    "application-rejected",
    "mission-changed",
    "mission-cancelled",
    "cancellation-confirmed",
    "mission-expired",
    "mission-unfilled",
    "critical-mission",
    "message-reported",
    "unread-messages",
    "notice",
    "money-alert",
    "points-alert",
    "signature-code",
];

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::mailer::Unsubscribe;

    const LINK: &str = "https://sociopulse.test/x?a=1&b=2";
    const HOSTILE: &str =
        "Nuit <script>alert(1)</script> \"d’été\" & 'co'\r\nBcc: a@example.org\r\n\r\n<b>Été</b>\u{0}";

    fn facts(written: &str) -> minijinja::Value {
        context! {
            first_name => written, title => written, body => written, what => written, detail => written, cause => written,
            city => written, start => written, end => written, hourly_rate => written, price => written, expires => written,
            old_email => written, new_email => written, site => written, inviter => written, is_new => true, device => written,
            address => written, at => written, reason => written, report => written, code => written, reference => written,
            count => 3, link => LINK,
        }
    }

    pub fn letter(template: &'static str, locale: &str) -> Letter {
        Letter {
            id: "job-1".into(),
            to: "zoe@example.org".into(),
            template,
            locale: locale.into(),
            facts: facts("Zoé"),
            link: LINK.into(),
            calendar: None,
            unsubscribe: None,
        }
    }

    fn each(mut look: impl FnMut(Letter)) {
        for (name, _) in TEXTS {
            let (template, locale) = name.rsplit_once('.').unwrap();
            look(letter(template, locale));
        }
    }

    #[test]
    fn every_mail_renders_in_both_languages() {
        let texts = environment();
        each(|letter| {
            let words = render(&texts, &letter).unwrap();
            let shown = format!("{} {}", letter.template, letter.locale);
            assert!(!words.subject.is_empty() && words.subject.lines().count() == 1, "{shown}");
            assert!(words.text.contains("SocioPulse") && words.text.contains(LINK), "{shown}");
            assert!(words.html.contains(&format!("<html lang=\"{}\">", letter.locale)), "{shown}");
            // The one link is a button, whose address is the text's.
            assert_eq!(words.html.matches("<a ").count(), 1, "{shown}");
            assert!(
                words.html.contains("href=\"https:&#x2f;&#x2f;sociopulse.test&#x2f;x?a=1&amp;b=2\""),
                "{shown}: {}",
                words.html
            );
        });
    }

    #[test]
    fn what_people_write_is_text_in_the_page_and_one_line_in_the_subject() {
        let texts = environment();
        each(|letter| {
            let letter = Letter { facts: facts(HOSTILE), ..letter };
            let words = render(&texts, &letter).unwrap();
            assert!(!words.subject.contains(['\r', '\n', '\0']), "{}", words.subject);
            assert!(!words.text.contains(['\r', '\0']), "{}", words.text);
            let html = words.html;
            assert!(
                !html.contains("<script") && !html.contains("<b>"),
                "{} lets markup through: {html}",
                letter.template
            );
        });
    }

    #[test]
    fn accents_and_spaces_are_as_they_were_written() {
        let words = render(&environment(), &letter("mission-invitation", "fr")).unwrap();
        assert_eq!(words.subject, "Zoé à Zoé : une mission pour vous");
        for part in [&words.text, &words.html] {
            assert!(
                part.contains("Un établissement recherche un renfort") && part.contains("À bientôt,"),
                "{part}"
            );
        }
    }

    #[test]
    fn who_may_unsubscribe_reads_how_in_both_parts() {
        let page = "https://sociopulse.test/unsubscribe?token=t";
        let unsubscribe = Some(Unsubscribe { page: page.into(), one_click: None });
        for (locale, says) in
            [("fr", "Ne plus recevoir ce type de courriel"), ("en", "No more mails of this kind")]
        {
            let letter = Letter { unsubscribe: unsubscribe.clone(), ..letter("unread-messages", locale) };
            let words = render(&environment(), &letter).unwrap();
            assert!(words.text.contains(page) && words.text.contains(says), "{}", words.text);
            assert!(
                words.html.contains("unsubscribe?token=t") && words.html.contains(says),
                "{}",
                words.html
            );
        }
    }
}
