"""PDF documents of a record, page by page: ``sheets`` asks, ``program`` draws in a process that can reach nothing."""
