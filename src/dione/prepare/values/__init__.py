"""What the numbers of a few windows of each date say: whether they are reflectance, and whether an offset is in them."""
