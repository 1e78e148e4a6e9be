"""The Django floor: problem+json, strict input, the bell, in_db, read-only admin."""
