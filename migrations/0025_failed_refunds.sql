-- Refunds that Stripe took and that came back, days later: a card that is closed takes nothing. A fact each, by Stripe's name of the
-- refund: they only become more, in whatever order they come.

alter type ledger_account add value 'OWED_BACK'; -- what we owe payers: their refund came back, or is a transfer still to be made
alter type ledger_event add value 'REFUND_FAILED';

create table failed_refunds (
    refund_id    text        primary key,
    payment_id   uuid        not null references payments,
    -- Ours, as its metadata says; none where somebody made it on Stripe's own pages.
    own_id       uuid,
    amount_cents bigint      not null check (amount_cents > 0),
    -- In Stripe's words.
    reason       text,
    failed_at    timestamptz not null
);
create index failed_refunds_payment on failed_refunds (payment_id);

-- The sum of them.
alter table payments add column failed_refund_cents bigint not null default 0 check (failed_refund_cents >= 0);
