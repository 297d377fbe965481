"""One module per endpoint: parse, ask one question or give one order, answer."""
