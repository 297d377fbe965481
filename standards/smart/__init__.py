"""SMART App Launch 2.2 as pure functions: scopes, capability names."""
