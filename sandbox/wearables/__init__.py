"""A simulated maker of watches and scales, as a process of its own: it speaks as Withings does, over real HTTP, with
real OAuth 2, and knows nothing of the rest."""
