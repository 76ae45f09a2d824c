-- What goes back from bank to bank is one list: what public bodies had paid, refunds that came back, and refunds that Stripe refused.

-- What was to be transferred had come to its payer in another way.
alter type ledger_event add value 'TRANSFER_COVERED';

create table bank_transfers (
    id               uuid        primary key,
    payment_id       uuid        not null references payments,
    -- What it gives back: a refund of ours, or one of Stripe's that came back.
    refund_id        uuid        unique references refunds,
    failed_refund_id text        unique references failed_refunds,
    amount_cents     bigint      not null check (amount_cents > 0),
    -- What of it the payer has got otherwise by now, through a bank or on Stripe's own pages. Only the rest is transferred.
    covered_cents    bigint      not null default 0,
    due_since        timestamptz not null,
    -- When somebody made it, or nothing was left of it.
    made_at          timestamptz,
    made_by          uuid        references users,
    reference        text,
    constraint bank_transfer_is_for_one_thing check (num_nonnulls(refund_id, failed_refund_id) = 1),
    constraint bank_transfer_is_covered_at_most_whole check (covered_cents between 0 and amount_cents),
    constraint bank_transfer_is_made_by_somebody check (num_nonnulls(made_by, reference) in (0, 2)),
    constraint bank_transfer_is_due_or_made_or_covered
        check (case when covered_cents = amount_cents then made_at is not null and made_by is null
                    else (made_at is null) = (made_by is null) end)
);
create index bank_transfers_age on bank_transfers (due_since desc, id desc);
create index bank_transfers_payment on bank_transfers (payment_id);

-- What went back from bank to bank. Until now it stood among what Stripe says has gone back, which knows nothing of it.
alter table payments add column transferred_cents bigint not null default 0 check (transferred_cents >= 0);

-- A UUIDv7 of that time.
create function pg_temp.uuid_of(at timestamptz) returns uuid language sql as $$
    select (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '7'
            || substr(replace(gen_random_uuid()::text, '-', ''), 14))::uuid
$$;
insert into bank_transfers (id, payment_id, refund_id, amount_cents, due_since, made_at, made_by, reference)
select pg_temp.uuid_of(owed_at), payment_id, id, amount_cents, owed_at, case when transferred_by is not null then ended_at end,
       transferred_by, transfer_reference
  from refunds where owed_at is not null;
insert into bank_transfers (id, payment_id, failed_refund_id, amount_cents, due_since)
select pg_temp.uuid_of(e.created_at), f.payment_id, f.refund_id, f.amount_cents, e.created_at
  from failed_refunds f join ledger_entries e on e.cause = 'refund-failed:' || f.refund_id;
update payments p set refunded_cents = p.refunded_cents - made.cents, transferred_cents = made.cents
  from (select payment_id, sum(amount_cents) as cents from bank_transfers where made_at is not null group by payment_id) made
 where p.id = made.payment_id;

-- That a refund is owed, and how it was transferred, its row there says. `owed_at`, `transferred_by` and `transfer_reference` of refunds
-- stay until nothing runs any more that was written before.
create index refunds_age on refunds (created_at desc, id desc);
create index refunds_failed on refunds (created_at desc, id desc) where status = 'FAILED';
