//! Stripe over HTTP: async-stripe builds and sends the requests, [`crate::answers`] reads what comes back.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::FutureExt;
use miniserde::Deserialize;
use stripe::{Client, ClientBuilder, IdempotencyKey, RequestStrategy, StripeRequest};
use stripe_connect_requests::account::{
    CreateAccount, CreateAccountCapabilities, CreateAccountCapabilitiesCardPayments,
    CreateAccountCapabilitiesTransfers, CreateAccountType, RetrieveAccount,
};
use stripe_connect_requests::account_link::{CreateAccountLink, CreateAccountLinkType};
use stripe_connect_requests::transfer::{CreateTransfer, ListTransfer, RetrieveTransfer};
use stripe_connect_requests::transfer_reversal::{CreateIdTransferReversal, ListIdTransferReversal};
use stripe_core_requests::balance_transaction::ListBalanceTransaction;
use stripe_core_requests::customer::CreateCustomer;
use stripe_core_requests::event::ListEvent;
use stripe_core_requests::payment_intent::{CancelPaymentIntent, CreatePaymentIntent, RetrievePaymentIntent};
use stripe_core_requests::refund::{CreateRefund, ListRefund, RetrieveRefund};
use stripe_shared::AccountBusinessType;
use stripe_types::{Currency, RangeBoundsTs, RangeQueryTs};
use time::OffsetDateTime;

use crate::answers::{
    AccountBody, AccountLinkBody, BalanceTransactionBody, CustomerBody, IntentBody, Page, Read, RefundBody,
    ReversalBody, TransferBody,
};
use crate::fault::{self, Fault};
use crate::{
    Account, AccountLink, Answer, EventPage, Intent, Metadata, MovementPage, NewAccount, NewCustomer,
    NewIntent, NewRefund, NewTransfer, Payments, Refund, Reversal, Transfer,
};

/// Of one call. Stripe's own clients wait for 80 s, which is longer than anybody here may.
pub const TIMEOUT: Duration = Duration::from_secs(15);
/// The most that Stripe puts on one.
const PAGE: i64 = 100;

/// Stripe, or whoever speaks its protocol at `api_base`.
#[derive(Clone, Debug)]
pub struct Stripe {
    http: Client,
}

impl Stripe {
    pub fn new(secret_key: &str, api_base: Option<&str>) -> Result<Self, String> {
        Self::with_timeout(secret_key, api_base, TIMEOUT)
    }

    /// For who may not wait that long.
    pub fn with_timeout(secret_key: &str, api_base: Option<&str>, timeout: Duration) -> Result<Self, String> {
        let mut builder = ClientBuilder::new(secret_key).timeout(timeout).app_info(
            "sociopulse",
            Some(env!("CARGO_PKG_VERSION").to_owned()),
            None,
        );
        if let Some(base) = api_base {
            builder = builder.url(format!("{}/", base.trim_end_matches('/')));
        }
        let http = builder.build().map_err(|error| format!("STRIPE_SECRET_KEY, STRIPE_API_BASE: {error}"))?;
        Ok(Self { http })
    }

    async fn ask<B, T>(&self, request: impl StripeRequest) -> Result<T, Fault>
    where
        B: Deserialize + Read<T>,
    {
        request.build().customize::<B>().send(&self.http).await.map_err(fault::read)?.read()
    }

    /// Sent once: who asks again is the job, with the same key.
    async fn tell<B, T>(&self, key: &str, request: impl StripeRequest) -> Result<T, Fault>
    where
        B: Deserialize + Read<T>,
    {
        let key = IdempotencyKey::new(key)
            .map_err(|error| Fault::Refused { code: "not_sent".to_owned(), message: error.to_string() })?;
        let request = request.build().customize::<B>().request_strategy(RequestStrategy::Idempotent(key));
        request.send(&self.http).await.map_err(fault::read)?.read()
    }
}

impl Payments for Stripe {
    fn create_customer<'a>(&'a self, key: &'a str, new: &'a NewCustomer) -> Answer<'a, String> {
        let request = CreateCustomer::new()
            .email(&new.email)
            .name(&new.name)
            .metadata([("userId".to_owned(), new.user_id.clone())]);
        self.tell::<CustomerBody, _>(key, request).boxed()
    }

    fn create_intent<'a>(&'a self, key: &'a str, new: &'a NewIntent) -> Answer<'a, Intent> {
        let request = CreatePaymentIntent::new(new.amount_cents, Currency::EUR)
            .customer(&new.customer)
            .transfer_group(&new.transfer_group)
            .description(&new.description)
            .metadata(map(&new.metadata));
        self.tell::<IntentBody, _>(key, request).boxed()
    }

    fn get_intent<'a>(&'a self, id: &'a str) -> Answer<'a, Intent> {
        self.ask::<IntentBody, _>(RetrievePaymentIntent::new(id)).boxed()
    }

    fn cancel_intent<'a>(&'a self, key: &'a str, id: &'a str) -> Answer<'a, Intent> {
        self.tell::<IntentBody, _>(key, CancelPaymentIntent::new(id)).boxed()
    }

    fn create_account<'a>(&'a self, key: &'a str, new: &'a NewAccount) -> Answer<'a, Account> {
        let mut capabilities = CreateAccountCapabilities::new();
        capabilities.card_payments = Some(CreateAccountCapabilitiesCardPayments { requested: Some(true) });
        capabilities.transfers = Some(CreateAccountCapabilitiesTransfers { requested: Some(true) });
        let request = CreateAccount::new()
            .type_(CreateAccountType::Express)
            .country("FR")
            .business_type(AccountBusinessType::Individual)
            .email(&new.email)
            .capabilities(capabilities)
            .metadata([("userId".to_owned(), new.user_id.clone())]);
        self.tell::<AccountBody, _>(key, request).boxed()
    }

    fn get_account<'a>(&'a self, id: &'a str) -> Answer<'a, Account> {
        self.ask::<AccountBody, _>(RetrieveAccount::new(id)).boxed()
    }

    fn create_account_link<'a>(
        &'a self,
        key: &'a str,
        account: &'a str,
        return_url: &'a str,
        refresh_url: &'a str,
    ) -> Answer<'a, AccountLink> {
        let request = CreateAccountLink::new(account, CreateAccountLinkType::AccountOnboarding)
            .return_url(return_url)
            .refresh_url(refresh_url);
        self.tell::<AccountLinkBody, _>(key, request).boxed()
    }

    fn create_transfer<'a>(&'a self, key: &'a str, new: &'a NewTransfer) -> Answer<'a, Transfer> {
        let mut request = CreateTransfer::new(Currency::EUR, &new.destination)
            .amount(new.amount_cents)
            .transfer_group(&new.transfer_group)
            .metadata(map(&new.metadata));
        if let Some(charge) = &new.source_charge {
            request = request.source_transaction(charge);
        }
        self.tell::<TransferBody, _>(key, request).boxed()
    }

    fn get_transfer<'a>(&'a self, id: &'a str) -> Answer<'a, Transfer> {
        self.ask::<TransferBody, _>(RetrieveTransfer::new(id)).boxed()
    }

    fn reverse_transfer<'a>(
        &'a self,
        key: &'a str,
        transfer: &'a str,
        amount_cents: i64,
        metadata: &'a Metadata,
    ) -> Answer<'a, Reversal> {
        let request = CreateIdTransferReversal::new(transfer).amount(amount_cents).metadata(map(metadata));
        self.tell::<ReversalBody, _>(key, request).boxed()
    }

    fn create_refund<'a>(&'a self, key: &'a str, new: &'a NewRefund) -> Answer<'a, Refund> {
        let request = CreateRefund::new()
            .payment_intent(&new.intent)
            .amount(new.amount_cents)
            .metadata(map(&new.metadata));
        self.tell::<RefundBody, _>(key, request).boxed()
    }

    fn get_refund<'a>(&'a self, id: &'a str) -> Answer<'a, Refund> {
        self.ask::<RefundBody, _>(RetrieveRefund::new(id)).boxed()
    }

    fn list_events<'a>(
        &'a self,
        since: OffsetDateTime,
        starting_after: Option<&'a str>,
    ) -> Answer<'a, EventPage> {
        let mut request = ListEvent::new().created(from(since)).limit(PAGE);
        if let Some(last) = starting_after {
            request = request.starting_after(last);
        }
        self.ask::<Page<miniserde::json::Value>, _>(request).boxed()
    }

    fn list_movements<'a>(
        &'a self,
        since: OffsetDateTime,
        starting_after: Option<&'a str>,
    ) -> Answer<'a, MovementPage> {
        let mut request = ListBalanceTransaction::new().created(from(since)).limit(PAGE);
        if let Some(last) = starting_after {
            request = request.starting_after(last);
        }
        self.ask::<Page<BalanceTransactionBody>, _>(request).boxed()
    }

    fn list_transfers<'a>(&'a self, transfer_group: &'a str) -> Answer<'a, Vec<Transfer>> {
        let request = ListTransfer::new().transfer_group(transfer_group).limit(PAGE);
        self.ask::<Page<TransferBody>, _>(request).boxed()
    }

    fn list_reversals<'a>(&'a self, transfer: &'a str) -> Answer<'a, Vec<Reversal>> {
        self.ask::<Page<ReversalBody>, _>(ListIdTransferReversal::new(transfer).limit(PAGE)).boxed()
    }

    fn list_refunds<'a>(&'a self, intent: &'a str) -> Answer<'a, Vec<Refund>> {
        self.ask::<Page<RefundBody>, _>(ListRefund::new().payment_intent(intent).limit(PAGE)).boxed()
    }
}

fn map(metadata: &Metadata) -> HashMap<String, String> {
    metadata.iter().cloned().collect()
}

fn from(since: OffsetDateTime) -> RangeQueryTs {
    RangeQueryTs::Bounds(RangeBoundsTs { gte: Some(since.unix_timestamp()), ..Default::default() })
}
