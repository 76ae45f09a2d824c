//! Our side of `make interop` with software that knows Stripe, Resend or OAuth2: reads JSON lines, answers each with a line.

use std::io::{self, BufRead};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use domain::Clock;
use minijinja::context;
use serde::Deserialize;
use serde_json::{Value, json};
use stripe_connect::{Fault, NewAccount, NewCustomer, NewIntent, NewRefund, Payments, Stripe, signature};
use time::OffsetDateTime;
use workers::chorus::{Chorus, Deposit, Piste};
use workers::config::{ChorusConfig, MailConfig};
use workers::mailer::{Letter, Mailer};

#[derive(Debug, Parser)]
#[command(name = "interop", version)]
struct Cli {
    #[command(subcommand)]
    mode: Mode,
}

#[derive(Debug, Subcommand)]
enum Mode {
    /// Verify signatures of webhooks: `{"header", "body", "secrets", "now"}`.
    Verify,
    /// Hand an invoice in to who speaks Chorus Pro's HTTP, as often as there are lines: `{"reference"}`.
    Chorus {
        #[arg(long)]
        token_url: String,
        #[arg(long)]
        base: String,
        #[arg(long)]
        client_id: String,
        #[arg(long)]
        client_secret: String,
        #[arg(long)]
        account: String,
    },
    /// Send mails, each with an entry of a calendar, over who speaks Resend's HTTP: `{"id", "to", "token"}`.
    Resend {
        #[arg(long)]
        base: String,
        #[arg(long)]
        key: String,
    },
    /// Ask a server that speaks Stripe's HTTP: `{"call", "key", …}`.
    Call {
        #[arg(long)]
        base: String,
        #[arg(long)]
        key: String,
    },
}

#[derive(Deserialize)]
struct Webhook {
    header: String,
    body: String,
    secrets: Vec<String>,
    now: i64,
}

#[derive(Deserialize)]
struct Invoice {
    reference: String,
}

#[derive(Deserialize)]
struct NewLetter {
    id: String,
    to: String,
    /// Of the link by which its reader unsubscribes.
    token: String,
}

#[derive(Deserialize)]
#[serde(tag = "call", rename_all = "snake_case")]
enum Call {
    CreateCustomer { key: String, email: String },
    CreateAccount { key: String, email: String },
    GetAccount { id: String },
    CreateIntent { key: String, customer: String, amount: i64 },
    GetIntent { id: String },
    CancelIntent { key: String, id: String },
    CreateRefund { key: String, intent: String, amount: i64 },
    ListRefunds { intent: String },
    ListEvents,
    ListMovements,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::parse().mode).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("interop: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(mode: Mode) -> io::Result<()> {
    match mode {
        Mode::Verify => {
            for line in io::stdin().lock().lines() {
                let said: Webhook = serde_json::from_str(&line?)?;
                let verdict = signature::verify(&said.header, said.body.as_bytes(), &said.secrets, said.now);
                println!("{}", verdict.map_or_else(|bad| format!("{bad:?}"), |()| "Good".to_owned()));
            }
        }
        Mode::Chorus { token_url, base, client_id, client_secret, account } => {
            let config = ChorusConfig {
                chorus_client_id: client_id,
                chorus_client_secret: client_secret,
                chorus_account: account,
                chorus_token_url: token_url,
                chorus_api_base: base,
            };
            let chorus = Piste::new(&config).map_err(io::Error::other)?;
            let lines: Vec<String> = io::stdin().lock().lines().collect::<Result<_, _>>()?;
            for line in lines {
                let said: Invoice = serde_json::from_str(&line)?;
                let invoice = Deposit { reference: said.reference, pdf: b"%PDF-1.7".to_vec() };
                let answer = match chorus.submit(&invoice).await {
                    Ok(flow) => json!({ "ok": flow }),
                    Err(fault) => json!({ "fault": fault.to_string() }),
                };
                println!("{answer}");
            }
        }
        Mode::Resend { base, key } => {
            let config = MailConfig {
                resend_api_key: key,
                resend_api_base: base,
                api_url: "https://api.example".to_owned(),
                ..MailConfig::folder("")
            };
            let mailer = Mailer::new(&config, &Clock::default())?;
            let lines: Vec<String> = io::stdin().lock().lines().collect::<Result<_, _>>()?;
            for line in lines {
                let said: NewLetter = serde_json::from_str(&line)?;
                let facts = context! { first_name => "Zoé", title => "Été & hiver", body => "« À l’heure »", link => "https://app.example" };
                let letter = Letter {
                    id: said.id,
                    to: said.to,
                    template: "notice",
                    locale: "fr".to_owned(),
                    facts,
                    link: "https://app.example".to_owned(),
                    calendar: Some("BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n".to_owned()),
                    unsubscribe: Some(mailer.unsubscribe(&said.token)),
                };
                mailer.send(letter).await.map_err(|error| io::Error::other(format!("{error:?}")))?;
            }
        }
        Mode::Call { base, key } => {
            let stripe = Stripe::new(&key, Some(&base)).map_err(io::Error::other)?;
            let lines: Vec<String> = io::stdin().lock().lines().collect::<Result<_, _>>()?;
            for line in lines {
                let answer = match ask(&stripe, serde_json::from_str(&line)?).await {
                    Ok(value) => json!({ "ok": value }),
                    Err(Fault::Refused { code, message }) => json!({ "refused": code, "message": message }),
                    Err(Fault::Unknown(why)) => json!({ "unknown": why }),
                    Err(Fault::Busy(_)) => json!({ "busy": true }),
                };
                println!("{answer}");
            }
        }
    }
    Ok(())
}

async fn ask(stripe: &Stripe, call: Call) -> Result<Value, Fault> {
    let user_id = "interop".to_owned();
    Ok(match call {
        Call::CreateCustomer { key, email } => {
            let new = NewCustomer { email, name: "Zoé Martin".to_owned(), user_id };
            json!(stripe.create_customer(&key, &new).await?)
        }
        Call::CreateAccount { key, email } => {
            json!(stripe.create_account(&key, &NewAccount { email, user_id }).await?.id)
        }
        Call::GetAccount { id } => json!(stripe.get_account(&id).await?.id),
        Call::CreateIntent { key, customer, amount } => {
            let new = NewIntent {
                amount_cents: amount,
                customer,
                transfer_group: "interop".to_owned(),
                description: "Été & hiver".to_owned(),
                metadata: vec![("paymentId".to_owned(), "p-1".to_owned())],
            };
            intent(&stripe.create_intent(&key, &new).await?)
        }
        Call::GetIntent { id } => intent(&stripe.get_intent(&id).await?),
        Call::CancelIntent { key, id } => intent(&stripe.cancel_intent(&key, &id).await?),
        Call::CreateRefund { key, intent, amount } => {
            let metadata = vec![("refundId".to_owned(), "r-1".to_owned())];
            let refund =
                stripe.create_refund(&key, &NewRefund { intent, amount_cents: amount, metadata }).await?;
            json!({ "id": refund.id, "status": format!("{:?}", refund.status), "amount": refund.amount_cents })
        }
        Call::ListRefunds { intent } => {
            let refunds = stripe.list_refunds(&intent).await?;
            refunds.iter().map(|refund| json!(refund.id)).collect()
        }
        Call::ListEvents => stripe.list_events(OffsetDateTime::UNIX_EPOCH, None).await?.events.into(),
        Call::ListMovements => {
            let page = stripe.list_movements(OffsetDateTime::UNIX_EPOCH, None).await?;
            page.movements.iter().map(|moved| json!([moved.kind, moved.amount_cents, moved.source])).collect()
        }
    })
}

fn intent(intent: &stripe_connect::Intent) -> Value {
    json!({
        "id": intent.id, "status": format!("{:?}", intent.status), "amount": intent.amount_cents,
        "received": intent.amount_received_cents, "charge": intent.latest_charge, "metadata": intent.metadata,
    })
}
