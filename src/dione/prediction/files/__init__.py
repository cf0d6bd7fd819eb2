"""What is written: blocks, canvases, cloud-optimised GeoTIFFs and what stands beside them."""
