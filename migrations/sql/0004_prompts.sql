-- What a language model is asked for a cell of the column; NULL where none is asked.
ALTER TABLE columns ADD COLUMN prompt jsonb
    CONSTRAINT ck_columns_prompt CHECK (prompt IS NULL OR jsonb_typeof(prompt) = 'object');
