"""Shapes from outside: GeoJSON, KML and what GDAL reads of other vector files, all as one value, Features."""
