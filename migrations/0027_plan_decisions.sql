-- Who gave a client or a site another plan, and why.

create table plan_decisions (
    id               uuid        primary key,
    user_id          uuid        references users,
    establishment_id uuid        references establishments,
    admin_id         uuid        not null references users,
    before           price_plan  not null,
    plan             price_plan  not null,
    reason           text        not null,
    created_at       timestamptz not null,
    constraint plan_is_of_one check ((user_id is null) <> (establishment_id is null))
);
create index plan_decisions_user on plan_decisions (user_id, id) where user_id is not null;
create index plan_decisions_site on plan_decisions (establishment_id, id) where establishment_id is not null;

create trigger plan_decisions_only_grow before update or delete or truncate on plan_decisions
    for each statement execute function guard_append_only('plan_decisions_only_grow');
