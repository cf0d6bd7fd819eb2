"""Files that appear whole or not at all, and documents and tables that are read with care."""
