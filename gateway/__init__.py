"""The authorization server: registered apps, SMART scopes, the consent page, tokens, keys, discovery."""
