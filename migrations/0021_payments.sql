-- Money: what Stripe told us, what was paid, paid out and paid back, and the double-entry ledger behind all of it.

-- Every event of Stripe, once by its id, whatever its type: what is not handled today can be looked up tomorrow.
create table stripe_events (
    id          text        primary key,
    type        text        not null,
    -- By Stripe's clock, in whole seconds.
    created_at  timestamptz not null,
    payload     jsonb       not null,
    received_at timestamptz not null,
    -- True: Stripe's list had it, and no webhook had brought it.
    replayed    boolean     not null default false
);
create index stripe_events_age on stripe_events (created_at);

create table stripe_customers (
    user_id     uuid primary key references users,
    customer_id text not null unique
);

create table connect_accounts (
    user_id           uuid        primary key references users,
    account_id        text        not null unique,
    charges_enabled   boolean     not null default false,
    payouts_enabled   boolean     not null default false,
    details_submitted boolean     not null default false,
    -- What Stripe still wants to know.
    currently_due     text[]      not null default '{}',
    created_at        timestamptz not null,
    -- By Stripe's clock: an older event changes nothing.
    synced_at         timestamptz not null
);

create type payment_kind as enum ('CHARGE', 'SUPPLEMENT');
create type payment_method as enum ('CARD', 'CHORUS');
create type payment_status as enum ('REQUIRES_PAYMENT', 'PROCESSING', 'FAILED', 'CANCELLED', 'SUCCEEDED');
create type dispute_status as enum ('NONE', 'OPEN', 'WON', 'LOST');

create table payments (
    id             uuid           primary key,
    kind           payment_kind   not null,
    method         payment_method not null,
    payer_id       uuid           not null references users,
    talent_id      uuid           not null references users,
    -- What is paid for: a mission's contract, or a booking.
    mission_id     uuid           references missions,
    contract_id    uuid           references contracts,
    booking_id     uuid           references bookings,
    amount_cents   bigint         not null check (amount_cents > 0),
    -- Commission as it was when the payment was asked for.
    commission_bps integer        not null check (commission_bps between 0 and 10000),
    intent_id      text           unique,
    status         payment_status not null default 'REQUIRES_PAYMENT',
    -- By Stripe's clock, when the status was so: of the states before the last the newest counts.
    status_at      timestamptz,
    failure_code   text,
    charge_id      text,
    -- What came, where it is not what was asked for: such a payment is not settled.
    mismatch_cents bigint,
    -- What Stripe says has gone back; it never shrinks.
    refunded_cents bigint         not null default 0 check (refunded_cents >= 0),
    -- What refunds of ours have taken of it, whether they have gone through or not.
    reserved_cents bigint         not null default 0 check (reserved_cents >= 0),
    dispute        dispute_status not null default 'NONE',
    disputed_cents bigint         not null default 0 check (disputed_cents >= 0),
    created_at     timestamptz    not null,
    settled_at     timestamptz,
    constraint payment_is_for_one_thing check ((booking_id is null) <> (contract_id is null)
                                               and (contract_id is null) = (mission_id is null))
);
-- One living charge for each thing that is paid for, however many ask at once.
create unique index payments_contract on payments (contract_id) where kind = 'CHARGE' and status <> 'CANCELLED';
create unique index payments_supplement on payments (contract_id) where kind = 'SUPPLEMENT' and status <> 'CANCELLED';
create unique index payments_booking on payments (booking_id) where status <> 'CANCELLED';
create index payments_payer on payments (payer_id, created_at desc, id desc);

create type payout_status as enum ('HELD', 'SCHEDULED', 'SENDING', 'SENT', 'CANCELLED');

-- What a talent gets of a payment: at most one transfer each.
create table payouts (
    id             uuid          primary key,
    payment_id     uuid          not null unique references payments,
    talent_id      uuid          not null references users,
    status         payout_status not null default 'HELD',
    due_at         timestamptz,
    -- Fixed with the key before Stripe is asked. A refused transfer is tried anew under the next number.
    amount_cents   bigint        check (amount_cents > 0),
    try            integer       not null default 0,
    -- When Stripe was first asked under this number: it forgets keys after a day.
    asked_at       timestamptz,
    refusal        text,
    transfer_id    text          unique,
    reversed_cents bigint        not null default 0,
    sent_at        timestamptz,
    constraint payout_is_reversed_at_most_whole check (reversed_cents between 0 and coalesce(amount_cents, 0)),
    constraint payout_is_sent_with_a_transfer check ((status = 'SENT') = (transfer_id is not null))
);
create index payouts_waiting on payouts (talent_id) where status = 'SCHEDULED';

create type refund_status as enum ('PENDING', 'SUCCEEDED', 'FAILED');
create type refund_way as enum ('STRIPE', 'EXTERNAL', 'DISPUTE');

create table refunds (
    id             uuid          primary key,
    payment_id     uuid          not null references payments,
    -- The business fact, once: a second request for it finds the first.
    cause          text          not null,
    -- STRIPE: asked for by us. EXTERNAL: made on Stripe's own pages. DISPUTE: taken back through the bank.
    way            refund_way    not null,
    amount_cents   bigint        not null check (amount_cents > 0),
    reason         text          not null,
    requested_by   uuid          references users,
    status         refund_status not null default 'PENDING',
    refund_id      text          unique,
    -- What its talent had already got of it, and Stripe's name for taking it back.
    reversal_cents bigint,
    reversal_id    text          unique,
    -- When Stripe was first asked: it forgets keys after a day.
    asked_at       timestamptz,
    failure        text,
    created_at     timestamptz   not null,
    ended_at       timestamptz,
    constraint refunds_cause unique (payment_id, cause)
);
create index refunds_payment on refunds (payment_id);

-- Accounts are named by what they are and, a talent's, by whose they are. A positive amount is a debit: what we have or have
-- spent; a negative one a credit: what we owe or have earned.
create type ledger_account as enum (
    'STRIPE',       -- our balance at Stripe
    'BANK',         -- what public bodies transferred
    'CHORUS',       -- what public bodies owe
    'TALENT',       -- what we owe a talent
    'COMMISSION',   -- earned, without VAT
    'VAT',          -- on our commission, owed to the state
    'DISPUTED',     -- held back by a bank until it has decided
    'STRIPE_FEES',  -- what Stripe charges us
    'LOSSES'        -- what banks took beyond what was left of a payment
);
create type ledger_event as enum (
    'PAID', 'PAID_OUT', 'PAYOUT_REVERSED', 'REFUNDED', 'DISPUTE_OPENED', 'DISPUTE_WON', 'DISPUTE_LOST',
    'CHORUS_ACCEPTED', 'CHORUS_PAID', 'CHORUS_REJECTED', 'FEE'
);

create table ledger_entries (
    id         uuid         primary key,
    event      ledger_event not null,
    -- The business fact, once.
    cause      text         not null,
    payment_id uuid         references payments,
    payout_id  uuid         references payouts,
    refund_id  uuid         references refunds,
    -- Stripe's name of the movement, for who compares.
    source_id  text,
    created_at timestamptz  not null,
    -- Postings come with their entry, or never.
    written_by xid8         not null default pg_current_xact_id(),
    constraint ledger_entries_cause unique (cause)
);
create index ledger_entries_payment on ledger_entries (payment_id);
create index ledger_entries_source on ledger_entries (source_id) where source_id is not null;

create table ledger_postings (
    entry_id     uuid           not null references ledger_entries,
    line         smallint       not null,
    account      ledger_account not null,
    owner_id     uuid           references users,
    amount_cents bigint         not null check (amount_cents <> 0),
    primary key (entry_id, line),
    constraint ledger_accounts_of_talents check ((account = 'TALENT') = (owner_id is not null))
);
create index ledger_postings_owner on ledger_postings (owner_id, entry_id desc) where owner_id is not null;

-- At the commit every entry sums to zero; nothing of it is ever changed.
create function guard_ledger_balance() returns trigger language plpgsql as $$
declare
    checked constant uuid := (to_jsonb(new) ->> tg_argv[0])::uuid;
    total   bigint;
    lines   integer;
begin
    select coalesce(sum(p.amount_cents), 0), count(*) into total, lines from ledger_postings p where p.entry_id = checked;
    if total <> 0 or lines < 2 then
        raise exception using errcode = '23514', table = 'ledger_entries', constraint = 'ledger_sums_to_zero',
            message = format('ledger entry %s has %s lines that sum to %s', checked, lines, total);
    end if;
    return null;
end
$$;
create constraint trigger ledger_entries_balance after insert on ledger_entries
    deferrable initially deferred for each row execute function guard_ledger_balance('id');
create constraint trigger ledger_postings_balance after insert on ledger_postings
    deferrable initially deferred for each row execute function guard_ledger_balance('entry_id');

create function guard_ledger_posting() returns trigger language plpgsql as $$
begin
    if not exists (select from ledger_entries e where e.id = new.entry_id and e.written_by = pg_current_xact_id()) then
        raise exception using errcode = '23514', table = 'ledger_postings', constraint = 'ledger_is_append_only',
            message = 'a posting belongs to the transaction of its entry';
    end if;
    return new;
end
$$;
create trigger ledger_postings_come_with_their_entry before insert on ledger_postings
    for each row execute function guard_ledger_posting();

create function guard_append_only() returns trigger language plpgsql as $$
begin
    raise exception using errcode = '23514', table = tg_table_name, constraint = tg_argv[0],
        message = format('%s is append-only', tg_table_name);
end
$$;
create trigger ledger_entries_append_only before update or delete or truncate on ledger_entries
    for each statement execute function guard_append_only('ledger_is_append_only');
create trigger ledger_postings_append_only before update or delete or truncate on ledger_postings
    for each statement execute function guard_append_only('ledger_is_append_only');
