"""Readings over time: home beside clinic, trends, and what stands out by published rules. Computed, kept nowhere."""
