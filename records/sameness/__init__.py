"""The same fact told by several sources: found when it is asked for, kept nowhere (DESIGN D11, docs/adr/0025)."""
