"""Tables of `earning`."""

from alembic import op

from hub.storage.isolation import protect

revision = "0016_earning"
down_revision = "0015_webhooks"
branch_labels = None
depends_on = None

_STATEMENTS = (
    """
    CREATE TABLE earn_ruleset (
        id TEXT NOT NULL,
        bank TEXT NOT NULL,
        code TEXT NOT NULL,
        state TEXT NOT NULL,
        effective_from DATE NOT NULL,
        effective_until DATE,
        document JSONB NOT NULL,
        activation INTEGER NOT NULL,
        proposed_by TEXT NOT NULL,
        proposed_at TIMESTAMP WITH TIME ZONE NOT NULL,
        activated_by TEXT NOT NULL,
        activated_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT earn_ruleset_pkey PRIMARY KEY (id),
        CONSTRAINT earn_ruleset_state_check CHECK (state IN ('proposed', 'active', 'withdrawn'))
    )
    """,
    "CREATE INDEX earn_ruleset_bank_idx ON earn_ruleset (bank, id)",
    """
    CREATE TABLE earn_bank (
        bank TEXT NOT NULL,
        state TEXT NOT NULL,
        reason TEXT NOT NULL,
        stopped_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT earn_bank_pkey PRIMARY KEY (bank),
        CONSTRAINT earn_bank_state_check CHECK (state IN ('open', 'stopped'))
    )
    """,
    """
    CREATE TABLE card_token (
        number BIGINT GENERATED ALWAYS AS IDENTITY,
        bank TEXT NOT NULL,
        token TEXT NOT NULL,
        member TEXT NOT NULL,
        product TEXT NOT NULL,
        tier TEXT NOT NULL,
        origin TEXT NOT NULL,
        linked_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT card_token_pkey PRIMARY KEY (number)
    )
    """,
    "CREATE UNIQUE INDEX card_token_bank_token_key ON card_token (bank, token)",
    "CREATE INDEX card_token_member_idx ON card_token (member)",
    """
    CREATE TABLE earn_target (
        bank TEXT NOT NULL,
        member TEXT NOT NULL,
        since DATE NOT NULL,
        unit TEXT NOT NULL,
        recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT earn_target_pkey PRIMARY KEY (bank, member, since)
    )
    """,
    """
    CREATE TABLE earn_pricing (
        number INTEGER GENERATED ALWAYS AS IDENTITY,
        bank TEXT NOT NULL,
        unit TEXT NOT NULL,
        terms TEXT NOT NULL,
        ruleset TEXT NOT NULL,
        chain TEXT NOT NULL,
        CONSTRAINT earn_pricing_pkey PRIMARY KEY (number)
    )
    """,
    "CREATE INDEX earn_pricing_bank_idx ON earn_pricing (bank, unit, terms, ruleset)",
    """
    CREATE TABLE earn_chunk (
        number BIGINT GENERATED ALWAYS AS IDENTITY,
        bank TEXT NOT NULL,
        source TEXT NOT NULL,
        taken_at TIMESTAMP WITH TIME ZONE NOT NULL,
        state TEXT NOT NULL,
        posted_at TIMESTAMP WITH TIME ZONE,
        run TEXT,
        CONSTRAINT earn_chunk_pkey PRIMARY KEY (number),
        CONSTRAINT earn_chunk_state_check CHECK (state IN ('posted', 'stopped'))
    )
    """,
    "CREATE INDEX earn_chunk_due_idx ON earn_chunk (bank, number) WHERE run IS NULL",
    """
    CREATE TABLE card_transaction (
        chunk BIGINT NOT NULL,
        line BIGINT NOT NULL,
        bank TEXT NOT NULL,
        id TEXT NOT NULL,
        token BIGINT NOT NULL,
        at TIMESTAMP WITH TIME ZONE NOT NULL,
        day DATE NOT NULL,
        amount BIGINT NOT NULL,
        currency TEXT NOT NULL,
        category TEXT NOT NULL,
        merchant TEXT NOT NULL,
        product TEXT NOT NULL,
        tier TEXT NOT NULL,
        original TEXT NOT NULL,
        kind TEXT NOT NULL,
        pricing INTEGER NOT NULL,
        points BIGINT NOT NULL,
        refunded BIGINT DEFAULT '0' NOT NULL,
        CONSTRAINT card_transaction_pkey PRIMARY KEY (chunk, line)
    )
    """,
    "CREATE UNIQUE INDEX card_transaction_bank_id_key ON card_transaction (bank, id)",
    "CREATE INDEX card_transaction_token_day_idx ON card_transaction (token, day)",
    """
    CREATE TABLE earn_refund (
        bank TEXT NOT NULL,
        id TEXT NOT NULL,
        chunk BIGINT NOT NULL,
        line BIGINT NOT NULL,
        token BIGINT NOT NULL,
        day DATE NOT NULL,
        amount BIGINT NOT NULL,
        currency TEXT NOT NULL,
        merchant TEXT NOT NULL,
        original TEXT NOT NULL,
        pricing INTEGER NOT NULL,
        state TEXT NOT NULL,
        matched TEXT NOT NULL,
        CONSTRAINT earn_refund_pkey PRIMARY KEY (bank, id),
        CONSTRAINT earn_refund_state_check CHECK (state IN ('matched', 'alone', 'held'))
    )
    """,
    "CREATE INDEX earn_refund_held_idx ON earn_refund (bank, day) WHERE state = 'held'",
    "CREATE INDEX earn_refund_original_idx ON earn_refund (bank, original) WHERE state <> 'matched'",
    "CREATE INDEX earn_refund_token_idx ON earn_refund (token)",
    """
    CREATE TABLE earn_adjustment (
        chunk BIGINT NOT NULL,
        number INTEGER NOT NULL,
        bank TEXT NOT NULL,
        transaction TEXT NOT NULL,
        token BIGINT NOT NULL,
        pricing INTEGER NOT NULL,
        points BIGINT NOT NULL,
        reason TEXT NOT NULL,
        CONSTRAINT earn_adjustment_pkey PRIMARY KEY (chunk, number)
    )
    """,
    "CREATE INDEX earn_adjustment_transaction_idx ON earn_adjustment (bank, transaction)",
    """
    CREATE TABLE earn_pool (
        bank TEXT NOT NULL,
        member TEXT NOT NULL,
        month DATE NOT NULL,
        unit TEXT NOT NULL,
        ruleset TEXT NOT NULL,
        spend BIGINT NOT NULL,
        sums TEXT NOT NULL,
        points BIGINT NOT NULL,
        CONSTRAINT earn_pool_pkey PRIMARY KEY (bank, member, month, unit, ruleset)
    )
    """,
    """
    CREATE TABLE earn_file (
        id TEXT NOT NULL,
        bank TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        name TEXT NOT NULL,
        state TEXT NOT NULL,
        place BIGINT NOT NULL,
        line BIGINT NOT NULL,
        handback_bytes BIGINT NOT NULL,
        counts JSONB NOT NULL,
        started_at TIMESTAMP WITH TIME ZONE NOT NULL,
        finished_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT earn_file_pkey PRIMARY KEY (id),
        CONSTRAINT earn_file_state_check CHECK (state IN ('open', 'done'))
    )
    """,
    "CREATE UNIQUE INDEX earn_file_open_key ON earn_file (bank, sha256) WHERE state = 'open'",
    """
    CREATE TABLE earn_block (
        id TEXT NOT NULL,
        bank TEXT NOT NULL,
        kind TEXT NOT NULL,
        unit TEXT NOT NULL,
        amount BIGINT NOT NULL,
        reorder_at BIGINT NOT NULL,
        reserve BOOLEAN NOT NULL,
        alerted BOOLEAN NOT NULL,
        created_by TEXT NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT earn_block_pkey PRIMARY KEY (id),
        CONSTRAINT earn_block_kind_check CHECK (kind IN ('points', 'deposit')),
        CONSTRAINT earn_block_amount_check CHECK (amount > 0)
    )
    """,
    "CREATE INDEX earn_block_bank_idx ON earn_block (bank, id)",
    """
    CREATE TABLE earn_payout (
        id TEXT NOT NULL,
        run TEXT NOT NULL,
        bank TEXT NOT NULL,
        partner TEXT NOT NULL,
        member TEXT NOT NULL,
        unit TEXT NOT NULL,
        terms TEXT NOT NULL,
        points BIGINT NOT NULL,
        state TEXT NOT NULL,
        reason TEXT NOT NULL,
        membership TEXT NOT NULL,
        leg TEXT NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT earn_payout_pkey PRIMARY KEY (id),
        CONSTRAINT earn_payout_state_check CHECK (state IN ('waiting', 'sent', 'paid', 'merged', 'by_hand'))
    )
    """,
    "CREATE INDEX earn_payout_bank_idx ON earn_payout (bank, id)",
    "CREATE INDEX earn_payout_member_idx ON earn_payout (member, id)",
    "CREATE INDEX earn_payout_waiting_idx ON earn_payout (bank, member) WHERE state = 'waiting'",
    """
    CREATE TABLE earn_claim (
        id TEXT NOT NULL,
        bank TEXT NOT NULL,
        token BIGINT NOT NULL,
        day DATE NOT NULL,
        amount BIGINT NOT NULL,
        transaction TEXT NOT NULL,
        merchant TEXT NOT NULL,
        answer TEXT NOT NULL,
        detail TEXT NOT NULL,
        points BIGINT,
        made_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT earn_claim_pkey PRIMARY KEY (id)
    )
    """,
    "CREATE INDEX earn_claim_bank_idx ON earn_claim (bank, id)",
)

_OF_BANK = (
    "earn_ruleset",
    "earn_bank",
    "card_token",
    "earn_target",
    "earn_pricing",
    "earn_chunk",
    "card_transaction",
    "earn_refund",
    "earn_adjustment",
    "earn_pool",
    "earn_file",
    "earn_block",
    "earn_claim",
)


def upgrade() -> None:
    """Create them; a bank reads its own rows, and the partner that points go to reads its payouts."""
    for statement in _STATEMENTS:
        op.execute(statement)

    op.execute("ALTER TABLE earn_pool SET (fillfactor = 70)")
    for table in _OF_BANK:
        protect(table, columns=("bank",))
    protect("earn_payout", columns=("bank", "partner"))


def downgrade() -> None:
    """Drop them."""
    for table in (*_OF_BANK, "earn_payout"):
        op.execute(f"DROP TABLE {table}")
