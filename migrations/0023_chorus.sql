-- Public bodies pay later, by invoice over Chorus Pro, within a credit line that the platform gives them.

alter table establishments add column credit_used_cents bigint not null default 0;

create type chorus_status as enum ('PENDING', 'SENT', 'PAID', 'REJECTED', 'WITHDRAWN');

-- A payment by Chorus Pro, from the day it is deferred. While it is PENDING or SENT it takes a part of its site's credit.
create table chorus_submissions (
    payment_id       uuid          primary key references payments,
    establishment_id uuid          not null references establishments,
    amount_cents     bigint        not null,
    status           chorus_status not null default 'PENDING',
    -- The talent's invoice, issued when the work is done.
    invoice_id       uuid          unique references invoices,
    -- When Chorus was first asked to take it: whoever does not know the answer looks for the invoice before asking again.
    asked_at         timestamptz,
    -- Chorus's number of the flow.
    flow             text          unique,
    -- Where it stands, in Chorus's words, and why it is refused or waits.
    state            text,
    reason           text,
    created_at       timestamptz   not null,
    sent_at          timestamptz,
    ended_at         timestamptz,
    constraint chorus_is_sent_with_a_flow check (status not in ('SENT', 'PAID') or flow is not null)
);
create index chorus_sent on chorus_submissions (sent_at) where status = 'SENT';
