-- Who waits for a row of a run that several callers share. An id comes once, so that a request which
-- is delivered twice is one caller; it is kept for as long as that may happen.
CREATE TABLE callers (
    id text NOT NULL CONSTRAINT pk_callers PRIMARY KEY,
    run_id bigint NOT NULL CONSTRAINT fk_callers_run_id_runs REFERENCES runs ON DELETE CASCADE,
    row_id bigint NOT NULL,
    is_single boolean NOT NULL,
    asked_at timestamptz NOT NULL DEFAULT now(),
    answered_at timestamptz
) WITH (fillfactor = 80);
CREATE INDEX ix_callers_run_id ON callers (run_id);
CREATE INDEX ix_callers_waiting ON callers (asked_at) WHERE answered_at IS NULL;
CREATE INDEX ix_callers_asked_at ON callers USING brin (asked_at);
