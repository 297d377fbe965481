"""HL7 Clinical Document Architecture (CDA R2, C-CDA), read tolerantly. Pure: no Django, no I/O."""
