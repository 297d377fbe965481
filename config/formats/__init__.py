"""How languages write moments, where Django's own way does not fit into a sentence."""
