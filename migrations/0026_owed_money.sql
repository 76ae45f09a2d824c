-- What is owed and was not collected: contracts of quotes, what goes back to public bodies, and credit notes over Chorus Pro.

-- A contract of a quote has no mission.
alter table payments drop constraint payment_is_for_one_thing;
alter table payments add constraint payment_is_for_one_thing
    check ((booking_id is null) <> (contract_id is null) and (mission_id is null or contract_id is not null));

-- From bank to bank: what a public body had paid.
alter type refund_way add value 'BANK';
-- It was transferred.
alter type ledger_event add value 'REFUND_TRANSFERRED';

alter table refunds
    -- Of what goes from bank to bank: since when it is owed. Its credit note is issued, and a person makes the transfer.
    add column owed_at            timestamptz,
    add column transferred_by     uuid references users,
    add column transfer_reference text;

-- The order (n° d'engagement) that a public body's invoices name where a payment names none of its own.
alter table establishments add column chorus_order_reference text;
alter table chorus_submissions
    add column service_code    text,
    add column order_reference text;

-- Credit notes of invoices that Chorus has.
create table chorus_credits (
    invoice_id uuid          primary key references invoices,
    payment_id uuid          not null references payments,
    status     chorus_status not null default 'PENDING',
    asked_at   timestamptz,
    flow       text          unique,
    state      text,
    reason     text,
    created_at timestamptz   not null,
    sent_at    timestamptz,
    ended_at   timestamptz,
    constraint chorus_credit_is_sent_with_a_flow check (status <> 'SENT' or flow is not null)
);
create index chorus_credits_sent on chorus_credits (sent_at) where status = 'SENT';

-- A contract is issued when it is made.
alter table contracts alter column status set default 'PENDING';
