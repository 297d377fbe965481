"""Data points of phone apps: Open mHealth's schemas and IEEE 1752.1, as FHIR."""
