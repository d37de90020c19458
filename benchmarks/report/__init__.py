"""Results as tables and figures; nothing here measures."""
