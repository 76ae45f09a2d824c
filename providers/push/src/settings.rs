use std::sync::Arc;

use crate::{Fcm, Reach, Services, WebPush};

/// How devices are reached; both processes take the same.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct PushSettings {
    /// Key that push services know us by: 32 bytes of a P-256 key in base64url. Without one no browser can subscribe. With
    /// another one, browsers have to subscribe anew.
    #[arg(long, env = "VAPID_PRIVATE_KEY", hide_env_values = true, default_value = "")]
    pub vapid_private_key: String,
    /// Where push services may complain: mailto:… or https://….
    #[arg(long, env = "VAPID_SUBJECT", default_value = "")]
    pub vapid_subject: String,
    /// Service account of Firebase, as its JSON or the path of its file; without one no app can subscribe.
    #[arg(long, env = "FCM_SERVICE_ACCOUNT", hide_env_values = true, default_value = "")]
    pub fcm_service_account: String,
    /// Where FCM is. Where it gives tokens stands in the service account.
    #[arg(long, env = "FCM_API_BASE", default_value = "https://fcm.googleapis.com")]
    pub fcm_api_base: String,
    /// For development and tests only: hosts of push services that may be private and without TLS, comma-separated. Who may
    /// subscribe can have these asked.
    #[arg(long, env = "PUSH_PRIVATE_HOSTS", default_value = "")]
    pub push_private_hosts: String,
}

impl PushSettings {
    pub fn connect(&self) -> Result<Services, String> {
        let hosts = self.push_private_hosts.split(',').map(|host| host.trim().to_owned());
        let reach = Reach::new(hosts.filter(|host| !host.is_empty()));
        let web = match self.vapid_private_key.as_str() {
            "" => None,
            key => Some(Arc::new(WebPush::new(key, &self.vapid_subject, reach)?)),
        };
        let fcm = match self.fcm_service_account.trim() {
            "" => None,
            json if json.starts_with('{') => Some(Arc::new(Fcm::new(json, &self.fcm_api_base)?)),
            path => {
                let json = std::fs::read_to_string(path);
                let json = json.map_err(|error| format!("FCM_SERVICE_ACCOUNT: {path}: {error}"))?;
                Some(Arc::new(Fcm::new(&json, &self.fcm_api_base)?))
            }
        };
        Ok(Services { web, fcm })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_by_half_or_wrong_is_refused_by_its_name() {
        let key = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw";
        let connect = |key: &str, subject: &str, account: &str| {
            let settings = PushSettings {
                vapid_private_key: key.into(),
                vapid_subject: subject.into(),
                fcm_service_account: account.into(),
                fcm_api_base: "http://127.0.0.1:1".into(),
                push_private_hosts: String::new(),
            };
            settings.connect().map(|services| services.web.is_some())
        };
        assert_eq!(connect("", "", ""), Ok(false));
        assert_eq!(connect(key, "mailto:ops@example.org", ""), Ok(true));
        for (key, subject, account, named) in [
            (key, "", "", "VAPID_SUBJECT"),
            (&key[1..], "mailto:ops@example.org", "", "VAPID_PRIVATE_KEY"),
            (
                "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                "mailto:ops@example.org",
                "",
                "VAPID_PRIVATE_KEY",
            ),
            ("", "", "{}", "FCM_SERVICE_ACCOUNT"),
            ("", "", "/nowhere/account.json", "FCM_SERVICE_ACCOUNT"),
        ] {
            assert!(connect(key, subject, account).unwrap_err().contains(named), "{named}");
        }
    }
}
