"""What is looked at: the report, its pictures, the quicklook."""
