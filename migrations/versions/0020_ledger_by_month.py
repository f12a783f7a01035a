"""The ledger in parts by month: what is old is dropped as a table."""

from pathlib import Path

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_SQL = Path(__file__).parent.parent / "sql"
_ENTER = "CREATE FUNCTION enter_run"
_GO_TOO = "CREATE FUNCTION drop_responses_of_runs"
_UNDO = """
    SET LOCAL enrich.all_tenants = 'on';
    DROP FUNCTION drop_ledger, add_ledger_part, extend_ledger;
    ALTER TABLE responses RENAME TO responses_by_month;
    ALTER INDEX ix_responses_row_id RENAME TO ix_responses_by_month_row_id;
    ALTER TABLE responses_by_month DROP CONSTRAINT pk_responses;
    CREATE TABLE responses (LIKE responses_by_month INCLUDING DEFAULTS);
    INSERT INTO responses SELECT * FROM responses_by_month;
    DO $$ DECLARE granted record; BEGIN
        FOR granted IN
            SELECT a.grantee::regrole AS role, a.privilege_type AS privilege
            FROM pg_class c, aclexplode(c.relacl) AS a
            WHERE c.oid = 'responses_by_month'::regclass AND a.grantee NOT IN (0, c.relowner)
        LOOP
            EXECUTE format('GRANT %s ON responses TO %s', granted.privilege, granted.role);
        END LOOP;
        EXECUTE format(
            'ALTER TABLE responses ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (START %s)',
            (SELECT coalesce(max(id), 0) + 1 FROM responses));
    END $$;
    DROP TABLE responses_by_month;
    ALTER TABLE responses DROP COLUMN filed_on;
    ALTER TABLE runs DROP COLUMN filed_on;
    ALTER TABLE responses ADD CONSTRAINT pk_responses PRIMARY KEY (id),
        ADD CONSTRAINT uq_responses_question
            UNIQUE (run_id, row_id, provider, input_key, batch, slot);
    CREATE INDEX ix_responses_row_id ON responses (row_id);
    CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON responses
        FOR EACH ROW EXECUTE FUNCTION responses_are_append_only();
    SELECT wall_in('responses', 'coalesce(tenant_id, tenant_of_run(run_id))');
    SET LOCAL enrich.all_tenants = '';
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    # A key of the whole ledger is made anew: minutes where that has tens of millions of lines.
    op.execute("SET LOCAL statement_timeout = 0")
    op.execute((_SQL / "0020_ledger_by_month.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    # A key of the whole ledger is made anew: minutes where that has tens of millions of lines.
    op.execute("SET LOCAL statement_timeout = 0")
    op.execute(_UNDO)
    op.execute(_before("0015_walls", _ENTER))
    op.execute(_before("0017_bulk", _GO_TOO))


def _before(file: str, begins: str) -> str:
    """Give a function as an earlier step made it."""
    text = (_SQL / f"{file}.sql").read_text(encoding="utf-8")
    body = text[text.index(begins) :]
    replacing = begins.replace("CREATE", "CREATE OR REPLACE")
    return replacing + body[len(begins) : body.index("END $$;")] + "END $$;"
