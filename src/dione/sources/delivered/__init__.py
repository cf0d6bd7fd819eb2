"""VHR scenes as they are delivered: metadata of each sensor, its bands and gains, and the table of scenes."""
