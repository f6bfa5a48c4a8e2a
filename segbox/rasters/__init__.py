"""`segbox raster`: class maps of rasters of any size, strip by strip."""
