"""The database: tables, types, dialects, permissions, migrations."""
