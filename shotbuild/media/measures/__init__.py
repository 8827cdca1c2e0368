"""What can be measured of a delivered file, one file per question. Facts are plain values: text, whole numbers, truth."""
