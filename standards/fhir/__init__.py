"""HL7 FHIR R4 (4.0.1) as pure functions over resources, which are plain dicts in FHIR JSON spelling."""
