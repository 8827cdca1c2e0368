"""Who makes the takes: one file per provider, each without state, sleep or retry (the engine owns those)."""
