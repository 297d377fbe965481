"""Public standards as pure functions: no Django, no I/O beyond our own data files, read once at import."""
