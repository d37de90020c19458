"""What stands beside digitzip: image formats, general compressors, learned codecs."""
