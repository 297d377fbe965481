"""Django's PostgreSQL, told before each statement whose rows this process is about (docs/adr/0024)."""
