SET LOCAL lock_timeout = '5s';

-- What a right value of a column's cell is worth and a wrong one costs; null: as the settings say.
ALTER TABLE columns
    ADD COLUMN worth_microcredits bigint
        CONSTRAINT ck_columns_worth CHECK (worth_microcredits > 0),
    ADD COLUMN loss_microcredits bigint
        CONSTRAINT ck_columns_loss CHECK (loss_microcredits >= 0);
