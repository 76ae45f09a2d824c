-- A mission that nobody began ends a week after it should have.
alter type cancel_cause add value 'NOT_STARTED' before 'ACCOUNT';
