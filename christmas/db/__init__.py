"""The database: engine, tables, types, what differs between dialects, and migrations."""
