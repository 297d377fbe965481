"""Bulk export (Bulk Data Access 3.0.0): asked for by a backend service, made by a worker, fetched in files."""
