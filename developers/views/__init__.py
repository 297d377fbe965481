"""Pages and endpoints for those who write apps: parse, ask one question or give one order, answer."""
