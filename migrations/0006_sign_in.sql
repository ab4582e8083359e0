-- Failed sign-ins by name ('name:…') and by address ('address:…'), whether or not there is such a user.
CREATE TABLE sign_in_failures (
    subject   text PRIMARY KEY,
    failures  integer NOT NULL CHECK (failures > 0),
    last_at   timestamptz NOT NULL,
    locked_to timestamptz
);
