"""Sharp references: their clouds, statistics and colours, sharpened, registered, and paired with a series."""
