"""Model configurations: parameters counted from a config.json, and configurations for a target."""
