"""HL7 version 2 messages. Pure: no Django, no I/O."""
